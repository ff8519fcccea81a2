//! Conversations as data, each run whole and with every block of the next hop's bytes split into two reads.
//!
//! `S:` the next hop says, `C:` we say, `!` an event, `>` the driver asks, `=` how the dialogue stands at the end.

use proptest::prelude::*;

use super::*;
use proto::{ForwardPath, MailParams, Origin, Recipient, ReversePath};

fn envelope(recipients: usize) -> Envelope {
    let recipient = |index| {
        let path = format!("<r{index}@example.org>");
        Recipient::new(ForwardPath::parse(&path, false).unwrap())
    };
    Envelope::new(
        ReversePath::parse("<s@example.org>", false).unwrap(),
        MailParams::default(),
        (0..recipients).map(recipient).collect(),
    )
    .unwrap()
}

fn told(event: &Event) -> String {
    match event {
        Event::Ready => "ready".into(),
        Event::Answer { index, stage, reply } => format!("{} {index}: {reply}", stage.name()),
        Event::Content { accepted } => format!("content for {accepted:?}"),
        Event::Done => "done".into(),
        Event::Refused { stage, reply } => format!("{} refused: {reply}", stage.name()),
        Event::Violation { stage, error } => format!("{} violated: {error}", stage.name()),
    }
}

fn standing(dialogue: &Dialogue) -> &'static str {
    if dialogue.is_ready() {
        "ready"
    } else if dialogue.is_closed() {
        "closed"
    } else if dialogue.is_settling() {
        "settling"
    } else {
        "doubtful"
    }
}

/// What the dialogue says and tells, in the notation of a transcript.
fn drain(dialogue: &mut Dialogue, out: &mut Vec<String>) {
    while let Some(bytes) = dialogue.output() {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.ends_with("\r\n"), "{text:?}");
        out.extend(
            text.trim_end_matches("\r\n")
                .split("\r\n")
                .map(|line| format!("C: {line}")),
        );
    }
    while let Some(event) = dialogue.event() {
        out.push(format!("! {}", told(&event)));
    }
}

/// Runs a transcript; in the block of the next hop's lines number `split.0`, the bytes come as two reads.
fn run(
    protocol: Protocol,
    envelope: &Envelope,
    script: &[&str],
    split: Option<(usize, usize)>,
) -> Vec<String> {
    let mut dialogue = Dialogue::new(protocol, "mailweir.example");
    let mut out = Vec::new();
    let mut block = 0;
    let mut lines = script.iter().peekable();
    while let Some(line) = lines.next() {
        match line.split_at(2) {
            ("S:", _) => {
                let mut bytes = format!("{}\r\n", line.get(3..).unwrap_or_default());
                out.push((*line).to_owned());
                while let Some(more) = lines.next_if(|line| line.starts_with("S:")) {
                    out.push((*more).to_owned());
                    bytes.push_str(&format!("{}\r\n", more.get(3..).unwrap_or_default()));
                }
                let at = split.filter(|(number, _)| *number == block);
                let at = at.map_or(bytes.len(), |(_, at)| at.min(bytes.len()));
                let (first, second) = bytes.as_bytes().split_at(at);
                dialogue.receive(first);
                dialogue.receive(second);
                block += 1;
            }
            ("> ", "begin") => {
                out.push((*line).to_owned());
                let recipients: Vec<_> = envelope.positions().collect();
                dialogue.begin(envelope, &recipients, 5, false).unwrap();
            }
            ("> ", "dot") => {
                out.push((*line).to_owned());
                dialogue.final_dot().unwrap();
            }
            ("> ", "quit") => {
                out.push((*line).to_owned());
                dialogue.quit();
            }
            _ => continue,
        }
        drain(&mut dialogue, &mut out);
    }
    out.push(format!("= {}", standing(&dialogue)));
    out
}

fn check_for(protocol: Protocol, envelope: &Envelope, transcript: &str) {
    let script: Vec<&str> = transcript
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(run(protocol, envelope, &script, None), script, "in one read");
    let blocks = script.len();
    let longest: usize = script.iter().map(|line| line.len()).sum();
    for block in 0..blocks {
        for at in 0..longest {
            let split = Some((block, at));
            assert_eq!(run(protocol, envelope, &script, split), script, "{split:?}");
        }
    }
}

fn check(protocol: Protocol, recipients: usize, transcript: &str) {
    check_for(protocol, &envelope(recipients), transcript);
}

