//! The dialogue, without a process.

use std::io::Cursor;

use proptest::prelude::*;
use proto::Category;
use proto::inspection::{AttachmentRules, Limits};

use proto::inspection::Wanted;

use super::*;

const BANNED: &[u8] = b"Content-Type: a/b; name=evil.exe\r\n\r\nx\r\n";

/// Counts what it is asked; refuses the mail with this number.
#[derive(Default)]
struct Fake {
    mails: usize,
    refused: Option<usize>,
}

impl Held for Fake {
    fn lock_in(&mut self, setup: &Setup) -> InForce {
        InForce { limits: setup.memory_bytes_max == 1 << 30, ..InForce::default() }
    }

    fn before_mail(&mut self) -> io::Result<()> {
        self.mails += 1;
        if self.refused == Some(self.mails) { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

fn setup() -> Vec<u8> {
    let limits = Limits { content_bytes_max: 1_000, ..Limits::default() };
    let rules = AttachmentRules { limits, ..AttachmentRules::default() };
    encode(&Setup { rules, memory_bytes_max: 1 << 30, cpu_seconds_max: 20 }, 0).unwrap()
}

fn request(serial: u64, content: &[u8]) -> Vec<u8> {
    asking(serial, Wanted::Nothing, content)
}

fn asking(serial: u64, wanted: Wanted, content: &[u8]) -> Vec<u8> {
    [&encode(&Inspect { serial, wanted }, content.len()).unwrap(), content].concat()
}

fn run(input: &[u8], held: Fake) -> (Result<(), ServeError>, Vec<u8>) {
    let mut output = Vec::new();
    let result = Server::new(Cursor::new(input), &mut output, held).with_faults(true).run();
    (result, output)
}

fn take<M: Message>(output: &mut &[u8]) -> M {
    let (bytes, rest) = output.split_first_chunk::<PREFIX_BYTES>().unwrap();
    let (header_bytes, rest) = rest.split_at(prefix::<M>(*bytes, 0).unwrap().header_bytes);
    *output = rest;
    header(header_bytes).unwrap()
}

fn take_part(output: &mut &[u8]) -> (Part, Vec<u8>) {
    let (bytes, rest) = output.split_first_chunk::<PREFIX_BYTES>().unwrap();
    let prefix = prefix::<Part>(*bytes, 1_000).unwrap();
    let (header_bytes, rest) = rest.split_at(prefix.header_bytes);
    let (content, rest) = rest.split_at(prefix.content_bytes);
    *output = rest;
    (header(header_bytes).unwrap(), content.to_vec())
}

#[test]
fn what_is_wanted_comes_before_the_report() {
    let mail = b"Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=";
    let input =
        [setup(), asking(7, Wanted::All, mail), asking(8, Wanted::Hidden, mail), request(9, mail)].concat();
    let (result, output) = run(&input, Fake::default());
    result.unwrap();
    let mut output = output.as_slice();
    take::<Hello>(&mut output);
    assert_eq!(take_part(&mut output), (Part { serial: 7, is_hidden: false }, b"hello".to_vec()));
    for serial in [7, 8, 9] {
        assert_eq!(take::<Report>(&mut output).serial, serial);
    }
    assert_eq!(output, b"");
}

#[test]
fn mails_are_answered_in_turn_until_the_pipe_is_closed() {
    let input = [setup(), request(1, BANNED), request(2, b"Subject: x\r\n\r\n"), request(3, BANNED)].concat();
    let (result, output) = run(&input, Fake::default());
    result.unwrap();
    let mut output = output.as_slice();
    assert!(take::<Hello>(&mut output).in_force.limits);
    let found = vec![Found::new(Category::Banned, ".exe: evil.exe")];
    for (serial, findings) in [(1, found.clone()), (2, Vec::new()), (3, found)] {
        let report: Report = take(&mut output);
        assert_eq!((report.serial, report.findings), (serial, findings));
    }
    assert!(output.is_empty());
}

#[test]
fn a_pipe_that_is_closed_early_is_no_answer() {
    assert!(run(b"", Fake::default()).0.is_ok());
    let input = [setup(), request(1, BANNED)].concat();
    for end in 1..input.len() {
        let (result, output) = run(&input[..end], Fake::default());
        assert_eq!(result.is_ok(), end == setup().len(), "{end}");
        let mut output = output.as_slice();
        if end >= setup().len() {
            take::<Hello>(&mut output);
        }
        assert!(output.is_empty(), "{end}");
    }
}

#[test]
fn a_mail_that_cannot_be_bounded_is_not_touched() {
    let input = [setup(), request(1, BANNED), request(2, BANNED)].concat();
    let (result, output) = run(&input, Fake { refused: Some(2), ..Fake::default() });
    assert!(matches!(result, Err(ServeError::Io(_))));
    let mut output = output.as_slice();
    take::<Hello>(&mut output);
    assert_eq!(take::<Report>(&mut output).serial, 1);
    assert!(output.is_empty());
}

#[test]
fn a_content_beyond_the_limit_ends_it() {
    let over = [setup(), request(1, &[b'x'; 1_001])].concat();
    assert!(matches!(
        run(&over, Fake::default()).0,
        Err(ServeError::Frame(FrameError::ContentTooLong(1_001)))
    ));
    let at = [setup(), request(1, &[b'x'; 1_000])].concat();
    assert!(run(&at, Fake::default()).0.is_ok());
}

#[test]
fn a_long_name_is_cut_at_a_character() {
    let mut found = Found::new(Category::Banned, "é".repeat(REPORT_NAME_BYTES_MAX));
    shorten(&mut found);
    assert_eq!(found.name.len(), REPORT_NAME_BYTES_MAX);
    let mut found = Found::new(Category::Banned, format!("x{}", "é".repeat(REPORT_NAME_BYTES_MAX)));
    shorten(&mut found);
    assert_eq!(found.name.len(), REPORT_NAME_BYTES_MAX - 1);
}

#[test]
fn a_content_that_asks_for_garbage_gets_it_written() {
    let content = b"Subject: x\r\n\r\ninspect-fault: garbage\r\n";
    let (result, output) = run(&[setup(), request(1, content)].concat(), Fake::default());
    result.unwrap();
    let mut output = output.as_slice();
    take::<Hello>(&mut output);
    assert!(output.starts_with(b"HTTP"));
    // Not asked for on the command line, it is a mail like any other.
    let mut output = Vec::new();
    let input = [setup(), request(1, content)].concat();
    Server::new(Cursor::new(input), &mut output, Fake::default()).run().unwrap();
    let mut output = output.as_slice();
    take::<Hello>(&mut output);
    assert_eq!(take::<Report>(&mut output).findings, []);
}

proptest! {
    #[test]
    fn no_request_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(run(&[setup(), bytes].concat(), Fake::default()));
    }
}
