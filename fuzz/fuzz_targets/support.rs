//! What every target asks of a reader: no panic, and no more output and members than the budget has.

#![allow(dead_code, reason = "some targets need the hook only")]

use std::panic;
use std::sync::Once;
use std::time::Duration;

use unpack::{Budget, Format, Limits, Passwords, formats, open};

const OUT_BYTES_MAX: u64 = 256 * 1024;
const MEMBERS_MAX: u64 = 50;

/// The hook that is there aborts at once; readers contain the panics of the decoders that are known for them.
static HOOK: Once = Once::new();

/// Has panics of those decoders contained as they are in the product, and told by nobody.
pub fn quiet_decoders() {
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let of_decoder = info
                .location()
                .is_some_and(|at| ["lzxd-", "delharc-"].iter().any(|name| at.file().contains(name)));
            if !of_decoder {
                eprintln!("{info}");
            }
        }));
    });
}

/// Reads `content` as each of `as_formats`, whether it fits or not.
pub fn check(as_formats: &[Format], content: &[u8]) {
    quiet_decoders();
    formats(content);
    let limits = Limits {
        out_bytes_max: OUT_BYTES_MAX,
        member_bytes_max: OUT_BYTES_MAX / 2,
        ratio_max: 100,
        ratio_from_bytes: 16 * 1024,
        members_max: MEMBERS_MAX,
        dictionary_bytes_max: 1024 * 1024,
        cpu: Duration::from_secs(20),
    };
    let passwords = Passwords { words: vec![b"wrong".to_vec(), b"secret".to_vec()] };
    for &format in as_formats {
        let mut budget = Budget::new(limits, || Duration::ZERO);
        let mut bytes = 0_u64;
        let mut members = 0_u64;
        let troubles = open(format, content, &mut budget, &passwords, &mut |member| {
            bytes += member.content.bytes.len() as u64;
            members += 1;
            assert!(member.names.len() < 10_000);
        });
        // A link's target is no output, and one member may have two readings.
        assert!(bytes <= OUT_BYTES_MAX + content.len() as u64, "{format:?}");
        assert!(members <= 3 * MEMBERS_MAX, "{format:?}");
        assert!(troubles.len() < 50, "{format:?}");
    }
}