#[test]
fn smtp_with_pipelining_asks_everything_at_once() {
    check(
        Protocol::Smtp,
        2,
        "S: 220-mx.example ESMTP
         S: 220 welcome
         C: EHLO mailweir.example
         S: 250-mx.example
         S: 250-pipelining
         S: 250 SIZE 1000
         ! ready
         > begin
         C: MAIL FROM:<s@example.org> SIZE=5
         C: RCPT TO:<r0@example.org>
         C: RCPT TO:<r1@example.org>
         C: DATA
         S: 250 2.1.0 Ok
         S: 250 2.1.5 Ok
         S: 550 5.1.1 unknown
         S: 354 go ahead
         ! RCPT 1: 550 5.1.1 unknown
         ! content for [0]
         > dot
         C: .
         S: 250 2.0.0 Ok: queued as 4F
         ! end of data 0: 250 2.0.0 Ok: queued as 4F
         ! done
         > quit
         C: QUIT
         S: 221 bye
         = closed",
    );
}

#[test]
fn without_pipelining_every_command_waits_for_its_reply() {
    check(
        Protocol::Smtp,
        2,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250 mx
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         S: 250 ok
         C: RCPT TO:<r0@example.org>
         S: 250 ok
         C: RCPT TO:<r1@example.org>
         S: 451 later
         C: DATA
         ! RCPT 1: 451 later
         S: 354 go
         ! content for [0]
         > dot
         C: .
         S: 554 no
         ! end of data 0: 554 no
         ! done
         = ready",
    );
}

#[test]
fn lmtp_answers_each_accepted_recipient_in_order() {
    check(
        Protocol::Lmtp,
        3,
        "S: 220 mx
         C: LHLO mailweir.example
         S: 250-mx
         S: 250 PIPELINING
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         C: RCPT TO:<r0@example.org>
         C: RCPT TO:<r1@example.org>
         C: RCPT TO:<r2@example.org>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 550 no
         S: 250 ok
         S: 354 go
         ! RCPT 1: 550 no
         ! content for [0, 2]
         > dot
         C: .
         S: 250-saved
         S: 250 for r0
         ! end of data 0: 250 saved for r0
         S: 552 full
         ! end of data 2: 552 full
         ! done
         = ready",
    );
}

#[test]
fn a_refused_mail_drains_what_was_pipelined_and_resets() {
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250-mx
         S: 250 PIPELINING
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         C: RCPT TO:<r0@example.org>
         C: DATA
         S: 451 4.3.1 no space
         S: 503 need MAIL
         S: 503 need RCPT
         C: RSET
         ! MAIL refused: 451 4.3.1 no space
         S: 250 ok
         = ready",
    );
}

#[test]
fn a_server_that_waits_for_content_behind_a_refused_mail_is_left() {
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250-mx
         S: 250 PIPELINING
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         C: RCPT TO:<r0@example.org>
         C: DATA
         S: 451 no
         S: 250 ok
         S: 354 go
         ! MAIL refused: 451 no
         = closed",
    );
}

#[test]
fn where_nobody_was_accepted_the_session_is_reset() {
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250-mx
         S: 250 PIPELINING
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         C: RCPT TO:<r0@example.org>
         C: DATA
         S: 250 ok
         S: 550 no
         S: 554 no valid recipients
         C: RSET
         ! RCPT 0: 550 no
         ! done
         S: 250 ok
         = ready",
    );
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250 mx
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         S: 250 ok
         C: RCPT TO:<r0@example.org>
         S: 550 no
         C: RSET
         ! RCPT 0: 550 no
         ! done
         = settling",
    );
}

#[test]
fn a_354_for_nobody_is_never_answered_with_a_dot() {
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250-mx
         S: 250 PIPELINING
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         C: RCPT TO:<r0@example.org>
         C: DATA
         S: 250 ok
         S: 550 no
         S: 354 go
         ! RCPT 0: 550 no
         ! done
         = closed",
    );
}

#[test]
fn after_a_transient_reply_to_the_dot_the_connection_is_not_used_again() {
    for code in ["451", "421"] {
        let transcript = "S: 220 mx
             C: EHLO mailweir.example
             S: 250 mx
             ! ready
             > begin
             C: MAIL FROM:<s@example.org>
             S: 250 ok
             C: RCPT TO:<r0@example.org>
             S: 250 ok
             C: DATA
             S: 354 go
             ! content for [0]
             > dot
             C: .
             S: 451 later
             ! end of data 0: 451 later
             ! done
             = doubtful";
        check(Protocol::Smtp, 1, &transcript.replace("451", code));
    }
}

