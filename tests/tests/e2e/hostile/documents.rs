//! Cabinets, OLE, TNEF, discs, and the archives of other days.

use std::io::{Cursor, Write as _};

use harness::zip::zip;

use super::archives::zip_of_lzma;
use super::fixtures::fixture;
use super::handmade::{arj, cabinet, disc, lha, package, rar4, rar5, tnef, tnef_of_property};
use super::streams::deflate;
use super::{Row, sample};

pub(super) fn rows() -> Vec<Row> {
    let of_tools = ["cab lzx", "lha -lh5-", "lha -lh6-", "lha -lh7-", "arj method 1", "arj method 4"];
    let sample = sample();
    let plain = of(&sample).map(|(name, bytes)| Row::attached(name, &bytes));
    // What clamd opens is fed to nobody else, and in it is what clamd does not open.
    let inner = zip_of_lzma("letter.txt", &sample);
    let with_inner =
        of(&inner).map(|(name, bytes)| Row::attached(&format!("{name}, of a zip of lzma"), &bytes));
    let of_tools = of_tools.map(|name| Row::attached(name, &fixture(name)));
    plain.into_iter().chain(with_inner).chain(of_tools).collect()
}

/// Each with this in it.
fn of(content: &[u8]) -> [(&'static str, Vec<u8>); 17] {
    let packed = [b"CK", &deflate(content)[..]].concat();
    let object = compound("/\u{1}Ole10Native", &package(content));
    [
        ("cab, stored", cabinet(0, content, content.len())),
        ("cab, MSZIP", cabinet(1, &packed, content.len())),
        ("cab behind a program", [b"MZ a program", &cabinet(1, &packed, content.len())[..]].concat()),
        ("OLE stream", compound("/Contents", content)),
        ("OLE stream in a storage", compound("/ObjectPool/_1/Contents", content)),
        ("msg attachment", compound("/__attach_version1.0_#00000000/__substg1.0_37010102", content)),
        ("docx with an OLE package", {
            zip(&[("[Content_Types].xml", b"<Types/>"), ("word/embeddings/oleObject1.bin", &object)])
        }),
        ("TNEF", tnef(content)),
        ("TNEF with a property", tnef_of_property(content, false)),
        ("TNEF in TNEF", tnef_of_property(&tnef(content), true)),
        ("lha, -lh0-", lha(content)),
        ("lha behind a program", [b"MZ a program", &lha(content)[..]].concat()),
        ("arj, stored", arj(content)),
        ("rar 4, stored", rar4(content)),
        ("rar 5, stored", rar5(content)),
        ("iso9660", disc(content, false)),
        ("iso9660 with Joliet", disc(content, true)),
    ]
}

/// A compound file with one stream.
fn compound(path: &str, content: &[u8]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new())).unwrap();
    if let Some((storage, _)) = path.rsplit_once('/') {
        file.create_storage_all(storage).unwrap();
    }
    file.create_stream(path).unwrap().write_all(content).unwrap();
    file.flush().unwrap();
    file.into_inner().into_inner()
}
