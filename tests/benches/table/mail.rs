//! Mails as offices send them: a few lines, two attachments and a zip, of about a given size.
//!
//! No two of them share a part or a member of an archive: clamd remembers what it found clean, and would be measured at
//! remembering. The load generator's own mails have no parts.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use harness::mails::base64_lines;
use harness::zip::zip;

const BOUNDARY: &str = "=_part_of_the_bench";
/// Of the text, in bytes, whatever the size of the mail is.
const TEXT_BYTES: usize = 2_000;
/// Bytes of text that deflate makes one byte of, about.
const PACKED: usize = 2;

/// A mail, and what is in it.
pub(crate) struct Mail {
    pub(crate) content: Vec<u8>,
    /// The decoded parts: the text, a PDF, a picture, a zip.
    pub(crate) parts: Vec<Vec<u8>>,
    /// The members of the zip.
    pub(crate) members: Vec<Vec<u8>>,
}

impl Mail {
    /// Number `serial` of those of about `bytes`.
    pub(crate) fn new(serial: u64, bytes: usize) -> Self {
        let mut noise = Noise(serial.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // Three bytes are four of base64, and a line end for each line of them.
        let attached = bytes.saturating_sub(TEXT_BYTES) * 100 / 137;
        let text = noise.text(TEXT_BYTES);
        let pdf = pdf(&noise.text(attached / 3));
        let picture = png(&noise.bytes(attached / 3));
        let members = [noise.text(attached * PACKED / 6), noise.text(attached * PACKED / 6)];
        let zip = zip(&[("letter.txt", &members[0]), ("figures.csv", &members[1])]);
        let mut content = format!(
            "From: Sender <sender@example.org>\r\nTo: Recipient <recipient@example.net>\r\n\
             Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nSubject: The figures, number {serial}\r\n\
             Message-ID: <{serial}@bench.example.org>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n--{BOUNDARY}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n"
        )
        .into_bytes();
        content.extend(&text);
        for (kind, name, bytes) in [
            ("application/pdf", "report.pdf", &pdf),
            ("image/png", "picture.png", &picture),
            ("application/zip", "figures.zip", &zip),
        ] {
            let head = format!(
                "\r\n--{BOUNDARY}\r\nContent-Type: {kind}; name=\"{name}\"\r\n\
                 Content-Disposition: attachment; filename=\"{name}\"\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n"
            );
            content.extend(head.into_bytes());
            content.extend(base64_lines(bytes).into_bytes());
        }
        content.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
        Self { content, parts: vec![text, pdf, picture, zip], members: members.into() }
    }
}

/// Writes `count` of them from number `first` on, each to a file of its own.
///
/// # Errors
/// When one cannot be written.
pub(crate) fn write(directory: &Path, first: u64, count: u32, bytes: usize) -> Result<Vec<PathBuf>> {
    let write = |serial| {
        let path = directory.join(format!("{serial}.eml"));
        fs::write(&path, Mail::new(serial, bytes).content).context("writing a mail")?;
        Ok(path)
    };
    (first..first + u64::from(count)).map(write).collect()
}

/// A generator that needs no quality but speed (xorshift64*).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn bytes(&mut self, bytes: usize) -> Vec<u8> {
        let mut out: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        out.truncate(bytes);
        out
    }

    /// Words in lines.
    fn text(&mut self, bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes + 80);
        while out.len() < bytes {
            let mut line = Vec::with_capacity(80);
            while line.len() < 66 {
                // Letters are as frequent as in prose, so that the text packs like prose.
                let mut word = self.next();
                for _ in 0..2 + (word >> 60) % 8 {
                    line.push(b"etaoinshrdlucmfw"[(word & 15) as usize]);
                    word >>= 4;
                }
                line.push(b' ');
            }
            out.extend(line);
            out.extend(b"\r\n");
        }
        out.truncate(bytes);
        out
    }
}

/// One page without a font, and a stream with `text`.
fn pdf(text: &[u8]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    let stream =
        [format!("<< /Length {} >>\nstream\n", text.len()).as_bytes(), text, b"\nendstream"].concat();
    let objects: [&[u8]; 4] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
        &stream,
    ];
    for (object, number) in objects.iter().zip(1..) {
        offsets.push(out.len());
        out.extend(format!("{number} 0 obj\n").into_bytes());
        out.extend(*object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(b"xref\n0 5\n0000000000 65535 f \n");
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    out.extend(format!("trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").into_bytes());
    out
}

/// A grey picture with these points.
fn png(points: &[u8]) -> Vec<u8> {
    const WIDTH: usize = 256;
    let rows: Vec<&[u8]> = points.chunks_exact(WIDTH).collect();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for row in &rows {
        encoder.write_all(&[0]).expect("pack into memory");
        encoder.write_all(row).expect("pack into memory");
    }
    let packed = encoder.finish().expect("pack into memory");
    let head = [&u32_be(WIDTH)[..], &u32_be(rows.len()), &[8, 0, 0, 0, 0]].concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &head), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
        out.extend(u32_be(data.len()));
        out.extend(kind);
        out.extend(data);
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        out.extend(crc.sum().to_be_bytes());
    }
    out
}

fn u32_be(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("a small number").to_be_bytes()
}