#[test]
fn a_word_out_of_turn_ends_the_dialogue() {
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250 mx
         S: 421 4.4.2 timeout exceeded
         ! ready
         ! idle refused: 421 4.4.2 timeout exceeded
         = closed",
    );
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250 mx
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         S: 250-ok
         S: 451 later
         ! MAIL violated: the lines of the reply have different codes
         = closed",
    );
}

/// Every stage against every kind of reply: what is told, and whether the connection can be used again.
#[test]
fn every_stage_knows_every_kind_of_reply() {
    let replies = ["250 x", "354 x", "421 x", "451 x", "550 x", "nonsense"];
    let greeting: &[&str] = &[];
    let hello = &["S: 220 mx"][..];
    let idle = &["S: 220 mx", "S: 250 mx"][..];
    let mail = &["S: 220 mx", "S: 250 mx", "> begin"][..];
    let rcpt = &["S: 220 mx", "S: 250 mx", "> begin", "S: 250 ok"][..];
    let data = &["S: 220 mx", "S: 250 mx", "> begin", "S: 250 ok", "S: 250 ok"][..];
    let go = &[
        "S: 220 mx",
        "S: 250 mx",
        "> begin",
        "S: 250 ok",
        "S: 250 ok",
        "S: 354 go",
    ][..];
    let expected: [(&[&str], [&str; 6]); 7] = [
        (
            greeting,
            [
                "greeting refused: 250 x; closed",
                "greeting refused: 354 x; closed",
                "greeting refused: 421 x; closed",
                "greeting refused: 451 x; closed",
                "greeting refused: 550 x; closed",
                "greeting violated: a line of the reply has no code; closed",
            ],
        ),
        (
            hello,
            [
                "ready; ready",
                "EHLO refused: 354 x; closed",
                "EHLO refused: 421 x; closed",
                "EHLO refused: 451 x; closed",
                "EHLO refused: 550 x; closed",
                "EHLO violated: a line of the reply has no code; closed",
            ],
        ),
        (
            idle,
            [
                "idle refused: 250 x; closed",
                "idle refused: 354 x; closed",
                "idle refused: 421 x; closed",
                "idle refused: 451 x; closed",
                "idle refused: 550 x; closed",
                "idle violated: a line of the reply has no code; closed",
            ],
        ),
        (
            mail,
            [
                "; settling",
                "MAIL violated: the reply 354 has no meaning here; closed",
                "MAIL refused: 421 x; closed",
                "MAIL refused: 451 x; settling",
                "MAIL refused: 550 x; settling",
                "MAIL violated: a line of the reply has no code; closed",
            ],
        ),
        (
            rcpt,
            [
                "; settling",
                "RCPT violated: the reply 354 has no meaning here; closed",
                "RCPT refused: 421 x; closed",
                "RCPT 0: 451 x, done; settling",
                "RCPT 0: 550 x, done; settling",
                "RCPT violated: a line of the reply has no code; closed",
            ],
        ),
        (
            data,
            [
                "DATA violated: the reply 250 has no meaning here; closed",
                "content for [0]; doubtful",
                "DATA refused: 421 x; closed",
                "DATA refused: 451 x; settling",
                "DATA refused: 550 x; settling",
                "DATA violated: a line of the reply has no code; closed",
            ],
        ),
        (
            go,
            [
                "end of data 0: 250 x, done; ready",
                "end of data violated: the reply 354 has no meaning here; closed",
                "end of data 0: 421 x, done; doubtful",
                "end of data 0: 451 x, done; doubtful",
                "end of data 0: 550 x, done; ready",
                "end of data violated: a line of the reply has no code; closed",
            ],
        ),
    ];
    for (before, outcomes) in expected {
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
            for line in before {
                match line.strip_prefix("S: ") {
                    Some(line) => dialogue.receive(format!("{line}\r\n").as_bytes()),
                    None => dialogue
                        .begin(&envelope(1), &[Position::new(0)], 1, false)
                        .unwrap(),
                }
            }
            drain(&mut dialogue, &mut Vec::new());
            let _sent = dialogue.final_dot();
            dialogue.receive(format!("{reply}\r\n").as_bytes());
            let mut events = Vec::new();
            while let Some(event) = dialogue.event() {
                events.push(told(&event));
            }
            let found = format!("{}; {}", events.join(", "), standing(&dialogue));
            assert_eq!(found, outcome, "{reply} after {before:?}");
        }
    }
}

#[test]
fn a_reply_while_the_content_travels_refuses_it() {
    let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
    dialogue.receive(b"220 mx\r\n250 mx\r\n");
    dialogue
        .begin(&envelope(1), &[Position::new(0)], 1, false)
        .unwrap();
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n");
    drain(&mut dialogue, &mut Vec::new());
    dialogue.receive(b"552 too big\r\n");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    assert_eq!(told(&dialogue.event().unwrap()), "content refused: 552 too big");
    assert!(dialogue.is_closed());
}

