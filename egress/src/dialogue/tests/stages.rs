//! The complete matrix of stages and replies.

use proto::Position;

use super::super::{Dialogue, Protocol};
use super::{drain, envelope, standing, told};

/// Every stage against every kind of reply: what is told, and whether the connection can be used again.
const REPLIES: [&str; 6] = ["250 x", "354 x", "421 x", "451 x", "550 x", "nonsense"];
const GREETING: &[&str] = &[];
const HELLO: &[&str] = &["S: 220 mx"];
const IDLE: &[&str] = &["S: 220 mx", "S: 250 mx"];
const MAIL: &[&str] = &["S: 220 mx", "S: 250 mx", "> begin"];
const RCPT: &[&str] = &["S: 220 mx", "S: 250 mx", "> begin", "S: 250 ok"];
const DATA: &[&str] = &["S: 220 mx", "S: 250 mx", "> begin", "S: 250 ok", "S: 250 ok"];
const GO: &[&str] = &["S: 220 mx", "S: 250 mx", "> begin", "S: 250 ok", "S: 250 ok", "S: 354 go"];
/// The dialogue so far, and what it makes of each of [`REPLIES`].
const EXPECTED: [(&[&str], [&str; 6]); 7] = [
    (
        GREETING,
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
        HELLO,
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
        IDLE,
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
        MAIL,
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
        RCPT,
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
        DATA,
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
        GO,
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

#[test]
fn every_stage_knows_every_kind_of_reply() {
    for (before, outcomes) in EXPECTED {
        for (reply, outcome) in REPLIES.into_iter().zip(outcomes) {
            let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
            for line in before {
                match line.strip_prefix("S: ") {
                    Some(line) => dialogue.receive(format!("{line}\r\n").as_bytes()),
                    None => dialogue.begin(&envelope(1), &[Position::new(0)], 1, false).unwrap(),
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
