//! The formats of one file, each over the same bytes.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use unpack::Format;

fuzz_target!(|content: &[u8]| support::check(
    &[Format::Gzip, Format::Bzip2, Format::Xz, Format::Lzma, Format::Lzip, Format::Zstd],
    content
));
