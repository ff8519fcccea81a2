//! xtext (RFC 3461 section 4): how ESMTP parameters and XFORWARD carry bytes that a command line may not.
//!
//! Values are kept decoded and re-encoded when they are sent, so that nothing a client smuggled into an encoded
//! value can reach the next hop as a line of its own.

/// Decodes xtext; `None` where a `+` is not followed by two upper-case hex digits, a byte is not printable ASCII, or
/// the decoded bytes are not UTF-8 or hold a control character.
pub fn xtext_decode(encoded: &str) -> Option<String> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => {
                let high = hex_digit(bytes.next()?)?;
                let low = hex_digit(bytes.next()?)?;
                out.push(high * 16 + low);
            }
            b'=' => return None,
            b'!'..=b'~' => out.push(byte),
            _ => return None,
        }
    }
    let text = String::from_utf8(out).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

/// Encodes any text as xtext.
pub fn xtext_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' => out.push_str(&format!("+{byte:02X}")),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("+{byte:02X}")),
        }
    }
    out
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(text in "\\PC{0,40}") {
            prop_assume!(!text.chars().any(char::is_control));
            let encoded = xtext_encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && b != b'='));
            prop_assert_eq!(xtext_decode(&encoded), Some(text));
        }
    }

    #[test]
    fn smuggled_line_ends_and_bad_hex_are_refused() {
        for bad in ["a+0D+0AX", "a+0d", "a+", "a+4", "a=b", "a b", "a+00", "a+FF", "é"] {
            assert_eq!(xtext_decode(bad), None, "{bad}");
        }
        assert_eq!(xtext_decode("a+2Bb+3D").as_deref(), Some("a+b="));
    }
}
