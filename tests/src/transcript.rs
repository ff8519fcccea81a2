//! What was said on one connection, by whom and when: the text of a failed test.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Bytes of one message that are shown; the rest is counted.
const SHOWN_BYTES_MAX: usize = 600;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The test's end.
    Us,
    /// The other end.
    Them,
    /// Nobody: something happened to the connection.
    Note,
}

struct Entry {
    at: Duration,
    speaker: Speaker,
    bytes: Box<[u8]>,
    total: usize,
}

/// Everything said so far, in order.
pub struct Transcript {
    started: Instant,
    entries: Vec<Entry>,
}

impl Transcript {
    /// Nothing said yet; times count from now.
    pub fn new() -> Self {
        Self { started: Instant::now(), entries: Vec::new() }
    }

    /// Adds what `speaker` has said. Long messages are kept from their beginning only.
    pub fn add(&mut self, speaker: Speaker, bytes: &[u8]) {
        let shown = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
        let at = self.started.elapsed();
        self.entries.push(Entry { at, speaker, bytes: shown.into(), total: bytes.len() });
    }
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            let speaker = match entry.speaker {
                Speaker::Us => ">",
                Speaker::Them => "<",
                Speaker::Note => "*",
            };
            for line in entry.bytes.split_inclusive(|byte| *byte == b'\n') {
                let plain = line.strip_suffix(b"\r\n");
                let text = plain.unwrap_or(line).escape_ascii();
                let end = if plain.is_some() { "" } else { " (no CRLF)" };
                writeln!(f, "{:>7} ms {speaker} {text}{end}", entry.at.as_millis())?;
            }
            if entry.total > entry.bytes.len() {
                writeln!(f, "           {speaker} … {} bytes in all", entry.total)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_transcript_reads_like_an_rfc() {
        let mut transcript = Transcript::new();
        transcript.add(Speaker::Them, b"220 here\r\n");
        tokio::time::advance(Duration::from_millis(15)).await;
        transcript.add(Speaker::Us, b"LHLO me\r\nMAIL FROM:<>\r\nx\ry");
        transcript.add(Speaker::Note, b"closed\r\n");
        let expected = "      0 ms < 220 here\n     15 ms > LHLO me\n     15 ms > MAIL FROM:<>\n     \
                        15 ms > x\\ry (no CRLF)\n     15 ms * closed\n";
        assert_eq!(transcript.to_string(), expected);
    }

    #[test]
    fn long_messages_are_counted() {
        let mut transcript = Transcript::new();
        transcript.add(Speaker::Us, &[b'x'; SHOWN_BYTES_MAX + 1]);
        assert!(transcript.to_string().ends_with("> … 601 bytes in all\n"));
    }
}
