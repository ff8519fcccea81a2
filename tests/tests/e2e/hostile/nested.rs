//! Containers in containers, to the limit of depth and one beyond it.

use harness::mails::base64_lines;
use harness::zip::zip;

use super::archives::zip_of_lzma;
use super::letter::{TEXT, attachment, multipart};
use super::{Row, sample};

/// `attachments.limits.archive_depth_max`.
const ARCHIVES: usize = 8;
/// `attachments.limits.depth_max`; the mail itself is one.
const MESSAGES: usize = 20;
const OVER_LIMIT: &str = "unchecked-over-limit";

pub(super) fn rows() -> Vec<Row> {
    [archives(), messages(), multiparts(), mails_in_archives()].into_iter().flatten().collect()
}

fn archives() -> Vec<Row> {
    let mut rows = Vec::new();
    for depth in [2, ARCHIVES, ARCHIVES + 1] {
        let deflated = within(depth, sample(), |inner| zip(&[("a.zip", &inner)]));
        rows.push(Row::attached(&format!("zip, {depth} deep"), &deflated));
        let lzma = within(depth, sample(), |inner| zip_of_lzma("a.zip", &inner));
        let row = Row::attached(&format!("zip of lzma, {depth} deep"), &lzma);
        rows.push(if depth > ARCHIVES { row.unchecked(OVER_LIMIT) } else { row });
    }
    rows
}

fn within(depth: usize, innermost: Vec<u8>, wrap: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    (0..depth).fold(innermost, |inner, _| wrap(inner))
}

/// A mail with EICAR attached.
fn letter() -> Vec<u8> {
    Row::attached("", &sample()).content
}

const MESSAGE: &str = "Content-Type: message/rfc822\r\n";
const IN_BASE64: &str = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n";

/// A message with this message in it.
fn around(message: &[u8], fields: &str) -> Vec<u8> {
    [format!("Subject: Look\r\nMIME-Version: 1.0\r\n{fields}\r\n").as_bytes(), message].concat()
}

fn around_in_base64(message: &[u8]) -> Vec<u8> {
    around(base64_lines(message).as_bytes(), IN_BASE64)
}

/// Of the nested ones, some are in a multipart of their own, which is a level as well.
fn messages() -> Vec<Row> {
    let part = |fields: &str, body: &[u8]| [format!("{fields}\r\n").as_bytes(), body].concat();
    let encoded = |message: &[u8]| base64_lines(message).into_bytes();
    let mut rows = vec![
        Row::part("message/rfc822 in a part", part(MESSAGE, &letter())),
        Row::part("message/rfc822 in a part, in base64", part(IN_BASE64, &encoded(&letter()))),
    ];
    for kind in ["global", "news", "delivery-status", "disposition-notification", "x-unknown"] {
        let fields = format!("Content-Type: message/{kind}\r\n");
        rows.push(Row::of(&format!("message/{kind}"), &fields, &letter()));
        let fields = format!("{fields}Content-Transfer-Encoding: base64\r\n");
        rows.push(Row::of(&format!("message/{kind} in base64"), &fields, &encoded(&letter())));
    }
    // The letter is a multipart with parts in it, two levels by itself.
    for depth in [1, 2, MESSAGES - 2, MESSAGES - 1, MESSAGES, MESSAGES + 1] {
        let plain = within(depth - 1, letter(), |inner| around(&inner, MESSAGE));
        let base64 = within(depth - 1, letter(), |inner| around_in_base64(&inner));
        let plain = Row::of(&format!("message/rfc822, {depth} deep"), MESSAGE, &plain);
        let base64 =
            Row::of(&format!("message/rfc822 in base64, {depth} deep"), IN_BASE64, &encoded(&base64));
        let is_beyond = depth > MESSAGES - 2;
        rows.push(if is_beyond { base64.unchecked(OVER_LIMIT) } else { base64 });
        // clamd goes as deep as 17 and says so beyond.
        rows.push(if depth > 16 { plain.unchecked(OVER_LIMIT) } else { plain });
    }
    rows
}

fn multiparts() -> Vec<Row> {
    [2, MESSAGES, MESSAGES + 1]
        .map(|depth| {
            let mut part = attachment(&sample());
            for level in 1..depth {
                let (field, body) = multipart(&format!("b{level}x"), &[TEXT.into(), part]);
                part = [field.as_bytes(), b"\r\n", &body].concat();
            }
            let row = Row::part(&format!("multipart, {depth} deep"), part);
            if depth > 16 { row.unchecked(OVER_LIMIT) } else { row }
        })
        .into()
}

fn mails_in_archives() -> Vec<Row> {
    let of_lzma = Row::attached("", &zip_of_lzma("letter.txt", &sample())).content;
    vec![
        Row::attached("mail in a zip", &zip(&[("a.eml", &letter())])),
        Row::attached("mail in a zip of lzma", &zip_of_lzma("a.eml", &letter())),
        Row::attached("mail with a zip of lzma in a zip", &zip(&[("a.eml", &of_lzma)])),
        Row::attached("mail as a file", &letter()),
    ]
}
