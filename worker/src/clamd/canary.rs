//! What a clamd is tried with, to see whether its "OK" may be believed, and what its answers say about its settings.
//!
//! clamd does not tell its limits. Beyond them it says OK without having looked, unless it is told to alert, and Debian's
//! package does not tell it to. So four contents are sent that nobody else would send: the EICAR test file; the same
//! within more mails than clamd goes into; an encrypted archive; and a mail as large as we would send one, with the test
//! file at its end.

use super::reply::Answer;
use crate::eicar::{eicar, eicar_mail};

/// Mails within mails, far beyond any `MaxRecursion`: clamd takes no more than 100 there.
const NESTED: usize = 120;
/// Bytes of a line of filler, its end included: the longest that a mail may have.
const LINE_BYTES: usize = 1000;

/// A content to be scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Probe {
    /// Must be found.
    Eicar,
    /// Must not be OK, unless all of it was looked into.
    Nested,
    /// Must not be OK.
    Encrypted,
    /// Must not be OK, unless all of it was looked into.
    Large,
}

/// What an answer says about the clamd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// As it should be.
    Good,
    /// It is safe to use, but could be set better.
    Advice(String),
    /// Its OK is worth nothing.
    Bad(String),
}

impl Probe {
    /// The content; the large one has `bytes` bytes, or is as small as it can be.
    pub(super) fn content(self, bytes: usize) -> Vec<u8> {
        match self {
            Self::Eicar => eicar(),
            Self::Nested => nested(),
            Self::Encrypted => encrypted(),
            Self::Large => large(bytes),
        }
    }

    /// What `answer` says; `bytes` is the size up to which mails are sent.
    pub(super) fn judge(self, answer: &Answer, bytes: usize) -> Judgement {
        use Judgement::{Advice, Bad, Good};
        let mib = bytes.div_ceil(1024 * 1024).max(1);
        match (self, answer) {
            (Self::Eicar | Self::Nested | Self::Large, Answer::Infected(_)) => Good,
            (Self::Eicar, other) => {
                Bad(format!("it does not find the EICAR test file, and says {}", said(other)))
            }
            (Self::Nested, Answer::OverLimit(_)) => Good,
            (Self::Nested, Answer::Clean) => Advice(
                "it says OK to what it does not look into: set AlertExceedsMax yes in clamd.conf".into(),
            ),
            (Self::Encrypted, Answer::Clean) => {
                Advice("it says OK to encrypted archives: set AlertEncrypted yes in clamd.conf".into())
            }
            (Self::Encrypted, Answer::Infected(_) | Answer::Encrypted(_) | Answer::OverLimit(_)) => Good,
            (Self::Large, Answer::Clean) => Bad(format!(
                "it says OK to a mail of {bytes} bytes without having looked into all of it: in clamd.conf set \
                 MaxFileSize {mib}M, MaxScanSize {}M or more, and AlertExceedsMax yes; or lower the size up to which \
                 mails are sent to it",
                mib.saturating_mul(4)
            )),
            (Self::Large, Answer::OverLimit(name)) if name.starts_with("Heuristics.") => Advice(format!(
                "it does not look into all of a mail of {bytes} bytes: in clamd.conf set MaxFileSize {mib}M and \
                 MaxScanSize {}M or more",
                mib.saturating_mul(4)
            )),
            (Self::Large, Answer::OverLimit(_)) => Advice(format!(
                "it does not take a mail of {bytes} bytes: set StreamMaxLength {mib}M or more in clamd.conf, or lower \
                 the size up to which mails are sent to it"
            )),
            (Self::Nested | Self::Encrypted | Self::Large, other) => {
                Advice(format!("it cannot be tried for its limits, and says {}", said(other)))
            }
        }
    }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Clean => "OK".into(),
        Answer::Infected(name) | Answer::OverLimit(name) | Answer::Encrypted(name) => {
            crate::text::printable(name)
        }
        Answer::Error(reason) => crate::text::printable(reason),
    }
}

fn nested() -> Vec<u8> {
    let head = b"From: canary@mailweir.invalid\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n";
    [head.repeat(NESTED), eicar_mail()].concat()
}

