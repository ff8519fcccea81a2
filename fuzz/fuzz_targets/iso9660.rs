//! Images of discs: ISO 9660, Joliet, Rock Ridge, UDF.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use unpack::Format;

fuzz_target!(|content: &[u8]| support::check(&[Format::Iso9660], content));
