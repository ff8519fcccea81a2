//! Mails that are made to kill their parser.

use super::*;

/// The guard alone, with the default limits.
fn guard(content: &[u8]) -> Result<Shape, &'static str> {
    let limits = Limits::default();
    check(content, &mut Budget::new(&limits, content.len())).map_err(|Exceeded(limit)| limit)
}

/// The whole rule: bounded in time, and beyond a limit.
#[track_caller]
fn over_limit(content: &[u8]) {
    let start = crate::walk::tests::thread_seconds();
    let found = crate::walk::tests::inspect(content);
    let is_over_limit =
        found.iter().any(|found| found.category == proto::Category::Unchecked(proto::Unchecked::OverLimit));
    assert!(is_over_limit, "{found:?}");
    let seconds = crate::walk::tests::thread_seconds() - start;
    assert!(seconds < 20, "{seconds} s");
}

#[test]
fn forty_thousand_nested_messages_in_every_spelling() {
    for header in [
        "Content-Type: message/rfc822\r\n\r\n",
        "content-type:MESSAGE/RFC822\n\n",
        "Content-Type: Message/global; x=y\r\n\r\n",
        "Content-Type: message (a comment)/(another) rfc822\r\n\r\n",
        "Content-Type: x(y)message/rfc822\r\n\r\n",
        "Content-Type:\r\n message/\trfc822\r\n\r\n",
        "Content-Type: x\r\n message/rfc822\r\n\r\n",
        "C o n t e n t-Type : \"message\\/rfc822\"\r\n\r\n",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    ] {
        let content = header.repeat(40_000);
        assert_eq!(guard(content.as_bytes()).unwrap_err(), "nested messages", "{header:?}");
        over_limit(content.as_bytes());
    }
}

#[test]
fn nested_digests() {
    let mut content = String::new();
    for level in 0..20_000 {
        content += &format!("Content-Type: multipart/digest; boundary=b{level}\r\n\r\n--b{level}\r\n\r\n");
    }
    over_limit(content.as_bytes());
    // Each delimiter makes two parts.
    let digest = |parts: usize| {
        format!("Content-Type: multipart/digest; boundary=b\r\n\r\n{}", "--b\r\n\r\n\r\n".repeat(parts))
    };
    assert!(guard(digest(499).as_bytes()).is_ok());
    assert_eq!(made(digest(499).as_bytes()).0, 999);
    assert!(guard(digest(500).as_bytes()).is_err());
    // One boundary for all.
    let one = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n";
    over_limit(one.repeat(40_000).as_bytes());
    // Below the limit of parts the parser runs, and the depth is seen.
    over_limit(one.repeat(30).as_bytes());
}

#[test]
fn as_many_nested_messages_as_the_limit_of_parts_do_not_overflow_the_stack() {
    let header = "Content-Type: message/rfc822\r\n\r\n";
    let content = header.repeat(999);
    assert!(guard(content.as_bytes()).is_ok());
    over_limit(content.as_bytes());
    assert!(guard(header.repeat(1000).as_bytes()).is_err());
}

#[test]
fn nested_messages_that_are_encoded() {
    let header = "Content-Type: message/rfc822\r\n\r\n";
    let inner = encode(header.repeat(20_000).as_bytes());
    let content = format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{inner}");
    assert!(guard(content.as_bytes()).is_ok());
    over_limit(content.as_bytes());
    // Encoded within encoded.
    let mut content = b"Subject: core\r\n\r\n".to_vec();
    for _ in 0..25 {
        let head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n";
        content = [head, encode(&content).as_bytes()].concat();
    }
    over_limit(&content);
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .map(|chunk| {
            let bits = chunk.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte));
            let bits = bits << (8 * (3 - chunk.len()));
            (0..4)
                .map(|at| match at <= chunk.len() {
                    true => char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]),
                    false => '=',
                })
                .collect::<String>()
        })
        .collect()
}

#[test]
fn a_hundred_thousand_parts() {
    for part in ["--b\r\n\r\nx\r\n", "--b\n\n", "--b", "text --b text\r\n\r\n"] {
        let content = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", part.repeat(100_000));
        assert_eq!(guard(content.as_bytes()).unwrap_err(), "parts");
        over_limit(content.as_bytes());
    }
}

#[test]
fn parts_at_both_sides_of_the_limit() {
    let mail = |parts: usize| {
        let parts = "--b\r\n\r\nx\r\n".repeat(parts);
        format!("Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n{parts}")
    };
    assert!(guard(mail(999).as_bytes()).is_ok());
    assert_eq!(guard(mail(1000).as_bytes()).unwrap_err(), "parts");
}

#[test]
fn a_thousand_nested_multiparts() {
    let mut content = String::new();
    for level in 0..499 {
        content +=
            &format!("Content-Type: multipart/mixed; boundary=\"b{level:04}\"\r\n\r\n--b{level:04}\r\n");
    }
    assert!(guard(content.as_bytes()).is_ok());
    over_limit(content.as_bytes());
    over_limit(content.repeat(3).as_bytes());
}

#[test]
fn header_bytes_at_both_sides_of_the_limit() {
    let mail = |bytes: usize| {
        let line = "X: y\r\n".to_owned() + &"z".repeat(bytes - 10);
        line + "\r\n\r\nbody that does not count"
    };
    let max = Limits::default().header_bytes_max;
    assert!(guard(mail(max).as_bytes()).is_ok());
    assert_eq!(guard(mail(max + 1).as_bytes()).unwrap_err(), "header bytes");
    over_limit(mail(2 * max).as_bytes());
    // Without an end.
    assert_eq!(guard(&vec![b'x'; max + 100]).unwrap_err(), "header bytes");
    // In a part.
    let part = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{}", mail(2 * max));
    assert_eq!(guard(part.as_bytes()).unwrap_err(), "header bytes");
    // In a nested message.
    let nested = format!("Content-Type: message/rfc822\r\n\r\n{}", mail(2 * max));
    assert_eq!(guard(nested.as_bytes()).unwrap_err(), "header bytes");
    // In a message of a digest that does not say that it is one.
    let digest = format!("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n{}", mail(2 * max));
    assert_eq!(guard(digest.as_bytes()).unwrap_err(), "header bytes");
}

