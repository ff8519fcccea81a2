//! Which formats a content may be read as. Any that fits counts, not the first: a file that is two things at once is
//! opened as both, because the reader at the other end picks the one that we did not think of.

use crate::{Budget, Member, Passwords, Trouble};

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
pub fn formats(_content: &[u8]) -> Vec<Format> {
    Vec::new()
}

pub(crate) fn open(
    format: Format,
    _content: &[u8],
    _budget: &mut Budget,
    _passwords: &Passwords,
    _visit: &mut dyn FnMut(Member),
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
        Format::Cab => vec![Trouble::Unsupported("cab")],
        Format::Cfb => vec![Trouble::Unsupported("cfb")],
        Format::Tnef => vec![Trouble::Unsupported("tnef")],
        Format::Lha => vec![Trouble::Unsupported("lha")],
        Format::Iso9660 => vec![Trouble::Unsupported("iso9660")],
        Format::Rar => vec![Trouble::Unsupported("rar")],
        Format::Arj => vec![Trouble::Unsupported("arj")],
        Format::UuEncode => vec![Trouble::Unsupported("uuencode")],
        Format::YEnc => vec![Trouble::Unsupported("yenc")],
    }
}
