//! Containers that are written here byte by byte, each with one file that is stored as it is.

use flate2::Crc;

const NAME: &[u8] = b"letter.txt";

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

fn le(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

/// A cabinet with one block by that method: 0 is stored, 1 MSZIP.
pub(super) fn cabinet(method: u8, block: &[u8], size: usize) -> Vec<u8> {
    let data_at = 36 + 8 + 16 + NAME.len() + 1;
    let total = data_at + 8 + block.len();
    [
        &b"MSCF\0\0\0\0"[..],
        &le(total),
        &[0; 4],
        &le(44),
        &[0, 0, 0, 0, 3, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        &le(data_at),
        &[1, 0, method, 0],
        &le(size),
        &[0, 0, 0, 0, 0, 0, 0x21, 0x5a, 0, 0, 0x20, 0],
        NAME,
        &[0, 0, 0, 0, 0],
        &le(block.len())[..2],
        &le(size)[..2],
        block,
    ]
    .concat()
}

/// winmail.dat with one attachment.
pub(super) fn tnef(content: &[u8]) -> Vec<u8> {
    tnef_with(0x800f, content)
}

/// The same with the attachment as a property: of binary data, or of a message, which is TNEF again.
pub(super) fn tnef_of_property(content: &[u8], is_message: bool) -> Vec<u8> {
    let kind: u16 = if is_message { 0x000d } else { 0x0102 };
    let interface: &[u8] = if is_message { &[7; 16] } else { &[] };
    let value = [interface, content].concat();
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    let block = [
        &[1, 0, 0, 0],
        &kind.to_le_bytes()[..],
        &[0x01, 0x37, 1, 0, 0, 0],
        &le(value.len()),
        &value,
        &padding,
    ];
    tnef_with(0x9005, &block.concat())
}

fn tnef_with(id: u16, data: &[u8]) -> Vec<u8> {
    let attribute = |level: u8, id: u16, kind: u16, data: &[u8]| {
        let sum = data.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
        [&[level][..], &id.to_le_bytes(), &kind.to_le_bytes(), &le(data.len()), data, &sum.to_le_bytes()]
            .concat()
    };
    [
        &b"\x78\x9f\x3e\x22\x01\0"[..],
        &attribute(1, 0x9006, 8, &[0, 0, 1, 0]),
        &attribute(2, 0x9002, 6, &[0; 14]),
        &attribute(2, 0x8010, 1, b"letter.txt\0"),
        &attribute(2, id, 6, data),
    ]
    .concat()
}

/// `-lh0-`, with a header of level 0.
pub(super) fn lha(content: &[u8]) -> Vec<u8> {
    let crc = content.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    });
    let header = [
        &b"-lh0-"[..],
        &le(content.len()),
        &le(content.len()),
        &[0, 0, 0, 0, 0x20, 0, 10],
        NAME,
        &crc.to_le_bytes(),
    ]
    .concat();
    let sum = header.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    [&[u8::try_from(header.len()).unwrap(), sum], &header[..], content, &[0]].concat()
}

/// rar of versions 2 to 4.
pub(super) fn rar4(content: &[u8]) -> Vec<u8> {
    let block = |kind: u8, flags: u16, fields: &[u8]| {
        let rest = [&[kind][..], &flags.to_le_bytes(), &le(7 + fields.len())[..2], fields].concat();
        [&crc32(&rest)[..2], &rest].concat()
    };
    let file = [
        &le(content.len())[..],
        &le(content.len()),
        &[3],
        &crc32(content),
        &[0, 0, 0x21, 0x5a, 29, 0x30, 10, 0, 0, 0, 0, 0],
        NAME,
    ]
    .concat();
    [
        &b"Rar!\x1a\x07\0"[..],
        &block(0x73, 0, &[0; 6]),
        &block(0x74, 0x8000, &file),
        content,
        &block(0x7b, 0x4000, b""),
    ]
    .concat()
}

