//! Writes tar headers field by field.

pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) size: usize,
    pub(crate) type_flag: u8,
    pub(crate) link: Vec<u8>,
    pub(crate) magic: &'static [u8],
    pub(crate) prefix: Vec<u8>,
}

impl Header {
    pub(crate) fn new(name: &str, type_flag: u8, size: usize) -> Self {
        let (link, prefix) = (Vec::new(), Vec::new());
        Self { name: name.as_bytes().to_vec(), size, type_flag, link, magic: b"ustar\x0000", prefix }
    }

    pub(crate) fn block(&self) -> Vec<u8> {
        let mut block = vec![0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, b"0000644\x000000000\x000000000\x00");
        put(124, format!("{:011o} 14000000000 ", self.size).as_bytes());
        put(156, &[self.type_flag]);
        put(157, &self.link);
        put(257, self.magic);
        put(345, &self.prefix);
        seal(&mut block);
        block
    }
}

/// Writes the checksum.
pub(crate) fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn padded(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    out.resize(data.len().div_ceil(512) * 512, 0);
    out
}

/// A header and its data.
pub(crate) fn entry(name: &str, type_flag: u8, data: &[u8]) -> Vec<u8> {
    [Header::new(name, type_flag, data.len()).block(), padded(data)].concat()
}

pub(crate) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut data = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut bytes = rest.len() + 1;
        while bytes != rest.len() + bytes.to_string().len() {
            bytes += 1;
        }
        data += &format!("{bytes}{rest}");
    }
    entry("PaxHeaders/x", b'x', data.as_bytes())
}

/// With the end mark.
pub(crate) fn tar(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 1024]].concat()
}
