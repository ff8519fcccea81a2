//! Added and stripped fields around contents that stay as they are, byte for byte.

use proptest::prelude::*;
use proto::{Envelope, ForwardPath, MailParams, Origin, Peer, Position, Recipient, ReversePath, With};

use super::*;

fn envelope(recipients: usize) -> Envelope {
    let recipient = Recipient::new(ForwardPath::parse("<r@example.org>", false).unwrap());
    Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient; recipients])
        .unwrap()
        .with_peer(Peer { helo: "mx.example".into(), address: "127.0.0.1".into(), with: With::Lmtp })
}

fn received(envelope: &Envelope, utf8: bool) -> String {
    let recipients: Vec<Position> = envelope.positions().collect();
    let mut out = String::new();
    Received {
        envelope,
        recipients: &recipients,
        hostname: "filter.example",
        id: "0190",
        at: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
    }
    .write(&mut out, utf8);
    out
}

/// What stands behind our `Received:` after `edits`.
fn spliced(content: &str, edits: &[HeaderEdit]) -> String {
    let envelope = envelope(2);
    let top = received(&envelope, false);
    let recipients: Vec<_> = envelope.positions().collect();
    let field = Received {
        envelope: &envelope,
        recipients: &recipients,
        hostname: "filter.example",
        id: "0190",
        at: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
    };
    let content = Bytes::copy_from_slice(content.as_bytes());
    let spliced = Spliced::new(&content, &field, edits, false);
    let whole = String::from_utf8(spliced.slices().concat()).unwrap();
    whole.strip_prefix(&top).unwrap().to_owned()
}

fn prepend(name: &str, value: &str) -> HeaderEdit {
    HeaderEdit::Prepend { name: name.into(), value: value.into() }
}

fn strip(name: &str) -> HeaderEdit {
    HeaderEdit::Strip { name: name.into() }
}

#[test]
fn fields_are_put_on_top_in_their_order() {
    let edits = [prepend("X-Virus-Scanned", "Mailweir at x"), prepend("X-Spam-Flag", "NO")];
    assert_eq!(
        spliced("Subject: a\r\n\r\nb\r\n", &edits),
        "X-Virus-Scanned: Mailweir at x\r\nX-Spam-Flag: NO\r\nSubject: a\r\n\r\nb\r\n"
    );
}

#[test]
fn stripping_takes_whole_fields_and_nothing_else() {
    let cases = [
        ("X-Spam: a\r\nTo: b\r\n\r\nX-Spam: body\r\n", "To: b\r\n\r\nX-Spam: body\r\n"),
        ("To: b\r\nx-SPAM: a\r\n\tb\r\n c\r\nCc: d\r\n\r\n", "To: b\r\nCc: d\r\n\r\n"),
        ("To: b\r\nX-Spam : a\r\n\r\n", "To: b\r\n\r\n"),
        ("To: b\r\nX-Spam: a\r\nX-Spam: c\r\n\r\nd", "To: b\r\n\r\nd"),
        ("To: b\r\nX-Spammy: a\r\n\r\n", "To: b\r\nX-Spammy: a\r\n\r\n"),
        ("To: b\r\nX-Spam: a", "To: b\r\n"),
        ("To: b\r\nno field\r\nX-Spam: a\r\n\r\nc", "To: b\r\nno field\r\n\r\nc"),
        ("X-Spam: a\r\n", ""),
        ("", ""),
    ];
    for (content, left) in cases {
        assert_eq!(spliced(content, &[strip("X-Spam")]), left, "{content:?}");
    }
}

#[test]
fn a_content_without_a_header_section_keeps_all_its_bytes() {
    for content in ["just text\r\nX-Spam: a\r\n\r\n", " X-Spam: a\r\n\r\nb", "\tfolded\r\n", ": x\r\n"] {
        let whole = spliced(content, &[prepend("X-A", "b"), strip("X-Spam")]);
        assert_eq!(whole, format!("X-A: b\r\n\r\n{content}"));
    }
    let only_body = "\r\nX-Spam: a\r\n";
    assert_eq!(spliced(only_body, &[strip("X-Spam")]), only_body);
}

#[test]
fn a_long_value_is_folded_at_its_blanks() {
    let value = "word ".repeat(40);
    let whole = spliced("", &[prepend("X-A", &value)]);
    assert!(whole.lines().all(|line| line.len() <= 78), "{whole}");
    assert_eq!(whole.replace("\r\n ", " "), format!("X-A: {}\r\n", value.trim()));
}

