//! The grammar of spamd's answers, as strict as it can be: what is not in it is a failed scan.
//!
//! `SPAMD/1.1 0 EX_OK`, header fields of which `Content-length` and `Spam: True ; 7.3 / 5.0` must be there once, an empty
//! line, and a body of exactly that length: names of rules with commas between them, or a report.

use thiserror::Error;

use proto::{Points, SpamScore, Symbol};

use crate::pool::client::Failure;

/// Longest answer, in bytes.
pub(super) const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Most rules of one mail.
const SYMBOLS_MAX: usize = 500;
/// Longest name of a rule.
const SYMBOL_BYTES_MAX: usize = 128;

/// The answer is not in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum GrammarError {
    #[error("the first line is not spamd's")]
    Status,
    #[error("the header is no header")]
    Header,
    #[error("the length is missing or no length")]
    Length,
    #[error("the body is not as long as it says")]
    Body,
    #[error("the score is missing or no score")]
    Score,
    #[error("the rules are no rules, or too many")]
    Symbols,
}

/// Reads the answer to SYMBOLS, or to REPORT.
pub(super) fn parse(reply: &[u8], is_report: bool) -> Result<SpamScore, Failure> {
    let (head, body) = split(reply)?;
    read(head, body, is_report).map_err(Failure::grammar)
}

/// Reads the answer to PING.
pub(super) fn parse_pong(reply: &[u8]) -> Result<String, Failure> {
    let text = std::str::from_utf8(reply).unwrap_or_default();
    let version = text.strip_suffix(" 0 PONG\r\n").filter(|version| is_version(version));
    version.map(str::to_owned).ok_or(Failure::grammar(GrammarError::Status))
}

/// Whether it claims that all is well.
pub(super) fn is_success(reply: &[u8]) -> bool {
    split(reply).is_ok()
}

fn is_version(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() < 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix("SPAMD/")
        .and_then(|text| text.split_once('.'))
        .is_some_and(|(a, b)| digits(a) && digits(b))
}

/// Takes the first line off; one that tells of an error is the scanner's refusal.
fn split(reply: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let status = || Failure::grammar(GrammarError::Status);
    let end = memchr::memmem::find(reply, b"\r\n").ok_or_else(status)?;
    let (line, rest) = reply.split_at(end);
    let line = std::str::from_utf8(line).map_err(|_| status())?;
    let mut words = line.splitn(3, ' ');
    let (version, code, message) = (words.next(), words.next(), words.next());
    if !version.is_some_and(is_version) {
        return Err(status());
    }
    match (code, message) {
        (Some("0"), Some("EX_OK")) => {}
        (Some(code), Some(message)) if code != "0" && code.parse::<u16>().is_ok() => {
            return Err(Failure::Refused(format!("{code} {}", crate::text::printable(message))));
        }
        _ => return Err(status()),
    }
    let at = memchr::memmem::find(rest, b"\r\n\r\n").ok_or(Failure::grammar(GrammarError::Header))?;
    // The line end of the first line begins the fields, so that each has one before it.
    let (head, body) = rest.split_at(at);
    Ok((head, body.get(4..).unwrap_or_default()))
}

fn read(head: &[u8], body: &[u8], is_report: bool) -> Result<SpamScore, GrammarError> {
    let head = std::str::from_utf8(head).map_err(|_| GrammarError::Header)?;
    let (mut length, mut score) = (None, None);
    for line in head.split("\r\n").skip(1) {
        let (name, value) = line.split_once(':').ok_or(GrammarError::Header)?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_name || value.chars().any(char::is_control) {
            return Err(GrammarError::Header);
        }
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && length.replace(parse_length(value)?).is_some() {
            return Err(GrammarError::Length);
        }
        if name.eq_ignore_ascii_case("spam") && score.replace(parse_score(value)?).is_some() {
            return Err(GrammarError::Score);
        }
    }
    if body.len() != length.ok_or(GrammarError::Length)? {
        return Err(GrammarError::Body);
    }
    let (score, threshold) = score.ok_or(GrammarError::Score)?;
    let body = String::from_utf8_lossy(body);
    let (symbols, report) =
        if is_report { (rows(&body)?, Some(body.into_owned())) } else { (names(&body)?, None) };
    let threshold = Some(threshold);
    Ok(SpamScore { score, threshold, symbols, report, ..SpamScore::default() })
}

fn parse_length(value: &str) -> Result<usize, GrammarError> {
    let is_number = !value.is_empty() && value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit());
    if is_number { value.parse().map_err(|_| GrammarError::Length) } else { Err(GrammarError::Length) }
}

/// `True ; 7.3 / 5.0`
fn parse_score(value: &str) -> Result<(Points, Points), GrammarError> {
    let (word, numbers) = value.split_once(" ; ").ok_or(GrammarError::Score)?;
    let (score, threshold) = numbers.split_once(" / ").ok_or(GrammarError::Score)?;
    if !["True", "False", "Yes", "No"].contains(&word) {
        return Err(GrammarError::Score);
    }
    let points = |text: &str| text.parse::<Points>().map_err(|_| GrammarError::Score);
    Ok((points(score)?, points(threshold)?))
}

