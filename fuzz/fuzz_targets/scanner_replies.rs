//! What scanners say, through the whole client of each: no panic; the same however it is cut into reads; what is said of a
//! part of an answer is not another thing than what is said of the whole; and "clean" is only what the protocol has for it.
//!
//! The first byte is the scanner, the second and third where the answer is cut; the rest is said.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use worker::fuzzing::{Said, Scanner, ask, run};

const CONTENT: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const OPTIONS: &str =
    "ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: \"x\"\r\nAllow: 204\r\nConnection: close\r\n";

fuzz_target!(|input: &[u8]| {
    let [kind, low, high, said @ ..] = input else { return };
    let said = Bytes::copy_from_slice(said);
    let cut = usize::from(u16::from_le_bytes([*low, *high])) % (said.len() + 1);
    match kind % 8 {
        0 => compare(Scanner::Clamd, &[], &said, cut, |said| said.starts_with(b"1: stream: OK\0")),
        1 => compare(Scanner::Spamd, &[], &said, cut, |_| false),
        2 => compare(Scanner::SpamdReport, &[], &said, cut, |_| false),
        3 => compare(Scanner::Rspamd, &[], &said, cut, |_| false),
        4 => compare(Scanner::Icap, &[options("")], &said, cut, is_icap_clean),
        5 => compare(Scanner::Icap, &[options("Preview: 4\r\n")], &said, cut, is_icap_clean),
        // The answer to OPTIONS, and that to what follows it.
        6 => {
            let (first, second) = (said.slice(..cut), said.slice(cut..));
            let outcome = ask(Scanner::Icap, vec![vec![first], vec![second.clone()], vec![second]], CONTENT);
            check(&outcome, &said, is_icap_clean);
        }
        _ => program(&said, cut),
    }
});

fn options(more: &str) -> Bytes {
    format!("{OPTIONS}{more}\r\n").into()
}

/// "No change", or the content as it was.
fn is_icap_clean(said: &[u8]) -> bool {
    let has = |text: &[u8]| said.windows(text.len()).any(|there| there == text);
    has(b"ICAP/1.0 204") || has(b"ICAP/1.0 200")
}

fn compare(scanner: Scanner, before: &[Bytes], said: &Bytes, cut: usize, is_clean: impl Fn(&[u8]) -> bool) {
    let with = |reads: Vec<Bytes>| {
        let before = before.iter().map(|answer| vec![answer.clone()]);
        ask(scanner, before.chain([reads]).collect(), CONTENT)
    };
    let whole = with(vec![said.clone()]);
    let in_two = with(vec![said.slice(..cut), said.slice(cut..)]);
    let start = with(vec![said.slice(..cut)]);
    check(&whole, said, &is_clean);
    // Bytes behind an answer are noticed only where they come along with it.
    for other in [&in_two, &start] {
        assert!(
            *other == whole || *other == Said::Failed || whole == Said::Failed,
            "{whole:?} and {other:?}"
        );
        check(other, said, &is_clean);
    }
}

fn check(outcome: &Said, said: &[u8], is_clean: impl Fn(&[u8]) -> bool) {
    match outcome {
        Said::Clean => assert!(is_clean(said), "{}", said.escape_ascii()),
        Said::Named(_, name) => {
            assert!(name.len() <= 128 && name.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name:?}");
            assert!(!name.contains("=?"), "{name:?}");
        }
        Said::Score(_) | Said::Failed => {}
    }
}

/// Pattern, exit code and output of a program, a line each.
fn program(said: &[u8], cut: usize) {
    let mut lines = said.splitn(2, |byte| *byte == b'\n');
    let Ok(pattern) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let output = lines.next().unwrap_or_default();
    let code = i32::try_from(cut % 4).unwrap_or_default();
    let outcome = run(pattern, code, output, cut % 2 == 0);
    // A program that did not read all of it cannot call it clean, nor can one that ended otherwise.
    assert!(outcome != Said::Clean || (code == 0 && cut % 2 == 0));
    assert!(code < 2 || outcome == Said::Failed);
    check(&outcome, said, |_| true);
}
