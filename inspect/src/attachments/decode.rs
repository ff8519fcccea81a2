//! Transfer encodings and encoded words, read as leniently as the worst mail client reads them.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Longest encoded word that is decoded; the RFC allows 75 bytes, clients take more.
const ENCODED_WORD_BYTES_MAX: usize = 4 * 1024;

/// What each byte stands for in base64; [`NOT_BASE64`] where it is not of the alphabet.
const BASE64_VALUES: [u8; 256] = base64_values();
/// Above all values.
const NOT_BASE64: u8 = 0x80;

#[expect(clippy::indexing_slicing, reason = "a constant: a mistake does not compile")]
const fn base64_values() -> [u8; 256] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [NOT_BASE64; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
}

/// Up to `bytes_max` bytes of base64; whatever is not of the alphabet is skipped, padding included.
#[expect(clippy::indexing_slicing, reason = "every byte is within 256 values")]
pub(crate) fn base64(input: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity((input.len() / 4 * 3 + 3).min(bytes_max));
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut rest = input;
    loop {
        // Nearly all of an honest text are whole groups, one after the other to the end of the line.
        while count == 0
            && out.len().saturating_add(3) <= bytes_max
            && let Some((group, behind)) = rest.split_first_chunk()
            && let Some(bytes) = base64_group(*group)
        {
            out.extend_from_slice(&bytes);
            rest = behind;
        }
        let Some((byte, behind)) = rest.split_first() else { return out };
        rest = behind;
        let value = BASE64_VALUES[usize::from(*byte)];
        if value == NOT_BASE64 {
            continue;
        }
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            if out.len() == bytes_max {
                return out;
            }
            out.push(((bits >> count) & 0xff) as u8);
        }
    }
}

/// Four bytes of the alphabet.
#[expect(clippy::indexing_slicing, reason = "every byte is within 256 values")]
fn base64_group(group: [u8; 4]) -> Option<[u8; 3]> {
    let [a, b, c, d] = group.map(|byte| BASE64_VALUES[usize::from(byte)]);
    if (a | b | c | d) & NOT_BASE64 != 0 {
        return None;
    }
    let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
    let [_, first, second, third] = bits.to_be_bytes();
    Some([first, second, third])
}

/// As [`base64`], but as far as the first padding, where strict readers stop.
pub(crate) fn base64_to_padding(input: &[u8], bytes_max: usize) -> Vec<u8> {
    base64(input.get(..memchr::memchr(b'=', input).unwrap_or(input.len())).unwrap_or_default(), bytes_max)
}

/// As [`base64`], but each padding ends a text of its own, and the next begins behind it.
pub(crate) fn base64_by_padding(input: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for text in input.split(|byte| *byte == b'=') {
        out.extend(base64(text, bytes_max.saturating_sub(out.len())));
    }
    out
}

/// Whether there is more behind the first padding.
pub(crate) fn has_more_behind_padding(input: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'=', input) else {
        return false;
    };
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    input.get(at..).unwrap_or_default().iter().any(is_text)
}

