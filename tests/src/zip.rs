//! Zip archives as tests and the benchmark need them: deflated members, in memory.
//!
//! By hand and not by a crate, so that an archive can say of itself what is not so.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A member as it stands in an archive.
pub struct Packed<'a> {
    /// Its name.
    pub name: &'a str,
    /// The number of the method.
    pub method: u16,
    /// What the method made of it.
    pub data: Vec<u8>,
    /// What it is made of, and what its check sum is of.
    pub plain: &'a [u8],
    /// Whether it says that it is encrypted.
    pub is_encrypted: bool,
}

impl<'a> Packed<'a> {
    /// With these data of that method.
    pub fn new(name: &'a str, method: u16, data: Vec<u8>, plain: &'a [u8]) -> Self {
        Self { name, method, data, plain, is_encrypted: false }
    }

    /// Deflated.
    pub fn deflated(name: &'a str, plain: &'a [u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).expect("pack into memory");
        Self::new(name, 8, encoder.finish().expect("pack into memory"), plain)
    }

    /// What both headers say of it.
    fn said(&self) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(self.plain);
        let sum = if self.is_encrypted { !crc.sum() } else { crc.sum() };
        [
            &[20, 0, u8::from(self.is_encrypted), 0][..],
            &self.method.to_le_bytes(),
            &[0, 0, 0x21, 0x5a],
            &sum.to_le_bytes(),
            &le(self.data.len()),
            &le(self.plain.len()),
            &le(self.name.len())[..2],
            &[0, 0],
        ]
        .concat()
    }
}

/// An archive of these names and contents.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> = members.iter().map(|(name, plain)| Packed::deflated(name, plain)).collect();
    archive(&members)
}

/// One that says that its members are encrypted. Their check sums are wrong: what is not as it says would be noticed.
pub fn encrypted_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut members: Vec<_> = members.iter().map(|(name, plain)| Packed::deflated(name, plain)).collect();
    members.iter_mut().for_each(|member| member.is_encrypted = true);
    archive(&members)
}

/// An archive of these members.
pub fn archive(members: &[Packed<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let central =
            [b"PK\x01\x02\x14\0", &member.said()[..], &[0; 10], &le(out.len()), member.name.as_bytes()];
        directory.extend(central.concat());
        out.extend(local(member));
    }
    let count = &le(members.len())[..2];
    let end = [b"PK\x05\x06\0\0\0\0", count, count, &le(directory.len()), &le(out.len()), b"\0\0"].concat();
    [out, directory, end].concat()
}

/// A member as it stands in front of the directory.
pub fn local(member: &Packed<'_>) -> Vec<u8> {
    [b"PK\x03\x04", &member.said()[..], member.name.as_bytes(), &member.data].concat()
}

fn le(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("a small number").to_le_bytes()
}
