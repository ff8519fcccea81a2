//! Zip archives as tests and the benchmark need them: deflated members, in memory.
//!
//! By hand and not by a crate, so that an archive can say of itself what is not so.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// An archive of these names and contents.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    archive(members, false)
}

/// One that says that its members are encrypted. Their check sums are wrong: what is not as it says would be noticed.
pub fn encrypted_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    archive(members, true)
}

fn archive(members: &[(&str, &[u8])], is_encrypted: bool) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).expect("pack into memory");
        let packed = encoder.finish().expect("pack into memory");
        let mut crc = Crc::new();
        crc.update(content);
        let sum = if is_encrypted { !crc.sum() } else { crc.sum() };
        let common = [
            &[20, 0, u8::from(is_encrypted), 0, 8, 0, 0, 0, 0x21, 0x5a][..],
            &sum.to_le_bytes(),
            &le(packed.len()),
            &le(content.len()),
            &le(name.len())[..2],
            &[0, 0],
        ]
        .concat();
        let central = [b"PK\x01\x02\x14\0", &common[..], &[0; 10], &le(out.len()), name.as_bytes()].concat();
        out.extend([b"PK\x03\x04", &common[..], name.as_bytes(), &packed].concat());
        directory.extend(central);
    }
    let count = &le(members.len())[..2];
    let end = [b"PK\x05\x06\0\0\0\0", count, count, &le(directory.len()), &le(out.len()), b"\0\0"].concat();
    [out, directory, end].concat()
}

fn le(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("a small number").to_le_bytes()
}
