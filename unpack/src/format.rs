//! Which formats a content may be read as. Any that fits counts, not the first: a file that is two things at once is
//! opened as both, because the reader at the other end picks the one that we did not think of.

use crate::{Budget, Member, Passwords, Trouble, arj, cab, cfb, iso9660, lha, rar, tnef, uuencode, yenc};

/// A container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// PKZIP, also as OOXML, ODF, JAR, APK and behind a program that unpacks itself.
    Zip,
    /// 7z.
    SevenZ,
    /// ustar, GNU tar and pax.
    Tar,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The container around LZMA2.
    Xz,
    /// LZMA alone, as `.lzma`.
    Lzma,
    /// lzip.
    Lzip,
    /// RFC 8878.
    Zstd,
    /// Microsoft cabinet.
    Cab,
    /// OLE compound file: the old Office formats, `.msi`, `.msg`.
    Cfb,
    /// `winmail.dat`.
    Tnef,
    /// LHA and LZH.
    Lha,
    /// ISO 9660 with Joliet, and UDF by name.
    Iso9660,
    /// RAR 4 and 5.
    Rar,
    /// ARJ.
    Arj,
    /// uuencode in text.
    UuEncode,
    /// yEnc in text.
    YEnc,
}

/// Every format that `content` may be read as.
pub fn formats(content: &[u8]) -> Vec<Format> {
    MAGICS.iter().filter(|(_, is)| is(content)).map(|(format, _)| *format).collect()
}

type Is = fn(&[u8]) -> bool;

const MAGICS: [(Format, Is); 9] = [
    (Format::Cab, cab::is),
    (Format::Cfb, cfb::is),
    (Format::Tnef, tnef::is),
    (Format::Lha, lha::is),
    (Format::Iso9660, iso9660::is),
    (Format::Rar, rar::is),
    (Format::Arj, arj::is),
    (Format::UuEncode, uuencode::is),
    (Format::YEnc, yenc::is),
];

pub(crate) fn open(
    format: Format,
    content: &[u8],
    budget: &mut Budget,
    passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    match format {
        Format::Zip => vec![Trouble::Unsupported("zip")],
        Format::SevenZ => vec![Trouble::Unsupported("7z")],
        Format::Tar => vec![Trouble::Unsupported("tar")],
        Format::Gzip => vec![Trouble::Unsupported("gzip")],
        Format::Bzip2 => vec![Trouble::Unsupported("bzip2")],
        Format::Xz => vec![Trouble::Unsupported("xz")],
        Format::Lzma => vec![Trouble::Unsupported("lzma")],
        Format::Lzip => vec![Trouble::Unsupported("lzip")],
        Format::Zstd => vec![Trouble::Unsupported("zstd")],
        Format::Cab => cab::read(content, budget, passwords, visit),
        Format::Cfb => cfb::read(content, budget, passwords, visit),
        Format::Tnef => tnef::read(content, budget, passwords, visit),
        Format::Lha => lha::read(content, budget, passwords, visit),
        Format::Iso9660 => iso9660::read(content, budget, passwords, visit),
        Format::Rar => rar::read(content, budget, passwords, visit),
        Format::Arj => arj::read(content, budget, passwords, visit),
        Format::UuEncode => uuencode::read(content, budget, passwords, visit),
        Format::YEnc => yenc::read(content, budget, passwords, visit),
    }
}