fn is_symbol(name: &str) -> bool {
    (1..=SYMBOL_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Names with commas between them, perhaps with a line end behind.
fn names(body: &str) -> Result<Vec<Symbol>, GrammarError> {
    let body = body.trim_end_matches(['\r', '\n']);
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let mut symbols = Vec::new();
    for name in body.split(',') {
        if !is_symbol(name) || symbols.len() == SYMBOLS_MAX {
            return Err(GrammarError::Symbols);
        }
        symbols.push(Symbol { name: name.to_owned(), score: None });
    }
    Ok(symbols)
}

/// The rows of the table in a report: points, name, and a description. The report is a text for people, so a line that
/// is none is passed over.
fn rows(body: &str) -> Result<Vec<Symbol>, GrammarError> {
    let mut symbols = Vec::new();
    let table = body.lines().skip_while(|line| !line.trim_start().starts_with("---- ---"));
    for line in table.skip(1) {
        let mut words = line.split_whitespace();
        let score = words.next().and_then(|word| word.parse::<Points>().ok());
        let name = words.next().filter(|name| is_symbol(name));
        let (Some(score), Some(name)) = (score, name) else { continue };
        if symbols.len() == SYMBOLS_MAX {
            return Err(GrammarError::Symbols);
        }
        symbols.push(Symbol { name: name.to_owned(), score: Some(score) });
    }
    Ok(symbols)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "SPAMD/1.1 0 EX_OK\r\nContent-length: 8\r\nSpam: True ; 7.3 / 5.0\r\n\r\nGTUBE,_X";

    fn points(text: &str) -> Points {
        text.parse().unwrap()
    }

    #[test]
    fn what_spamd_says_is_read() {
        let said = parse(GOOD.as_bytes(), false).unwrap();
        let names: Vec<_> = said.symbols.iter().map(|symbol| symbol.name.as_str()).collect();
        assert_eq!(
            (said.score, said.threshold, &*names),
            (points("7.3"), Some(points("5")), &["GTUBE", "_X"][..])
        );
        // As version 4.0.1 writes it for a mail that is none.
        let ham = "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; -0.0 / 5.0\r\n\r\n";
        assert_eq!(parse(ham.as_bytes(), false).unwrap().score, Points::ZERO);
        assert_eq!(parse_pong(b"SPAMD/1.5 0 PONG\r\n").unwrap(), "SPAMD/1.5");
        assert!(parse_pong(b"SPAMD/1.5 1 PONG\r\n").is_err());
    }

    #[test]
    fn a_report_is_kept_and_its_table_read() {
        let body = "Content preview: 9.9 NOT_A_RULE x\n\n pts rule name              description\n\
                    ---- ---------------------- -----------\n-0.0 NO_RECEIVED            Informational\n\
                    1000 GTUBE                  BODY: Test\n                            more of it\n\n";
        let reply = format!(
            "SPAMD/1.1 0 EX_OK\r\nContent-length: {}\r\nSpam: True ; 1000.0 / 5.0\r\n\r\n{body}",
            body.len()
        );
        let said = parse(reply.as_bytes(), true).unwrap();
        let symbol = |name: &str, score| Symbol { name: name.into(), score: Some(points(score)) };
        assert_eq!(said.symbols, [symbol("NO_RECEIVED", "-0.0"), symbol("GTUBE", "1000")]);
        assert_eq!(said.report.as_deref(), Some(body));
    }

    #[test]
    fn an_error_of_spamd_is_told_in_its_words() {
        let failure = parse(b"SPAMD/1.0 76 Bad header line: x\r\n", false).unwrap_err();
        assert_eq!(failure.chain(), "76 Bad header line: x");
    }

    #[test]
    fn everything_else_is_a_failure() {
        let changed = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            GOOD.replacen(from, to, 1)
        };
        let many = "A,".repeat(600) + "A";
        let cases = [
            String::new(),
            "garbage".into(),
            "SPAMD/1.1 0 EX_OK\r\n".into(),
            changed("SPAMD", "spamd"),
            changed("1.1", "x"),
            changed(" 0 ", " "),
            changed(" 0 ", " -1 "),
            changed("EX_OK", "EX_OKAY"),
            changed("Content-length: 8\r\n", ""),
            changed("length: 8", "length: -8"),
            changed("length: 8", "length: +8"),
            changed("length: 8", "length: 9"),
            changed("length: 8", "length: 7"),
            changed("length: 8", "length: 99999999999999999999"),
            changed("length: 8", "length: 8\r\nContent-length: 8"),
            changed("Spam: True ; 7.3 / 5.0\r\n", ""),
            changed("Spam:", "Spam: True ; 1 / 5\r\nSpam:"),
            changed("True", "Maybe"),
            changed("7.3", "nan"),
            changed("7.3", "-inf"),
            changed("7.3", "1e400"),
            changed("7.3", "1e3"),
            changed("7.3", &"9".repeat(400)),
            changed("7.3", ""),
            changed(" / 5.0", ""),
            changed("5.0", "inf"),
            changed("GTUBE", "GT BE"),
            changed("GTUBE,_X", "GTUBE,,X"),
            changed("length: 8", "length 8"),
            changed("Spam", "Sp\0m"),
            changed("length: 8", &format!("length: {}", many.len())).replace("GTUBE,_X", &many),
        ];
        for reply in cases {
            assert!(parse(reply.as_bytes(), false).is_err(), "{reply:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(reply in proptest::collection::vec(any::<u8>(), 0..300), is_report: bool) {
            let _result = parse(&reply, is_report);
            let mut close = GOOD.as_bytes().to_vec();
            close.splice(20.., reply);
            let _result = parse(&close, is_report);
        }

        #[test]
        fn a_cut_answer_is_never_an_answer(end in 0..GOOD.len()) {
            prop_assert!(parse(&GOOD.as_bytes()[..end], false).is_err());
        }

        #[test]
        fn one_changed_byte_never_makes_less_spam_of_it(at in 0..GOOD.len(), byte: u8) {
            let mut reply = GOOD.as_bytes().to_vec();
            reply[at] = byte;
            if let Ok(said) = parse(&reply, false) {
                // A digit or sign of the score itself may change it; nothing else may.
                let is_score = (51..54).contains(&at);
                prop_assert!(is_score || said.score == points("7.3"), "{}", String::from_utf8_lossy(&reply));
            }
        }
    }
}
