//! The content of a DATA command on the wire: dot-stuffing (RFC 5321 section 4.5.2) and the end of data, as one state
//! machine on bytes in each direction.
//!
//! End of data is CRLF `.` CRLF and nothing else; the start of the stream counts as the start of a line. A CR or LF
//! that is not half of a CRLF never begins a line, and is turned into CRLF (and counted) on its way in: what leaves
//! the decoder has only CRLF line ends. The encoder does the same once more, so that no bare CR or LF can leave us
//! whatever it is given. The result does not depend on how the bytes are split into reads.

use bytes::BytesMut;
use memchr::memchr2;

const CRLF: &[u8] = b"\r\n";

/// The line that ends the content, to be written after [`Encoder::finish`].
pub const FINAL_DOT: &[u8] = b".\r\n";

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// After CRLF, or at the start.
    LineStart,
    /// After a `.` at the start of a line, which is held back.
    Dot,
    /// After `.` and CR at the start of a line; both are held back.
    DotCr,
    /// After a CR, which is held back.
    Cr,
    /// Within a line.
    Line,
}

/// Unstuffs content and finds its end.
#[derive(Debug)]
pub struct Decoder {
    at: At,
    bare: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// At the start of the content.
    pub fn new() -> Self {
        Self { at: At::LineStart, bare: 0 }
    }

    /// How many bare CR and LF were turned into CRLF.
    pub fn bare(&self) -> u64 {
        self.bare
    }

    /// Takes `input`, appends the content to `out`, and stops behind the end of data.
    ///
    /// Returns how many bytes of `input` were used and whether the end was among them; without the end, all were.
    pub fn decode(&mut self, input: &[u8], out: &mut BytesMut) -> (usize, bool) {
        self.run(input, |piece| out.extend_from_slice(piece))
    }

    /// Like [`Self::decode`], for content that nobody wants: an over-size mail is read to its strict end all the same.
    pub fn discard(&mut self, input: &[u8]) -> (usize, bool) {
        self.run(input, |_| {})
    }

    fn run(&mut self, input: &[u8], mut emit: impl FnMut(&[u8])) -> (usize, bool) {
        let mut used = 0;
        // Everything of `input` from here to `used` is content as it stands, not yet emitted.
        let mut plain_from = 0;
        while let Some(rest) = input.get(used..).filter(|rest| !rest.is_empty()) {
            let Some((&byte, _)) = rest.split_first() else {
                break;
            };
            if self.at == At::Line || (self.at == At::LineStart && byte != b'.') {
                match plain_lines(rest) {
                    (0, _) => {}
                    (length, at) => {
                        used += length;
                        self.at = at;
                        continue;
                    }
                }
            }
            emit(input.get(plain_from..used).unwrap_or_default());
            used += 1;
            plain_from = used;
            if self.step(byte, &mut emit) {
                return (used, true);
            }
        }
        emit(input.get(plain_from..used).unwrap_or_default());
        (used, false)
    }

    /// One byte by the book; true at the end of data.
    fn step(&mut self, byte: u8, emit: &mut impl FnMut(&[u8])) -> bool {
        let held_cr = matches!(self.at, At::Cr | At::DotCr);
        self.at = match (self.at, byte) {
            (At::DotCr, b'\n') => return true,
            (At::Cr, b'\n') => {
                emit(CRLF);
                At::LineStart
            }
            (At::LineStart, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            (_, b'\r') => {
                if held_cr {
                    self.repair(emit);
                }
                At::Cr
            }
            (_, b'\n') => {
                self.repair(emit);
                At::Line
            }
            (_, byte) => {
                if held_cr {
                    self.repair(emit);
                }
                emit(&[byte]);
                At::Line
            }
        };
        false
    }

    fn repair(&mut self, emit: &mut impl FnMut(&[u8])) {
        self.bare += 1;
        emit(CRLF);
    }
}

/// Stuffs content. Ask it for the next piece until the input is empty, then for [`Encoder::finish`].
///
/// Pieces are slices of the input wherever possible, so that a large content is written without a copy.
#[derive(Debug)]
pub struct Encoder {
    at: At,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// At the start of the content.
    pub fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Takes bytes from the front of `input` and returns what they are on the wire, which may be nothing yet; `None`
    /// once `input` is empty.
    pub fn next_piece<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (&byte, behind) = input.split_first()?;
        match (self.at, byte) {
            (At::LineStart, b'.') => {
                self.at = At::Line;
                Some(b".")
            }
            (At::Cr, b'\n') => {
                *input = behind;
                self.at = At::LineStart;
                Some(CRLF)
            }
            // A CR was held back and is bare: its CRLF first, the byte in hand next time.
            (At::Cr, _) => {
                self.at = At::LineStart;
                Some(CRLF)
            }
            _ => Some(self.plain_piece(input)),
        }
    }

    fn plain_piece<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let (length, at) = plain_lines(input);
        if let (Some((plain, behind)), false) = (input.split_at_checked(length), length == 0) {
            *input = behind;
            self.at = at;
            return plain;
        }
        let held = input.first() == Some(&b'\r');
        *input = input.get(1..).unwrap_or_default();
        if held {
            self.at = At::Cr;
            &[]
        } else {
            self.at = At::LineStart;
            CRLF
        }
    }

    /// The line end that the content may still lack. Behind it only [`FINAL_DOT`] may follow.
    #[must_use]
    pub fn finish(&mut self) -> &'static [u8] {
        match std::mem::replace(&mut self.at, At::LineStart) {
            At::LineStart => &[],
            At::Dot | At::DotCr | At::Cr | At::Line => CRLF,
        }
    }
}

/// The length of the longest run at the front of `input` that needs no change, and the state behind it.
///
/// The run ends before a bare CR or LF, before a CR whose next byte is not there yet, and before a line that starts
/// with a dot. `input` must not itself be at the dot of a line start.
fn plain_lines(input: &[u8]) -> (usize, At) {
    let mut length = 0;
    let mut at = At::Line;
    loop {
        let rest = input.get(length..).unwrap_or_default();
        let Some(found) = memchr2(b'\r', b'\n', rest) else {
            return (input.len(), if rest.is_empty() { at } else { At::Line });
        };
        if found > 0 {
            at = At::Line;
        }
        length += found;
        if input.get(length..length + 2) != Some(CRLF) {
            return (length, at);
        }
        length += 2;
        at = At::LineStart;
        if input.get(length) == Some(&b'.') {
            return (length, at);
        }
    }
}

#[cfg(test)]
mod tests;
