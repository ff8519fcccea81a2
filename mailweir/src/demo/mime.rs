//! Just enough MIME to make the demonstration's mails.

use bytes::Bytes;

/// A mail of one text part.
pub(super) fn plain(subject: &str, body: &str) -> Bytes {
    mail(subject, "Content-Type: text/plain; charset=utf-8\r\n", body.as_bytes())
}

/// The same, saying that its body has 8-bit characters.
pub(super) fn eight_bit(subject: &str, body: &str) -> Bytes {
    let fields = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
    mail(subject, fields, body.as_bytes())
}

/// A text and an attachment.
pub(super) fn with_attachment(subject: &str, name: &str, media_type: &str, attachment: &[u8]) -> Bytes {
    let fields = "Content-Type: multipart/mixed; boundary=\"frontier\"\r\n";
    let body = format!(
        "--frontier\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n--frontier\r\n\
         Content-Type: {media_type}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}--frontier--\r\n",
        base64_lines(attachment)
    );
    mail(subject, fields, body.as_bytes())
}

fn mail(subject: &str, fields: &str, body: &[u8]) -> Bytes {
    let id: String = subject.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut mail = format!(
        "From: Demo <sender@example.org>\r\nTo: <anna@example.net>\r\nSubject: {subject}\r\n\
         Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@demo.example.org>\r\n\
         MIME-Version: 1.0\r\n{fields}\r\n"
    )
    .into_bytes();
    mail.extend_from_slice(body);
    mail.into()
}

/// RFC 4648 section 4, in lines of 76 characters (RFC 2045 section 6.8).
fn base64_lines(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() / 57 * 78 + 80);
    for line in bytes.chunks(57) {
        for group in line.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4_usize {
                let value = usize::try_from(bits >> (18 - 6 * digit)).unwrap_or(0) & 63;
                text.push(if digit <= group.len() { char::from(ALPHABET[value]) } else { '=' });
            }
        }
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64_lines;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64_lines(plain.as_bytes()), format!("{encoded}\r\n"));
        }
        assert_eq!(base64_lines(&[0; 58]).lines().next().map(str::len), Some(76));
    }
}