/// rar of version 5, of a content of up to 16 KiB: its size takes two bytes here.
pub(super) fn rar5(content: &[u8]) -> Vec<u8> {
    let block = |fields: &[u8]| {
        let summed = [&[u8::try_from(fields.len()).unwrap()], fields].concat();
        [&crc32(&summed)[..], &summed].concat()
    };
    let size = [(content.len() & 0x7f) as u8 | 0x80, u8::try_from(content.len() >> 7).unwrap()];
    let file = [&[2, 2][..], &size, &[4], &size, &[0], &crc32(content), &[0, 1, 10], NAME].concat();
    [&b"Rar!\x1a\x07\x01\0"[..], &block(&[1, 0, 0]), &block(&file), content, &block(&[5, 0, 0])].concat()
}

/// arj, method 0.
pub(super) fn arj(content: &[u8]) -> Vec<u8> {
    let header = |kind: u8, name: &[u8], content: &[u8]| {
        let size = le(content.len());
        let basic = [
            &[30, 11, 1, 2, 0, 0, kind, 0, 0, 0, 0, 0][..],
            &size,
            &size,
            &crc32(content),
            &[0; 6],
            name,
            &[0, 0],
        ]
        .concat();
        [&[0x60, 0xea][..], &le(basic.len())[..2], &basic, &crc32(&basic), &[0, 0], content].concat()
    };
    [header(2, b"a.arj", b""), header(0, NAME, content), vec![0x60, 0xea, 0, 0]].concat()
}

/// The embedded file of an OLE object, as Packager writes it.
pub(super) fn package(content: &[u8]) -> Vec<u8> {
    let body = [
        &b"\x02\0letter.txt\0C:\\letter.txt\0\0\0\x03\0\x0e\0\0\0C:\\letter.txt\0"[..],
        &le(content.len()),
        content,
    ]
    .concat();
    [&le(body.len())[..], &body].concat()
}

const SECTOR: usize = 2048;

/// iso9660; with Joliet the file is only in that tree.
pub(super) fn disc(content: &[u8], has_joliet: bool) -> Vec<u8> {
    let wide: Vec<u8> = "letter.txt".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let file = |name: &[u8]| record(22, content.len(), 0, name);
    let (mut plain, mut joliet) = (directory(20), directory(21));
    if has_joliet {
        joliet.extend(file(&wide))
    } else {
        plain.extend(file(b"LETTER.TXT;1"))
    };
    let mut image = vec![0; 16 * SECTOR];
    let mut put = |sector: &[u8]| {
        image.extend(sector);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    };
    put(&descriptor(1, 20, b""));
    put(&descriptor(if has_joliet { 2 } else { 255 }, 21, b"%/E"));
    put(&descriptor(255, 20, b""));
    put(&[0; SECTOR]);
    put(&plain);
    put(&joliet);
    put(content);
    image
}

/// A volume descriptor whose root is in that sector.
fn descriptor(kind: u8, root: u32, escapes: &[u8]) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[kind]);
    put(1, b"CD001\x01");
    put(88, escapes);
    put(128, &[0, 8, 8, 0]);
    put(156, &record(root, SECTOR, 2, &[0]));
    sector
}

/// The first two records of a directory: itself and what it is in.
fn directory(sector: u32) -> Vec<u8> {
    [record(sector, SECTOR, 2, &[0]), record(sector, SECTOR, 2, &[1])].concat()
}

fn record(sector: u32, bytes: usize, flags: u8, name: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(bytes).unwrap();
    let mut record = [
        &[0, 0][..],
        &sector.to_le_bytes(),
        &sector.to_be_bytes(),
        &bytes.to_le_bytes(),
        &bytes.to_be_bytes(),
        &[126, 11, 2, 10, 0, 0, 0, flags, 0, 0, 1, 0, 0, 1, u8::try_from(name.len()).unwrap()],
        name,
    ]
    .concat();
    record.resize(record.len().next_multiple_of(2), 0);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}
