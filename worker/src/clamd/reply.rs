//! The grammar of clamd's answers within a session, as strict as it can be: what is not in it is a failed scan.
//!
//! An answer is `<id>: stream: OK`, `<id>: stream: <name> FOUND` or `<id>: <reason> ERROR`, with a NUL behind it. The
//! id counts the requests of the session from one. To FILDES it says `fd[<number>]` instead of `stream`.

use thiserror::Error;

/// Longest answer, in bytes, NUL included.
pub(super) const REPLY_BYTES_MAX: usize = 4096;

/// What clamd says of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// All of it was looked at and nothing was found.
    Clean,
    /// Infected, by this name.
    Infected(String),
    /// Not wholly looked at: above a limit of clamd.
    OverLimit(String),
    /// Not wholly looked at: behind a password.
    Encrypted(String),
    /// clamd could not scan.
    Error(String),
}

/// What an answer is to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// `stream`
    Stream,
    /// `fd[7]`, the number being clamd's own.
    Descriptor,
}

impl Subject {
    /// What stands behind it.
    fn strip(self, body: &str) -> Option<&str> {
        match self {
            Self::Stream => body.strip_prefix("stream: "),
            Self::Descriptor => {
                let (number, rest) = body.strip_prefix("fd[")?.split_once("]: ")?;
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then_some(rest)
            }
        }
    }
}

/// The answer is not in the grammar.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum GrammarError {
    #[error("the answer holds control characters or is no text")]
    NotText,
    #[error("the answer is not to request {expected}")]
    WrongId { expected: u32 },
    #[error("the answer is neither OK, FOUND nor ERROR")]
    Unknown,
}

/// What stands behind the id: one printable line.
pub(super) fn body(line: &[u8], id: u32) -> Result<&str, GrammarError> {
    let text = std::str::from_utf8(line).map_err(|_| GrammarError::NotText)?;
    if text.chars().any(char::is_control) {
        return Err(GrammarError::NotText);
    }
    text.strip_prefix(&format!("{id}: ")).ok_or(GrammarError::WrongId { expected: id })
}

/// Reads the answer to request `id` about `subject`; `line` is without its NUL.
pub(super) fn parse(line: &[u8], id: u32, subject: Subject) -> Result<Answer, GrammarError> {
    let body = body(line, id)?;
    if let Some(reason) = body.strip_suffix(" ERROR").filter(|reason| !reason.is_empty()) {
        let is_over_limit = reason.starts_with("INSTREAM size limit exceeded");
        return Ok(if is_over_limit {
            Answer::OverLimit("stream size limit of clamd".into())
        } else {
            Answer::Error(reason.into())
        });
    }
    let result = subject.strip(body).ok_or(GrammarError::Unknown)?;
    if result == "OK" {
        return Ok(Answer::Clean);
    }
    let name =
        result.strip_suffix(" FOUND").filter(|name| !name.trim().is_empty()).ok_or(GrammarError::Unknown)?;
    // With AlertExceedsMax and AlertEncrypted clamd names what it did not look into as if it were a virus.
    Ok(if name.starts_with("Heuristics.Limits.Exceeded") {
        Answer::OverLimit(name.into())
    } else if name.starts_with("Heuristics.Encrypted.") {
        Answer::Encrypted(name.into())
    } else {
        Answer::Infected(name.into())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Without the words of an error, which name the subject.
    fn names(answer: Answer) -> Answer {
        match answer {
            Answer::Error(_) => Answer::Error(String::new()),
            Answer::Clean | Answer::Infected(_) | Answer::OverLimit(_) | Answer::Encrypted(_) => answer,
        }
    }

    #[test]
    fn answers_in_the_grammar() {
        let cases = [
            ("1: stream: OK", Answer::Clean),
            ("1: stream: Eicar-Test-Signature FOUND", Answer::Infected("Eicar-Test-Signature".into())),
            ("1: stream: odd name FOUND", Answer::Infected("odd name".into())),
            ("1: stream: OK FOUND", Answer::Infected("OK".into())),
            ("1: stream: ERROR FOUND", Answer::Infected("ERROR".into())),
            (
                "1: stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND",
                Answer::OverLimit("Heuristics.Limits.Exceeded.MaxFileSize".into()),
            ),
            (
                "1: stream: Heuristics.Limits.Exceeded FOUND",
                Answer::OverLimit("Heuristics.Limits.Exceeded".into()),
            ),
            (
                "1: stream: Heuristics.Encrypted.Zip FOUND",
                Answer::Encrypted("Heuristics.Encrypted.Zip".into()),
            ),
            (
                "1: INSTREAM size limit exceeded. ERROR",
                Answer::OverLimit("stream size limit of clamd".into()),
            ),
            ("1: stream: Can't open file ERROR", Answer::Error("stream: Can't open file".into())),
        ];
        for (line, answer) in cases {
            assert_eq!(parse(line.as_bytes(), 1, Subject::Stream), Ok(answer.clone()), "{line}");
            let line = line.replace("stream: ", "fd[12]: ");
            assert_eq!(
                parse(line.as_bytes(), 1, Subject::Descriptor).map(names),
                Ok(names(answer)),
                "{line}"
            );
        }
        assert_eq!(parse(b"4711: stream: OK", 4711, Subject::Stream), Ok(Answer::Clean));
    }

    #[test]
    fn answers_outside_the_grammar() {
        let cases: [&[u8]; 24] = [
            b"",
            b"OK",
            b"stream: OK",
            b"1 stream: OK",
            b"1:stream: OK",
            b"1: stream:OK",
            b"1: OK",
            b"1: stream: ok",
            b"1: stream: OK ",
            b" 1: stream: OK",
            b"01: stream: OK",
            b"2: stream: OK",
            b"11: stream: OK",
            b"-1: stream: OK",
            b"1: stream: OK\n",
            b"1: stream: OK\n1: stream: x FOUND",
            b"1: stream: x FOUND\n",
            b"1: stream:  FOUND",
            b"1: stream: FOUND",
            b"1: file: OK",
            b"1: PONG",
            b"1: COMMAND READ TIMED OUT",
            b"1:  ERROR",
            b"1: stream: \xff\xfe FOUND",
        ];
        for line in cases {
            let answer = parse(line, 1, Subject::Stream);
            assert!(answer.is_err(), "{:?} -> {answer:?}", String::from_utf8_lossy(line));
        }
        for line in
            ["stream: OK", "fd: OK", "fd[]: OK", "fd[1: OK", "fd[-1]: OK", "fd[1]:OK", "fd[1]OK", "fd[x]: OK"]
        {
            assert!(parse(format!("1: {line}").as_bytes(), 1, Subject::Descriptor).is_err(), "{line}");
        }
        assert!(parse(b"1: fd[1]: OK", 1, Subject::Stream).is_err());
    }

    proptest! {
        #[test]
        fn only_the_one_string_is_clean(line in proptest::collection::vec(any::<u8>(), 0..40), id in 0u32..20) {
            let clean = line == format!("{id}: stream: OK").into_bytes();
            prop_assert_eq!(parse(&line, id, Subject::Stream) == Ok(Answer::Clean), clean);
        }

        #[test]
        fn one_changed_byte_is_never_clean(at in 0usize..13, byte in any::<u8>()) {
            let mut line = b"1: stream: OK".to_vec();
            prop_assume!(line[at] != byte);
            line[at] = byte;
            prop_assert_ne!(parse(&line, 1, Subject::Stream), Ok(Answer::Clean));
        }
    }
}