/// Up to `bytes_max` bytes of quoted-printable; a bad escape stays as it is, blanks behind a soft line break do not.
pub(crate) fn quoted_printable(input: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = input;
    while out.len() < bytes_max {
        match rest {
            [b'=', b'\r', b'\n', tail @ ..] | [b'=', b'\n' | b'\r', tail @ ..] => rest = tail,
            [b'=', b' ' | b'\t', ..] if soft_break(rest).is_some() => {
                rest = soft_break(rest).unwrap_or_default()
            }
            [b'=', high, low, tail @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = tail;
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
            [] => break,
        }
    }
    out
}

/// Whether every reader decodes it alike: behind each `=` are two hexadecimal digits or the end of a line.
pub(crate) fn is_plain_quoted_printable(input: &[u8]) -> bool {
    memchr::memchr_iter(b'=', input).all(|at| match input.get(at + 1..).unwrap_or_default() {
        [b'\r', b'\n', ..] | [b'\n', ..] => true,
        [high, low, ..] => hex(*high).is_some() && hex(*low).is_some(),
        _ => false,
    })
}

/// What is behind `=`, blanks and a line end (RFC 2045 section 6.7, rule 3).
fn soft_break(rest: &[u8]) -> Option<&[u8]> {
    let blanks = rest.get(1..)?;
    let length = blanks.iter().take(100).position(|byte| !matches!(byte, b' ' | b'\t'))?;
    match blanks.get(length..)? {
        [b'\r', b'\n', tail @ ..] | [b'\r' | b'\n', tail @ ..] => Some(tail),
        _ => None,
    }
}

/// `input` without the blanks and line ends within its escapes (`=4 1`) and without any CR that ends no line, as lenient
/// readers of quoted-printable see it; nothing where there are none.
pub(crate) fn joined_escapes(input: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = input;
    let mut copied = 0;
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'=', b'\r', rest) {
        at += next;
        let found = rest.get(next..).unwrap_or_default();
        let (text, length) = match found {
            [b'\r', b'\n', ..] => (None, 2),
            [b'\r', ..] => (Some(Vec::new()), 1),
            _ => split_escape(found).map_or((None, 1), |(escape, length)| (Some(escape.to_vec()), length)),
        };
        if let Some(text) = text {
            out.extend_from_slice(input.get(copied..at).unwrap_or_default());
            out.extend_from_slice(&text);
            copied = at + length;
        }
        at += length;
        rest = found.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(input.get(copied..).unwrap_or_default());
    (copied > 0).then_some(out)
}

/// The escape at the start of `input`, put together, and its length as written; nothing where it is whole already, or a
/// soft line break, or none.
fn split_escape(input: &[u8]) -> Option<([u8; 3], usize)> {
    let digit = |from: usize, is_filler: fn(&u8) -> bool| -> Option<(usize, u8)> {
        let rest = input.get(from..)?;
        let at = rest.iter().position(|byte| !is_filler(byte))?;
        let digit = rest.get(at).copied().filter(|byte| hex(*byte).is_some())?;
        Some((from + at, digit))
    };
    // Behind the sign a line end is a soft one.
    let (first, high) = digit(1, |byte| matches!(byte, b' ' | b'\t' | b'\r'))?;
    let (second, low) = digit(first + 1, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))?;
    (second > 2).then_some(([b'=', high, low], second + 1))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `%41` and the like decoded; what is no escape stays.
pub(crate) fn percent(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    loop {
        match rest {
            [b'%', high, low, tail @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = tail;
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
            [] => return out,
        }
    }
}

/// `bytes` in `charset`, or as UTF-8 when it is unknown.
pub(crate) fn text(bytes: &[u8], charset: &[u8]) -> String {
    // A language may follow the charset (RFC 2231 section 5).
    let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
    let is_plain = charset.is_empty()
        || charset.eq_ignore_ascii_case(b"utf-8")
        || charset.eq_ignore_ascii_case(b"us-ascii");
    match charset_decoder(charset).filter(|_| !is_plain) {
        Some(decoder) => decoder(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// `input` with its encoded words decoded (RFC 2047), wherever they stand, also in quotes and without blanks between.
/// `None` when there are none.
pub(crate) fn encoded_words(input: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut rest = input;
    let mut is_any = false;
    let mut is_behind_word = false;
    while let Some(start) = memchr::memmem::find(rest, b"=?") {
        let (before, word) = rest.split_at(start);
        let is_gap = is_behind_word && before.iter().all(u8::is_ascii_whitespace);
        if !is_gap {
            out.push_str(&String::from_utf8_lossy(before));
        }
        match encoded_word(word) {
            Some((text, length)) => {
                out.push_str(&text);
                rest = word.get(length..).unwrap_or_default();
                (is_any, is_behind_word) = (true, true);
            }
            None => {
                out.push_str("=?");
                rest = word.get(2..).unwrap_or_default();
                is_behind_word = false;
            }
        }
    }
    out.push_str(&String::from_utf8_lossy(rest));
    is_any.then_some(out)
}

/// The encoded word at the start of `input`, decoded, and its length.
fn encoded_word(input: &[u8]) -> Option<(String, usize)> {
    let window = input.get(..ENCODED_WORD_BYTES_MAX).unwrap_or(input);
    let mut fields = window.get(2..)?.splitn(3, |byte| *byte == b'?');
    let (charset, encoding, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let encoded = rest.get(..memchr::memmem::find(rest, b"?=")?)?;
    let bytes = match encoding {
        b"B" | b"b" => base64(encoded, encoded.len()),
        b"Q" | b"q" => {
            let space = |byte: &u8| if *byte == b'_' { b' ' } else { *byte };
            let spaced: Vec<u8> = encoded.iter().map(space).collect();
            quoted_printable(&spaced, spaced.len())
        }
        _ => return None,
    };
    let length = charset.len() + encoding.len() + encoded.len() + "=????=".len();
    Some((text(&bytes, charset), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_through_junk() {
        for text in ["TVqQAAM=", "T V q\r\nQ A A M", "TVqQ!AAM=", "--TVqQAAM", "TV=qQAAM"] {
            assert_eq!(base64(text.as_bytes(), 100), b"MZ\x90\0\x03", "{text}");
        }
        for most in 0..6 {
            assert_eq!(base64(b"TVqQAAM=", most), &b"MZ\x90\0\x03"[..most.min(5)]);
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(base64(&all, 100).len(), 64 / 4 * 3);
        assert_eq!(base64_to_padding(b"TVo=TVqQ", 100), b"MZ");
    }

    #[test]
    fn quoted_printable_is_read_through_mistakes() {
        let cases: [(&[u8], &[u8]); 5] =
            [(b"=4D=5a", b"MZ"), (b"M=\r\nZ", b"MZ"), (b"M=\nZ", b"MZ"), (b"=ZZ=4", b"=ZZ=4"), (b"", b"")];
        for (input, expected) in cases {
            assert_eq!(quoted_printable(input, 100), expected);
        }
    }

    #[test]
    fn escapes_that_are_split_are_put_together() {
        let cases: [(&[u8], Option<&[u8]>); 12] = [
            (b"=4 D=\t5a", Some(b"=4D=5a")),
            (b"x= 4D", Some(b"x=4D")),
            (b"=4\r\n D=5\nA=5A", Some(b"=4D=5A=5A")),
            (b"=\r4D", Some(b"=4D")),
            (b"M\rZ\r", Some(b"MZ")),
            (b"=4D=5A\r\n=\r\n=\nx= \r\n", None),
            (b"=\r\n4D =\n4D", None),
            (b"=4 =4 x", None),
            (b"==4 D", Some(b"==4D")),
            (b"=", None),
            (b"=4", None),
            (b"", None),
        ];
        for (input, expected) in cases {
            assert_eq!(joined_escapes(input).as_deref(), expected, "{}", input.escape_ascii());
        }
        // Each sign looks ahead as far as the next one.
        assert!(joined_escapes(&b"=4 ".repeat(1_000_000)).is_none());
    }

    #[test]
    fn encoded_words_are_decoded_wherever_they_stand() {
        let cases = [
            ("=?utf-8?B?ZXZpbC5leGU=?=", Some("evil.exe")),
            ("=?utf-8?Q?evil=2Eexe?=", Some("evil.exe")),
            ("=?utf-8?q?evil?= =?utf-8?q?.exe?=", Some("evil.exe")),
            ("=?utf-8?q?evil?==?utf-8?q?.exe?=", Some("evil.exe")),
            ("a =?utf-8?q?evil?=.exe", Some("a evil.exe")),
            ("=?utf-16be?B?AC4AZQB4AGU=?=", Some(".exe")),
            ("=?x?X?y?=", None),
            ("=?x?X?y?= =?utf-8?q?.exe?=", Some("=?x?X?y?= .exe")),
            ("=?", None),
            ("plain", None),
        ];
        for (input, expected) in cases {
            assert_eq!(encoded_words(input.as_bytes()).as_deref(), expected, "{input}");
        }
    }
}