#[test]
fn a_dot_cannot_be_sent_before_its_time() {
    let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    dialogue.receive(b"220 mx\r\n250 mx\r\n");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    dialogue
        .begin(&envelope(1), &[Position::new(0)], 1, false)
        .unwrap();
    dialogue.receive(b"250 ok\r\n250 ok\r\n");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    assert_eq!(
        dialogue.begin(&envelope(1), &[Position::new(0)], 1, false),
        Err(NotReady)
    );
}

#[test]
fn a_window_of_commands_is_answered_before_the_next_is_sent() {
    for recipients in [
        WINDOW_COMMANDS_MAX - 2,
        WINDOW_COMMANDS_MAX - 1,
        3 * WINDOW_COMMANDS_MAX,
    ] {
        let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
        dialogue.receive(b"220 mx\r\n250-mx\r\n250 PIPELINING\r\n");
        drain(&mut dialogue, &mut Vec::new());
        let envelope = envelope(recipients);
        let positions: Vec<_> = envelope.positions().collect();
        dialogue.begin(&envelope, &positions, 1, false).unwrap();
        let mut windows = Vec::new();
        loop {
            let mut sent = Vec::new();
            drain(&mut dialogue, &mut sent);
            let commands = sent.iter().filter(|line| line.starts_with("C:")).count();
            windows.push(commands);
            let with_data = sent.iter().any(|line| line == "C: DATA");
            for _ in 0..commands - usize::from(with_data) {
                dialogue.receive(b"250 ok\r\n");
            }
            if with_data {
                dialogue.receive(b"354 go\r\n");
                break;
            }
        }
        assert_eq!(windows.iter().sum::<usize>(), recipients + 2);
        assert!(windows.iter().all(|commands| *commands <= WINDOW_COMMANDS_MAX));
        assert_eq!(windows.len(), (recipients + 2).div_ceil(WINDOW_COMMANDS_MAX));
        let content = Event::Content {
            accepted: (0..recipients).collect(),
        };
        assert_eq!(dialogue.event(), Some(content));
    }
}

fn rich() -> Envelope {
    let mut params = MailParams::default();
    for parameter in [
        "BODY=8BITMIME",
        "SMTPUTF8",
        "RET=HDRS",
        "ENVID=a+2Bb",
        "AUTH=c+3Dd",
        "SIZE=1",
    ] {
        params.take(parameter).unwrap();
    }
    let mut recipient = Recipient::new(ForwardPath::parse("<jörg@example.org>", true).unwrap());
    for parameter in ["NOTIFY=DELAY", "ORCPT=utf-8;jörg@example.org"] {
        recipient.params.take(parameter).unwrap();
    }
    let mut origin = Origin::default();
    for attribute in ["NAME=spike.example", "ADDR=192.0.2.1", "HELO=a+2Bb", "IDENT=4F"] {
        origin.take(attribute).unwrap();
    }
    let sender = ReversePath::parse("<s@example.org>", false).unwrap();
    Envelope::new(sender, params, vec![recipient])
        .unwrap()
        .with_origin(origin)
}

fn commands(envelope: &Envelope, smtputf8: bool, announced: &str) -> String {
    let mut input = announced.as_bytes();
    let reply = ReplyParser::default().take(&mut input).unwrap().unwrap();
    let positions: Vec<_> = envelope.positions().collect();
    let commands = Commands::new(envelope, &positions, 7, smtputf8, &Capabilities::parse(&reply));
    String::from_utf8(commands.lines(0..commands.len()).to_vec()).unwrap()
}

#[test]
fn what_was_announced_is_carried() {
    let announced = "250-mx\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-AUTH PLAIN\r\n250-SIZE\r\n\
                     250 XFORWARD NAME ADDR PROTO HELO IDENT\r\n";
    assert_eq!(
        commands(&rich(), true, announced),
        "XFORWARD NAME=spike.example ADDR=192.0.2.1 PROTO=[UNAVAILABLE] HELO=a+2Bb IDENT=4F\r\n\
         MAIL FROM:<s@example.org> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=c+3Dd\r\n\
         RCPT TO:<jörg@example.org> NOTIFY=DELAY ORCPT=utf-8;jörg@example.org\r\n\
         DATA\r\n"
    );
}