#[test]
fn no_line_is_longer_than_may_be() {
    for bytes in [900, 990, 993, 994, 5_000] {
        let value = "x".repeat(bytes);
        let whole = spliced("", &[prepend("X-A", &value)]);
        assert!(whole.lines().all(|line| line.len() <= 998), "{bytes}");
        assert_eq!(whole.lines().count() > 1, bytes > 993, "{bytes}");
        assert_eq!(whole.replace("\r\n ", "").trim_end(), format!("X-A: {value}"));
    }
}

#[test]
fn nothing_in_a_value_ends_its_line() {
    let whole = spliced("", &[prepend("X-A\r\nB:", "a\r\nX-Evil: b\0\u{85}é")]);
    assert_eq!(whole, "X-AB: a  X-Evil: b  ?\r\n");
    assert_eq!(spliced("", &[prepend(" :\r\n", "a")]), "");
}

#[test]
fn received_says_who_gave_the_mail_to_us() {
    assert_eq!(
        received(&envelope(1), false),
        "Received: from mx.example (unknown [127.0.0.1])\r\n\
         \tby filter.example (Mailweir) with LMTP id 0190\r\n\
         \tfor <r@example.org>;\r\n\
         \tFri, 15 Jan 2027 08:00:00 +0000\r\n"
    );
}

#[test]
fn received_names_the_first_client_where_it_is_told_and_no_recipient_beside_another() {
    let mut origin = Origin::default();
    for attribute in ["NAME=spike.example", "ADDR=192.0.2.1", "HELO=helo.example"] {
        origin.take(attribute).unwrap();
    }
    assert_eq!(
        received(&envelope(2).with_origin(origin), false),
        "Received: from helo.example (spike.example [192.0.2.1])\r\n\
         \tby filter.example (Mailweir) with LMTP id 0190;\r\n\
         \tFri, 15 Jan 2027 08:00:00 +0000\r\n"
    );
}

#[test]
fn a_hostile_helo_stays_one_word() {
    let origin = Origin {
        helo: Some(format!("a) (b\r\nX-Evil: 1;\"é{}", "x".repeat(3_000))),
        name: Some("n".into()),
        ..Origin::default()
    };
    for utf8 in [false, true] {
        let text = received(&envelope(1).with_origin(origin.clone()), utf8);
        assert!(text.starts_with("Received: from a???b??X-Evil:?1??"), "{text}");
        assert_eq!(text.is_ascii(), !utf8);
        assert!(text.lines().all(|line| line.len() < 400), "{text}");
        assert_eq!(text.lines().filter(|line| !line.starts_with('\t')).count(), 1);
    }
}

proptest! {
    #[test]
    fn without_strips_every_byte_stays_behind_what_is_added(content in "[a:\r\n \t.é]{0,24}") {
        let whole = spliced(&content, &[prepend("X-A", "b")]);
        let joined = format!("X-A: b\r\n{content}");
        let parted = format!("X-A: b\r\n\r\n{content}");
        prop_assert!(whole == joined || whole == parted, "{:?}", whole);
    }

    #[test]
    fn what_is_stripped_is_gone_and_the_body_stays(
        lines in proptest::collection::vec("(A|B|x)?[: \t]?[ab]?", 0..8),
        body in "[aA:\r\n]{0,12}",
    ) {
        prop_assume!(lines.iter().all(|line| !line.is_empty()));
        let content = format!("S: s\r\n{}\r\n{body}", lines.iter().map(|line| format!("{line}\r\n")).collect::<String>());
        let whole = spliced(&content, &[strip("a")]);
        let ending = format!("\r\n\r\n{body}");
        prop_assert!(whole.ends_with(&ending));
        let header = whole.strip_suffix(&ending).unwrap_or_default();
        prop_assert!(header.split("\r\n").all(|line| field_name(line.as_bytes()) != Some(b"A")
            || line.starts_with([' ', '\t'])));
    }

    #[test]
    fn a_field_is_well_formed_whatever_its_value(value in "\\PC{0,200}|( |x{0,90}){0,60}", utf8 in any::<bool>()) {
        let mut out = String::new();
        fold::field(&mut out, "X-A", &value, utf8);
        prop_assert!(out.starts_with("X-A:") && out.ends_with("\r\n"));
        for (number, line) in out.trim_end_matches("\r\n").split("\r\n").enumerate() {
            prop_assert!(line.len() <= 998);
            prop_assert!(!line.contains(['\r', '\n']));
            prop_assert!(number == 0 || (line.starts_with(' ') && !line.trim().is_empty()), "{:?}", out);
        }
    }
}
