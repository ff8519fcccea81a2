//! Replies: how they are read, and what they mean for our client.

use proptest::prelude::*;

use super::super::{
    LINE_BYTES_MAX, LINES_MAX, NextHopReply, Refusal, ReplyError, ReplyParser, Stage, for_everybody,
    for_recipient,
};

fn parse(bytes: &[u8]) -> Vec<Result<String, ReplyError>> {
    let mut parser = ReplyParser::default();
    let mut input = bytes;
    let mut found = Vec::new();
    while let Some(reply) = parser.take(&mut input) {
        let broken = reply.is_err();
        found.push(reply.map(|reply| reply.to_string()));
        if broken {
            break;
        }
    }
    found
}

#[test]
fn loose_replies_are_read() {
    let cases: [(&[u8], &str); 7] = [
        (b"250 ok\r\n", "250 ok"),
        (b"250 ok\n", "250 ok"),
        (b"250\r\n", "250"),
        (b"250-\r\n250-a\r\n250 b\r\n", "250 a b"),
        (b"250-a\r\n250\r\n", "250 a"),
        (b"250\ta\r\n", "250 a"),
        (b"250 \xff\r\n", "250 \u{fffd}"),
    ];
    for (bytes, text) in cases {
        assert_eq!(parse(bytes), [Ok(text.to_owned())], "{bytes:?}");
    }
}

#[test]
fn what_is_no_reply_is_an_error() {
    for bytes in [
        "ok\r\n",
        "\r\n",
        "25\r\n",
        "2500 x\r\n",
        "250x\r\n",
        "150 x\r\n",
        "600 x\r\n",
        "+25 x\r\n",
        " 250 x\r\n",
    ] {
        assert_eq!(parse(bytes.as_bytes()), [Err(ReplyError::Syntax)], "{bytes:?}");
    }
    assert_eq!(parse(b"250-a\r\n251 b\r\n"), [Err(ReplyError::MixedCodes)]);
}

#[test]
fn lines_and_their_number_are_bounded() {
    let long = |bytes: usize| format!("250 {}\r\n", "x".repeat(bytes)).into_bytes();
    let room = LINE_BYTES_MAX - "250 ".len();
    for (bytes, kept) in [(room - 1, room - 1), (room, room), (room + 1, room), (9 * room, room)] {
        let expected = format!("250 {}", "x".repeat(kept));
        assert_eq!(parse(&long(bytes)), [Ok(expected)], "{bytes}");
    }
    let lines = |count: usize| format!("{}250 z\r\n", "250-a\r\n".repeat(count - 1)).into_bytes();
    assert!(matches!(parse(&lines(LINES_MAX))[..], [Ok(_)]));
    assert_eq!(parse(&lines(LINES_MAX + 1)), [Err(ReplyError::TooLong)]);
}

fn reply(text: &str) -> NextHopReply {
    let line = format!("{text}\r\n");
    ReplyParser::default().take(&mut line.as_bytes()).unwrap().unwrap()
}

#[test]
fn the_queue_id_is_found() {
    let cases = [
        ("250 2.0.0 Ok: queued as 4F2xYz1", Some("4F2xYz1")),
        ("250 2.0.0 from MTA(smtp:[::1]:25): 250 Ok: queued as AB-1.", Some("AB-1")),
        ("250 2.0.0 <a@b> queued as 4F) thanks", Some("4F")),
        ("250 2.0.0 Ok", None),
        ("250 queued as ", None),
    ];
    for (text, id) in cases {
        assert_eq!(reply(text).queue_id(), id, "{text}");
    }
}

#[test]
fn a_recipient_gets_the_next_hops_own_word_unless_it_is_about_the_session() {
    let cases = [
        ("250 2.1.5 Ok", "250 2.1.5 from MTA(t): 250 2.1.5 Ok"),
        ("250 Ok", "250 2.0.0 from MTA(t): 250 Ok"),
        ("250 5.0.0 Ok", "250 2.0.0 from MTA(t): 250 5.0.0 Ok"),
        ("450 4.2.0 greylisted", "450 4.2.0 from MTA(t): 450 4.2.0 greylisted"),
        ("421 4.3.2 closing", "451 4.3.2 from MTA(t): 421 4.3.2 closing"),
        ("550 5.1.1 unknown", "550 5.1.1 from MTA(t): 550 5.1.1 unknown"),
        ("504 5.5.2 not an FQDN", "504 5.5.2 from MTA(t): 504 5.5.2 not an FQDN"),
        ("503 bad sequence", "451 4.3.5 from MTA(t): 503 bad sequence"),
        ("530 5.7.0 STARTTLS first", "451 4.3.5 from MTA(t): 530 5.7.0 STARTTLS first"),
    ];
    for (said, given) in cases {
        assert_eq!(for_recipient("t", &reply(said)).to_string(), given);
    }
}

#[test]
fn a_refused_session_never_is_final() {
    for stage in Stage::ALL {
        for said in ["220 x", "354 x", "421 x", "451 4.3.2 x", "550 5.7.1 x", "552 5.3.4 x"] {
            for size_was_said in [false, true] {
                let refusal = for_everybody("t", stage, size_was_said, &reply(said));
                let too_big = stage == Stage::Mail && size_was_said && said.starts_with("552");
                match refusal {
                    Refusal::Final(reply) => assert!(too_big && reply.code() == 552, "{stage:?} {said}"),
                    Refusal::Elsewhere(reply) => assert!(!too_big && reply.code() == 451, "{stage:?} {said}"),
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_the_parser_and_no_split_matters(
        bytes in proptest::collection::vec(prop_oneof![Just(b'2'), Just(b'5'), Just(b'0'), Just(b'-'), Just(b' '), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..64),
        at in 0_usize..64,
    ) {
        let whole = parse(&bytes);
        let (first, second) = bytes.split_at(at.min(bytes.len()));
        let mut parser = ReplyParser::default();
        let mut found = Vec::new();
        'reads: for mut input in [first, second] {
            while let Some(reply) = parser.take(&mut input) {
                let broken = reply.is_err();
                found.push(reply.map(|reply| reply.to_string()));
                if broken {
                    break 'reads;
                }
            }
        }
        prop_assert_eq!(found, whole);
    }
}