#[test]
fn header_lines_at_both_sides_of_the_limit() {
    let mail = |lines: usize| "a:b\r\n".repeat(lines - 1) + "\r\n";
    let max = Limits::default().header_lines_max;
    assert!(guard(mail(max).as_bytes()).is_ok());
    assert_eq!(guard(mail(max + 1).as_bytes()).unwrap_err(), "header lines");
}

#[test]
fn multiparts_whose_boundaries_never_come() {
    // Each makes the parser read to the end.
    let part = "--b\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\n";
    let content = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}{}",
        part.repeat(900),
        "x\r\n".repeat(5_000_000)
    );
    over_limit(content.as_bytes());
}

#[test]
fn content_types_with_thousands_of_parameters() {
    for parameter in ["a*='b'c;", "x*1=y;", "a=\"b\"", "multipart;", "boundary=x;"] {
        let header = format!("Content-Type: text/plain; {}\r\n\r\n", parameter.repeat(100_000));
        assert!(guard(header.as_bytes()).is_err(), "{parameter}");
        over_limit(header.as_bytes());
        let folded =
            format!("c ontent-type: multipart/mixed; {}\r\n\r\n", format!("{parameter}\r\n ").repeat(10_000));
        assert!(guard(folded.as_bytes()).is_err(), "{parameter}");
    }
}

#[test]
fn honest_mails_pass() {
    let forwarded =
        "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nmessage/rfc822\r\n".repeat(50);
    for content in [
        String::new(),
        "no header at all".into(),
        "Subject: x\r\n\r\nThe message (see below) is multipart, a message / digest of global news.\r\n"
            .into(),
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{forwarded}--b--\r\n"),
        format!("Subject: dashes\r\n\r\n{}", "--------\r\n".repeat(100_000)),
        format!("Subject: words\r\n\r\n{}", "a message global to all\r\n".repeat(100_000)),
    ] {
        let shape = guard(content.as_bytes()).unwrap();
        assert!(!shape.is_ambiguous);
    }
}

#[test]
fn a_part_behind_the_end_of_its_multipart_is_ambiguous() {
    let honest = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n--a--\r\n";
    assert!(!guard(honest.as_bytes()).unwrap().is_ambiguous);
    let more = format!("{honest}--a\r\n\r\n");
    assert!(guard(more.as_bytes()).unwrap().is_ambiguous);
}

/// Parts and header lines that the parser makes of `content`, and how deep its messages are nested.
fn made(content: &[u8]) -> (usize, usize, usize) {
    let message = crate::walk::parser().parse(content);
    let mut waiting: Vec<_> = message.iter().map(|message| (message, 0)).collect();
    let (mut parts, mut fields, mut deepest) = (0, 0, 0);
    while let Some((message, depth)) = waiting.pop() {
        deepest = deepest.max(depth);
        for part in &message.parts {
            parts += 1;
            fields += part.headers.len();
            if let mail_parser::PartType::Message(nested) = &part.body {
                waiting.push((nested, depth + 1));
            }
        }
    }
    (parts, fields, deepest)
}

/// Pieces of which containers are made, in all the spellings that mail-parser reads.
pub(crate) fn piece() -> impl proptest::strategy::Strategy<Value = &'static [u8]> {
    let pieces: Vec<&'static [u8]> = vec![
        b"Content-Type: ",
        b"c o ntent-type:",
        b"multipart/mixed",
        b"MultiPart",
        b"multipart(x)/digest",
        b"message/rfc822",
        b"message / (x) global",
        b"Message\\/\"RFC822",
        b"text/plain",
        b"; boundary=b",
        b"; boundary=\"bb\"",
        b"; BOUNDARY*=utf-8''b",
        b"; boundary*0=b; boundary*1=b",
        b"; boundary==?utf-8?q?b?=",
        b"x",
        b"(",
        b")",
        b"\"",
        b"\\",
        b";",
        b" ",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\r\n ",
        b"--b\r\n",
        b"--bb\r\n",
        b"--b--\r\n",
        b"--",
        b"b",
        b"X: y\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        b"Content-Type: multipart/digest; boundary=bb\r\n\r\n",
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"--b\r\n\r\n",
        b"--bb\r\n\r\n",
    ];
    proptest::sample::select(pieces)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(4_000))]

    /// The guard counts at least what the parser makes: this is what keeps the process alive.
    #[test]
    fn the_guard_is_an_upper_bound(pieces in proptest::collection::vec(piece(), 0..30)) {
        let content = pieces.concat();
        let limits = Limits { parts_max: 10_000, ..Limits::default() };
        let mut budget = Budget::new(&limits, content.len());
        if check(&content, &mut budget).is_ok() {
            let (parts, fields, depth) = made(&content);
            let text = String::from_utf8_lossy(&content);
            proptest::prop_assert!(parts <= limits.parts_max - budget.parts, "{parts} parts of\n{text}");
            proptest::prop_assert!(
                fields <= limits.header_lines_max - budget.header_lines + 1,
                "{fields} fields of\n{text}"
            );
            proptest::prop_assert!(depth <= limits.parts_max - budget.parts, "depth {depth} of\n{text}");
        }
    }
}
