//! The pipe between a worker and its child, both ends. The child answers any bytes behind its rules with whole frames, one
//! for each mail; the worker takes any bytes from it; what can be read can be written again, and is the same.
#![no_main]

mod support;

use std::fmt::Debug;
use std::io::{self, Cursor};

use inspect::{Held, Server};
use libfuzzer_sys::fuzz_target;
use proto::inspection::{
    AttachmentRules, FrameError, Hello, InForce, Inspect, Limits, Message, PREFIX_BYTES, Part,
    REPORT_NAME_BYTES_MAX, Report, Setup, Wanted, encode, header, is_next, prefix,
};

const CONTENT_BYTES_MAX: usize = 64 * 1024;
const FEED_BYTES_MAX: usize = 256 * 1024;
const FEED_PARTS_MAX: usize = 20;

struct Free;

impl Held for Free {
    fn lock_in(&mut self, _: &Setup) -> InForce {
        InForce::default()
    }

    fn before_mail(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    support::quiet_decoders();
    match bytes.split_first() {
        Some((0, rest)) => child(rest),
        Some((1, rest)) => worker::<Hello>(rest),
        Some((2, rest)) => worker::<Report>(rest),
        Some((3, rest)) => worker::<Inspect>(rest),
        Some((4, rest)) => worker::<Part>(rest),
        Some((_, rest)) => worker::<Setup>(rest),
        None => {}
    }
});

/// Serves `bytes` behind its rules.
fn child(bytes: &[u8]) {
    let limits = Limits {
        content_bytes_max: CONTENT_BYTES_MAX,
        feed_bytes_max: FEED_BYTES_MAX,
        feed_parts_max: FEED_PARTS_MAX,
        decoded_bytes_max: 1024 * 1024,
        held_bytes_max: 1024 * 1024,
        members_max: 50,
        out_bytes_max: 512 * 1024,
        member_bytes_max: 256 * 1024,
        dictionary_bytes_max: 1024 * 1024,
        ..Limits::default()
    };
    let rules = AttachmentRules { limits, ..AttachmentRules::default() };
    let setup = Setup { rules, memory_bytes_max: 1 << 30, cpu_seconds_max: 20 };
    let mut input = encode(&setup, 0).expect("the default rules fit");
    input.extend(bytes);

    let mut output = Vec::new();
    let result = Server::new(Cursor::new(input), &mut output, Free).run();
    let mut said = output.as_slice();
    let _hello: (Hello, _) = take(&mut said, 0).expect("it greets");
    let mut asked = bytes;
    // It took each mail that is there as a whole, and none behind the first that is not.
    while let Some((Inspect { serial, wanted }, behind)) = request(asked) {
        asked = behind;
        parts(&mut said, serial, wanted);
        let (report, _): (Report, _) = take(&mut said, 0).expect("each mail has its report");
        assert_eq!(report.serial, serial);
        assert!(report.findings.len() <= 16);
        assert!(report.findings.iter().all(|found| found.name.len() <= REPORT_NAME_BYTES_MAX));
    }
    assert!(said.is_empty());
    assert_eq!(result.is_ok(), asked.is_empty());
}

/// Takes the contents that are handed back: no more than the worker takes, and none that were not asked for.
fn parts(said: &mut &[u8], serial: u64, wanted: Wanted) {
    let (mut parts, mut bytes) = (0, 0);
    while said.first_chunk().is_some_and(is_next::<Part>) {
        let (part, content): (Part, _) = take(said, FEED_BYTES_MAX).expect("a part is whole");
        assert_eq!(part.serial, serial);
        assert!(wanted == Wanted::All || part.is_hidden);
        parts += 1;
        bytes += content;
    }
    assert!(parts <= FEED_PARTS_MAX && bytes <= FEED_BYTES_MAX);
    assert!(wanted != Wanted::Nothing || parts == 0);
}

/// The request at the start of `bytes`, and what is behind it.
fn request(bytes: &[u8]) -> Option<(Inspect, &[u8])> {
    let (start, rest) = bytes.split_first_chunk::<PREFIX_BYTES>()?;
    let prefix = prefix::<Inspect>(*start, CONTENT_BYTES_MAX).ok()?;
    let (head, rest) = rest.split_at_checked(prefix.header_bytes)?;
    let (_, rest) = rest.split_at_checked(prefix.content_bytes)?;
    Some((header(head).ok()?, rest))
}

/// A message, and how many bytes of content it has behind it.
fn take<M: Message>(bytes: &mut &[u8], content_bytes_max: usize) -> Option<(M, usize)> {
    let (start, rest) = bytes.split_first_chunk::<PREFIX_BYTES>()?;
    let prefix = prefix::<M>(*start, content_bytes_max).ok()?;
    let (head, rest) = rest.split_at_checked(prefix.header_bytes)?;
    *bytes = rest.get(prefix.content_bytes..)?;
    Some((header(head).ok()?, prefix.content_bytes))
}

/// Reads `bytes` as a frame, and as a header alone.
fn worker<M: Message + Debug + PartialEq>(bytes: &[u8]) {
    if let Some((start, rest)) = bytes.split_first_chunk::<PREFIX_BYTES>()
        && let Ok(prefix) = prefix::<M>(*start, CONTENT_BYTES_MAX)
    {
        assert!(prefix.header_bytes <= M::HEADER_BYTES_MAX && prefix.content_bytes <= CONTENT_BYTES_MAX);
        again(header::<M>(rest.get(..prefix.header_bytes).unwrap_or_default()));
    }
    again(header::<M>(bytes));
}

fn again<M: Message + Debug + PartialEq>(read: Result<M, FrameError>) {
    let Ok(message) = read else { return };
    match encode(&message, 0) {
        Ok(frame) => {
            assert_eq!(take::<M>(&mut frame.as_slice(), 0).expect("it was written by us").0, message);
        }
        Err(FrameError::HeaderTooLong(_)) => {}
        Err(error) => panic!("{error}"),
    }
}