/// A zip archive of one file, said to be encrypted.
fn encrypted() -> Vec<u8> {
    const NAME: &[u8] = b"canary.txt";
    const DATA: &[u8] = b"not encrypted at all, who looks?";
    let number = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
    // Version 2.0, encrypted, stored, 1 January 1980, some checksum, sizes, length of the name.
    let mut file = vec![20, 0, 1, 0, 0, 0, 0, 0, 0x21, 0, 1, 2, 3, 4];
    file.extend(number(DATA.len()));
    file.extend(number(DATA.len() - 12));
    file.extend([u8::try_from(NAME.len()).unwrap_or_default(), 0, 0, 0]);
    let local = [b"PK\x03\x04", file.as_slice(), NAME, DATA].concat();
    let central = [b"PK\x01\x02\x14\0", file.as_slice(), &[0; 14], NAME].concat();
    let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &number(central.len()), &number(local.len()), &[0, 0]];
    [local, central.clone(), end.concat()].concat()
}

/// A mail with a long attachment and the test file behind it. It is cheap for clamd: no line has to be decoded.
fn large(bytes: usize) -> Vec<u8> {
    let start = "From: canary@mailweir.invalid\r\nMIME-Version: 1.0\r\n\
                 Content-Type: multipart/mixed; boundary=canary\r\n\r\n--canary\r\n\
                 Content-Type: application/octet-stream\r\n\
                 Content-Disposition: attachment; filename=filler\r\n\r\n";
    let between = "\r\n--canary\r\nContent-Type: application/octet-stream\r\n\
                   Content-Disposition: attachment; filename=eicar.com\r\n\r\n";
    let end = [between.as_bytes(), &eicar(), b"\r\n--canary--\r\n"].concat();
    let filler = bytes.saturating_sub(start.len() + end.len());
    let mut content = Vec::with_capacity(bytes.max(start.len() + end.len()));
    content.extend_from_slice(start.as_bytes());
    let line = [vec![b'x'; LINE_BYTES - 2], b"\r\n".to_vec()].concat();
    for _ in 0..filler / LINE_BYTES {
        content.extend_from_slice(&line);
    }
    content.extend(std::iter::repeat_n(b'x', filler % LINE_BYTES));
    content.extend(end);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_one_has_the_size_that_it_is_to_have() {
        for bytes in [1000, 1001, 1999, 2000, 25 * 1024 * 1024] {
            let content = large(bytes);
            assert_eq!(content.len(), bytes);
            assert!(memchr::memmem::find(&content, &eicar()).is_some_and(|at| at > bytes - 100));
        }
        assert!(large(0).len() < 1000);
    }

    #[test]
    fn every_answer_is_judged() {
        let all = [
            Answer::Clean,
            Answer::Infected("Eicar".into()),
            Answer::OverLimit("Heuristics.Limits.Exceeded".into()),
            Answer::OverLimit("stream size limit of clamd".into()),
            Answer::Encrypted("Heuristics.Encrypted.Zip".into()),
            Answer::Error("no memory".into()),
        ];
        // G as it should be, a an advice, B not to be used.
        let expected = [
            (Probe::Eicar, "BGBBBB"),
            (Probe::Nested, "aGGGaa"),
            (Probe::Encrypted, "aGGGGa"),
            (Probe::Large, "BGaaaa"),
        ];
        for (probe, expected) in expected {
            let judged: String = all
                .iter()
                .map(|answer| match probe.judge(answer, 1) {
                    Judgement::Good => 'G',
                    Judgement::Advice(_) => 'a',
                    Judgement::Bad(_) => 'B',
                })
                .collect();
            assert_eq!(judged, expected, "{probe:?}");
        }
    }

    #[test]
    fn the_lines_to_change_are_named() {
        let words = |probe: Probe, answer: Answer| match probe.judge(&answer, 25 * 1024 * 1024 + 1) {
            Judgement::Good => String::new(),
            Judgement::Advice(text) | Judgement::Bad(text) => text,
        };
        let large = words(Probe::Large, Answer::Clean);
        for line in ["MaxFileSize 26M", "MaxScanSize 104M", "AlertExceedsMax yes"] {
            assert!(large.contains(line), "{large}");
        }
        let stream = words(Probe::Large, Answer::OverLimit("stream size limit of clamd".into()));
        assert!(stream.contains("StreamMaxLength 26M"), "{stream}");
        assert!(words(Probe::Nested, Answer::Clean).contains("AlertExceedsMax yes"));
        assert!(words(Probe::Encrypted, Answer::Clean).contains("AlertEncrypted yes"));
    }
}
