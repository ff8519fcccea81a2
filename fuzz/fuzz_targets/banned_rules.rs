//! Banned rules: their parser and compiler, and what they ask of a part. No panic; the same answer twice; and a second
//! name takes no ban away.
//!
//! Lines up to an empty one are rules; those behind it are facts: `N` and a name of the part, `O` one of what it is in,
//! `M` a declared type, `T` a type by content.
#![no_main]

use inspect::fuzzing::{Judge, is_visible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let at = content.windows(2).position(|pair| pair == b"\n\n").unwrap_or(content.len());
    let (rules, facts) = content.split_at(at);
    let Ok(rules) = std::str::from_utf8(rules) else { return };
    // The text of a path is one text: more names in it make another one, of which a pattern may say anything.
    let has_path_pattern = rules.contains("path") && (rules.contains('/') || rules.contains("qr"));
    let rules: Vec<String> = rules.lines().take(50).map(str::to_owned).collect();
    let Some(judge) = Judge::new(rules) else { return };

    let lines = || facts.split(|byte| *byte == b'\n').filter_map(|line| line.split_first()).take(50);
    let bytes = |key| lines().filter(move |line| *line.0 == key).map(|line| line.1.to_vec());
    let words = |key| bytes(key).filter_map(|word| String::from_utf8(word).ok()).collect::<Vec<_>>();
    let (outer, names): (Vec<_>, Vec<_>) = (bytes(b'O').collect(), bytes(b'N').collect());
    let (kinds, labels) = (words(b'M'), words(b'T'));

    let bans = |names: &[Vec<u8>]| judge.bans(&outer, names, &kinds, &labels);
    let is_banned = bans(&names);
    assert_eq!(is_banned, bans(&names));
    // An exception that asks for a name needs one, so the first has to be there.
    if let Some((_, fewer)) = names.split_last()
        && fewer.iter().any(|name| is_visible(name))
        && !has_path_pattern
    {
        assert!(is_banned || !bans(fewer), "{names:?}");
    }
});
