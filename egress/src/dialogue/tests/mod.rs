//! Conversations as data, each run whole and with every block of the next hop's bytes split into two reads.
//!
//! `S:` the next hop says, `C:` we say, `!` an event, `>` the driver asks, `=` how the dialogue stands at the end.

mod commands;
mod replies;
mod stages;

use proptest::prelude::*;
use proto::{ForwardPath, MailParams, Recipient, ReversePath};

use super::*;

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

proptest! {
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
