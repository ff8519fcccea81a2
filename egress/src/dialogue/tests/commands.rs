//! Commands: what was announced is carried, and nothing else.

use proto::{Envelope, ForwardPath, MailParams, Origin, Recipient, ReversePath};

use super::super::commands::Commands;
use super::super::{Capabilities, ReplyParser};
use super::envelope;

fn rich() -> Envelope {
    let mut params = MailParams::default();
    for parameter in ["BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=a+2Bb", "AUTH=c+3Dd", "SIZE=1"] {
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
    Envelope::new(sender, params, vec![recipient]).unwrap().with_origin(origin)
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
