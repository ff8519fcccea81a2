//! EICAR behind thirty megabytes: of text, of what decodes to them, and of what unpacks to them.

use harness::mails::TestMail;
use harness::zip::{Packed, archive};

use super::letter::attachment;
use super::streams::{gzip, lzma_of_zip};
use super::{Row, sample};

const BYTES: usize = 30_000_000;
const OVER_LIMIT: &str = "unchecked-over-limit";

pub(super) fn rows() -> Vec<Row> {
    let padding = TestMail::new().content(*b"Content-Type: text/plain\r\n\r\n").padded(BYTES).content;
    let sample = sample();
    // Not so even that it looks like a bomb.
    let noise: Vec<u8> = (0..BYTES as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
    let members =
        [Packed::deflated("large.dat", &noise), Packed::new("letter.txt", 14, lzma_of_zip(&sample), &sample)];
    let stored =
        [Packed::new("large.dat", 0, noise.clone(), &noise), Packed::deflated("letter.txt", &sample)];
    vec![
        Row::multipart("behind 30 MB of text", &[padding, attachment(&sample)]),
        Row::attached("zip, behind a member of 30 MB", &archive(&members)),
        // 41 MB of base64 are more than clamd gets.
        Row::attached("zip, behind 30 MB that are stored", &archive(&stored)).unchecked(OVER_LIMIT),
        Row::attached("gzip of 30 MB of blanks", &gzip(&[vec![b' '; BYTES], sample].concat()))
            .unchecked(OVER_LIMIT),
    ]
}
