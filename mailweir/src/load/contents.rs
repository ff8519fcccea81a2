//! What the load generator sends: generated mails of an exact size, or files.
//!
//! Generated mails differ from each other (Message-ID, subject, body), so that nothing between us and the next hop can
//! profit from having seen one before, and are the same for the same seed, so that two runs compare.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;

/// Characters of a body line, without its line end.
const LINE_CHARACTERS: usize = 76;
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";

/// Makes mails.
#[derive(Debug)]
pub(crate) enum Contents {
    /// Generated, each of so many bytes.
    Generated { seed: u64, bytes: usize, body: Bytes },
    /// These in turn.
    Files(Vec<Bytes>),
}

impl Contents {
    /// Generates; one body is made now and cut from different places later.
    pub(crate) fn generated(seed: u64, bytes: usize) -> Self {
        let body = text(seed, bytes + LINE_CHARACTERS + 2).into();
        Self::Generated { seed, bytes, body }
    }

    /// Reads files; line ends become CRLF.
    ///
    /// # Errors
    /// When one cannot be read or is empty.
    pub(crate) fn files(paths: &[PathBuf]) -> io::Result<Self> {
        let read = |path: &PathBuf| {
            let with_path =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            let content = std::fs::read(path).map_err(with_path)?;
            if content.is_empty() {
                return Err(with_path(io::Error::new(io::ErrorKind::InvalidData, "empty")));
            }
            Ok(canonical(&content))
        };
        paths.iter().map(read).collect::<io::Result<_>>().map(Self::Files)
    }

    /// The mail number `index`.
    pub(crate) fn mail(&self, index: u64) -> Bytes {
        match self {
            Self::Files(files) => {
                let turn = usize::try_from(index).unwrap_or(0) % files.len().max(1);
                files.get(turn).cloned().unwrap_or_default()
            }
            Self::Generated { seed, bytes, body } => generate(*seed, index, *bytes, body),
        }
    }
}

fn generate(seed: u64, index: u64, bytes: usize, body: &Bytes) -> Bytes {
    let header = format!(
        "From: <load@example.org>\r\nTo: <load@example.net>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\
         Subject: load {index:010}\r\nMessage-ID: <{seed:016x}.{index:016x}@load.example.org>\r\n\r\n"
    );
    // Starting elsewhere in the text makes every body a different one.
    let shift = usize::try_from(index).unwrap_or(0) % (LINE_CHARACTERS + 1);
    let mut mail = Vec::with_capacity(bytes.max(header.len() + 2));
    mail.extend_from_slice(header.as_bytes());
    let room = bytes.saturating_sub(mail.len() + 2);
    mail.extend_from_slice(body.get(shift..shift + room).unwrap_or_default());
    // The cut may have hit the middle of a line end.
    if mail.last() == Some(&b'\r') {
        mail.pop();
        mail.push(b'.');
    }
    if let Some(b'\n') = mail.get(header.len()).copied() {
        mail[header.len()] = b' ';
    }
    mail.extend_from_slice(b"\r\n");
    mail.into()
}

/// Printable lines with CRLF, by a generator that needs no quality but speed (xorshift64*).
fn text(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = Vec::with_capacity(bytes + 2);
    while text.len() < bytes {
        if text.len() % (LINE_CHARACTERS + 2) == LINE_CHARACTERS {
            text.extend_from_slice(b"\r\n");
            continue;
        }
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let letter = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 58;
        text.push(LETTERS[usize::try_from(letter).unwrap_or(0) & 63]);
    }
    text
}

/// Every CR, LF and CRLF becomes CRLF, and the last line ends.
pub(crate) fn canonical(content: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(content.len() + content.len() / 32 + 2);
    let mut bytes = content.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_canonical(mail: &[u8]) -> bool {
        let bare = |at: usize| match mail[at] {
            b'\r' => mail.get(at + 1) != Some(&b'\n'),
            b'\n' => at == 0 || mail[at - 1] != b'\r',
            _ => false,
        };
        mail.ends_with(b"\r\n") && !(0..mail.len()).any(bare)
    }

    #[test]
    fn generated_mails_have_their_size_and_differ() {
        for bytes in [300, 1_000, 4_000, 60_000] {
            let contents = Contents::generated(1, bytes);
            let mails: Vec<_> = (0..200).map(|index| contents.mail(index)).collect();
            for (index, mail) in mails.iter().enumerate() {
                assert_eq!(mail.len(), bytes, "{index}");
                assert!(is_canonical(mail), "{bytes} {index}");
                assert!(mail.windows(4).any(|four| four == b"\r\n\r\n"));
            }
            let mut bodies: Vec<_> = mails.clone();
            bodies.dedup();
            assert_eq!(bodies.len(), mails.len());
        }
    }

    #[test]
    fn a_size_below_the_header_gives_the_header() {
        let mail = Contents::generated(1, 10).mail(0);
        assert!(is_canonical(&mail) && mail.len() > 10);
    }

    #[test]
    fn the_seed_decides_the_body() {
        let mail = |seed| Contents::generated(seed, 2_000).mail(3);
        assert_eq!(mail(1), mail(1));
        assert_ne!(mail(1), mail(2));
    }

    #[test]
    fn line_ends_of_files_become_crlf() {
        for (content, expected) in [
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb", "a\r\nb\r\n"),
            ("a\rb\r\n", "a\r\nb\r\n"),
            ("a\r\r\n\n", "a\r\n\r\n\r\n"),
        ] {
            assert_eq!(canonical(content.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn files_take_turns_and_a_missing_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| directory.path().join(name));
        for path in &paths {
            std::fs::write(path, format!("{}\n", path.display())).unwrap();
        }
        let contents = Contents::files(&paths).unwrap();
        assert_eq!(contents.mail(0), contents.mail(2));
        assert_ne!(contents.mail(0), contents.mail(1));
        let missing = Contents::files(&[directory.path().join("none")]).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
