//! 7z.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use unpack::Format;

fuzz_target!(|content: &[u8]| support::check(&[Format::SevenZ], content));
