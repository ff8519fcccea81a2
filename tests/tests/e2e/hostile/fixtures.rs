//! Containers that tools wrote, by their names in `fixtures.txt`.

const FIXTURES: &str = include_str!("fixtures.txt");

/// The one of that name.
pub(super) fn fixture(name: &str) -> Vec<u8> {
    let mut lines = FIXTURES.lines().skip_while(|line| line.strip_prefix("= ") != Some(name));
    assert!(lines.next().is_some(), "no fixture {name}");
    let hex: String =
        lines.take_while(|line| !line.starts_with('=')).filter(|line| !line.starts_with('#')).collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
