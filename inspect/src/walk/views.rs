//! A body in every reading of its transfer encoding.

use std::borrow::Cow;

use super::headers::{Headers, is_encoded};
use crate::attachments::decode;

/// Not standard, yet known by these names; found by its first line, so that the body as it is will do.
const UUENCODE: [&str; 4] = ["x-uuencode", "uuencode", "x-uue", "uue"];

/// `body` as it is, and as each declared encoding reads it; an unknown encoding may be any. Each of at most
/// `bytes_max` bytes.
pub(super) fn views<'b>(body: &'b [u8], headers: &Headers, bytes_max: usize) -> Vec<Cow<'b, [u8]>> {
    let mut views = vec![Cow::Borrowed(body)];
    let mut add = |view: Vec<u8>| {
        if views.iter().all(|known| **known != *view) {
            views.push(Cow::Owned(view));
        }
    };
    for encoding in headers.encodings.iter().filter(|encoding| is_encoded(encoding)) {
        if UUENCODE.contains(&encoding.as_str()) {
            continue;
        }
        if encoding != "quoted-printable" {
            add(decode::base64(body, bytes_max));
            if decode::has_more_behind_padding(body) {
                add(decode::base64_to_padding(body, bytes_max));
                add(decode::base64_by_padding(body, bytes_max));
            }
        }
        if encoding != "base64" {
            add(decode::quoted_printable(body, bytes_max));
            if let Some(joined) = decode::joined_escapes(body) {
                add(decode::quoted_printable(&joined, bytes_max));
            }
        }
    }
    views
}
