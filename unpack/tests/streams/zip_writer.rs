//! Writes zips as they should be and as they should not: every figure of every header can be another one.

/// What one header says.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) external: u32,
}

/// A member: what its headers say and what its data is.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) local: Said,
    /// None: in no directory.
    pub(crate) central: Option<Said>,
    pub(crate) data: Vec<u8>,
}

impl Part {
    /// `data` is `plain` packed by `method`.
    pub(crate) fn packed(name: &str, method: u16, data: &[u8], plain: &[u8]) -> Self {
        let said = Said {
            name: name.as_bytes().to_vec(),
            flags: 0,
            method,
            crc: crc32fast::hash(plain),
            packed: u32::try_from(data.len()).unwrap(),
            size: u32::try_from(plain.len()).unwrap(),
            extra: Vec::new(),
            external: 0,
        };
        Self { local: said.clone(), central: Some(said), data: data.to_vec() }
    }

    pub(crate) fn stored(name: &str, plain: &[u8]) -> Self {
        Self::packed(name, 0, plain, plain)
    }

    pub(crate) fn deflated(name: &str, plain: &[u8]) -> Self {
        Self::packed(name, 8, &deflate(plain), plain)
    }

    pub(crate) fn central(&mut self) -> &mut Said {
        self.central.as_mut().unwrap()
    }

    /// The same change in both headers.
    pub(crate) fn both(mut self, change: impl Fn(&mut Said)) -> Self {
        change(&mut self.local);
        change(self.central());
        self
    }
}

pub(crate) fn deflate(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn local(said: &Said, data: &[u8]) -> Vec<u8> {
    let mut out = b"PK\x03\x04\x14\x00".to_vec();
    common(said, &mut out);
    out.extend(&said.name);
    out.extend(&said.extra);
    out.extend(data);
    out
}

fn common(said: &Said, out: &mut Vec<u8>) {
    out.extend(said.flags.to_le_bytes());
    out.extend(said.method.to_le_bytes());
    out.extend([0; 4]);
    out.extend(said.crc.to_le_bytes());
    out.extend(said.packed.to_le_bytes());
    out.extend(said.size.to_le_bytes());
    out.extend(u16::try_from(said.name.len()).unwrap().to_le_bytes());
    out.extend(u16::try_from(said.extra.len()).unwrap().to_le_bytes());
}

pub(crate) fn central(said: &Said, offset: usize) -> Vec<u8> {
    let mut out = b"PK\x01\x02\x14\x03\x14\x00".to_vec();
    common(said, &mut out);
    out.extend([0; 6]);
    out.extend(said.external.to_le_bytes());
    out.extend(u32::try_from(offset).unwrap().to_le_bytes());
    out.extend(&said.name);
    out.extend(&said.extra);
    out
}

pub(crate) fn end(count: usize, bytes: usize, offset: usize) -> Vec<u8> {
    let mut out = b"PK\x05\x06\x00\x00\x00\x00".to_vec();
    let count = u16::try_from(count).unwrap().to_le_bytes();
    out.extend(count);
    out.extend(count);
    out.extend(u32::try_from(bytes).unwrap().to_le_bytes());
    out.extend(u32::try_from(offset).unwrap().to_le_bytes());
    out.extend([0, 0]);
    out
}

pub(crate) fn zip(parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, parts);
    out
}

/// Behind what is there, with offsets from the front.
pub(crate) fn append(out: &mut Vec<u8>, parts: &[Part]) {
    let mut directory = Vec::new();
    for part in parts {
        if let Some(said) = &part.central {
            directory.push(central(said, out.len()));
        }
        out.extend(local(&part.local, &part.data));
    }
    let offset = out.len();
    let count = directory.len();
    out.extend(directory.concat());
    let bytes = out.len() - offset;
    out.extend(end(count, bytes, offset));
}
