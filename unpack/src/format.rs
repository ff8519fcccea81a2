//! Which formats a content may be read as. Any that fits counts, not the first: a file that is two things at once is
//! opened as both, because the reader at the other end picks the one that we did not think of.

use crate::{Budget, Member, Passwords, Trouble};
use crate::{arj, cab, cfb, iso9660, lha, rar, tnef, uuencode, yenc};
use crate::{bzip2, gzip, lzip, lzma, seven, tar, xz, zip, zstd};

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

impl Format {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Zip,
        Self::SevenZ,
        Self::Tar,
        Self::Gzip,
        Self::Bzip2,
        Self::Xz,
        Self::Lzma,
        Self::Lzip,
        Self::Zstd,
        Self::Cab,
        Self::Cfb,
        Self::Tnef,
        Self::Lha,
        Self::Iso9660,
        Self::Rar,
        Self::Arj,
        Self::UuEncode,
        Self::YEnc,
    ];

    fn reader(self) -> Reader {
        match self {
            Self::Zip => Reader { is: zip::is, read: zip::read },
            Self::SevenZ => Reader { is: seven::is, read: seven::read },
            Self::Tar => Reader { is: tar::is, read: tar::read },
            Self::Gzip => Reader { is: gzip::is, read: gzip::read },
            Self::Bzip2 => Reader { is: bzip2::is, read: bzip2::read },
            Self::Xz => Reader { is: xz::is, read: xz::read },
            Self::Lzma => Reader { is: lzma::is, read: lzma::read },
            Self::Lzip => Reader { is: lzip::is, read: lzip::read },
            Self::Zstd => Reader { is: zstd::is, read: zstd::read },
            Self::Cab => Reader { is: cab::is, read: cab::read },
            Self::Cfb => Reader { is: cfb::is, read: cfb::read },
            Self::Tnef => Reader { is: tnef::is, read: tnef::read },
            Self::Lha => Reader { is: lha::is, read: lha::read },
            Self::Iso9660 => Reader { is: iso9660::is, read: iso9660::read },
            Self::Rar => Reader { is: rar::is, read: rar::read },
            Self::Arj => Reader { is: arj::is, read: arj::read },
            Self::UuEncode => Reader { is: uuencode::is, read: uuencode::read },
            Self::YEnc => Reader { is: yenc::is, read: yenc::read },
        }
    }
}

type Read = fn(&[u8], &mut Budget, &Passwords, &mut dyn FnMut(Member)) -> Vec<Trouble>;

/// What each format's module has.
struct Reader {
    is: fn(&[u8]) -> bool,
    read: Read,
}

/// Every format that `content` may be read as.
pub fn formats(content: &[u8]) -> Vec<Format> {
    Format::ALL.into_iter().filter(|format| (format.reader().is)(content)).collect()
}

pub(crate) fn open(
    format: Format,
    content: &[u8],
    budget: &mut Budget,
    passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    (format.reader().read)(content, budget, passwords, visit)
}
