//! Conversations as data, each run whole and with every block of the next hop's bytes split into two reads.
//!
//! `S:` the next hop says, `C:` we say, `!` an event, `>` the driver asks, `=` how the dialogue stands at the end.

mod commands;
mod limits;
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
        out.extend(text.trim_end_matches("\r\n").split("\r\n").map(|line| format!("C: {line}")));
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
    let script: Vec<&str> = transcript.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
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