#[test]
fn what_was_not_announced_is_not_sent() {
    assert_eq!(
        commands(&rich(), false, "250 mx\r\n"),
        "MAIL FROM:<s@example.org>\r\nRCPT TO:<jörg@example.org>\r\nDATA\r\n"
    );
    let without_utf8 = commands(&rich(), false, "250-mx\r\n250 DSN\r\n");
    assert!(without_utf8.contains("ORCPT=utf-8;j\\x{F6}rg@example.org\r\n"));
}

#[test]
fn an_xforward_command_stays_below_its_limit() {
    let mut origin = Origin::default();
    for keyword in ["NAME", "ADDR", "HELO", "IDENT"] {
        origin.take(&format!("{keyword}={}", "x".repeat(255))).unwrap();
    }
    // Three bytes of xtext for each: too long for any command, and so not known.
    origin.source = Some("é".repeat(127));
    let envelope = envelope(1).with_origin(origin);
    let announced = "250-mx\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n";
    let text = commands(&envelope, false, announced);
    let forwards: Vec<_> = text.lines().filter(|line| line.starts_with("XFORWARD")).collect();
    assert_eq!(forwards.len(), 4);
    assert!(forwards.iter().all(|line| line.len() + 2 <= 512), "{text}");
    assert!(text.contains(" SOURCE=[UNAVAILABLE]"), "{text}");
    let attributes = forwards.iter().map(|line| line.matches('=').count());
    assert_eq!(attributes.sum::<usize>(), 7);
}

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
    for (bytes, kept) in [
        (room - 1, room - 1),
        (room, room),
        (room + 1, room),
        (9 * room, room),
    ] {
        let expected = format!("250 {}", "x".repeat(kept));
        assert_eq!(parse(&long(bytes)), [Ok(expected)], "{bytes}");
    }
    let lines = |count: usize| format!("{}250 z\r\n", "250-a\r\n".repeat(count - 1)).into_bytes();
    assert!(matches!(parse(&lines(LINES_MAX))[..], [Ok(_)]));
    assert_eq!(parse(&lines(LINES_MAX + 1)), [Err(ReplyError::TooLong)]);
}

fn reply(text: &str) -> NextHopReply {
    let line = format!("{text}\r\n");
    ReplyParser::default()
        .take(&mut line.as_bytes())
        .unwrap()
        .unwrap()
}

#[test]
fn the_queue_id_is_found() {
    let cases = [
        ("250 2.0.0 Ok: queued as 4F2xYz1", Some("4F2xYz1")),
        (
            "250 2.0.0 from MTA(smtp:[::1]:25): 250 Ok: queued as AB-1.",
            Some("AB-1"),
        ),
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
        (
            "450 4.2.0 greylisted",
            "450 4.2.0 from MTA(t): 450 4.2.0 greylisted",
        ),
        ("421 4.3.2 closing", "451 4.3.2 from MTA(t): 421 4.3.2 closing"),
        ("550 5.1.1 unknown", "550 5.1.1 from MTA(t): 550 5.1.1 unknown"),
        (
            "504 5.5.2 not an FQDN",
            "504 5.5.2 from MTA(t): 504 5.5.2 not an FQDN",
        ),
        ("503 bad sequence", "451 4.3.5 from MTA(t): 503 bad sequence"),
        (
            "530 5.7.0 STARTTLS first",
            "451 4.3.5 from MTA(t): 530 5.7.0 STARTTLS first",
        ),
    ];
    for (said, given) in cases {
        assert_eq!(for_recipient("t", &reply(said)).to_string(), given);
    }
}

#[test]
fn a_refused_session_never_is_final() {
    for stage in Stage::ALL {
        for said in [
            "220 x",
            "354 x",
            "421 x",
            "451 4.3.2 x",
            "550 5.7.1 x",
            "552 5.3.4 x",
        ] {
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

    #[test]
    fn no_bytes_panic_the_dialogue_or_make_it_send_a_dot(
        bytes in proptest::collection::vec(prop_oneof![Just("220 x\r\n"), Just("250 x\r\n"), Just("250-x\r\n"), Just("354 x\r\n"), Just("421 x\r\n"), Just("550 x\r\n"), Just("x")], 0..24),
    ) {
        let mut dialogue = Dialogue::new(Protocol::Lmtp, "x");
        let envelope = envelope(2);
        for piece in bytes {
            dialogue.receive(piece.as_bytes());
            let _begun = dialogue.begin(&envelope, &[Position::new(0), Position::new(1)], 1, false);
            let mut said = Vec::new();
            drain(&mut dialogue, &mut said);
            prop_assert!(!said.contains(&"C: .".to_owned()));
        }
    }
}
