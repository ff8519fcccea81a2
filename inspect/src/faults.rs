//! What hostile content might make the process do, on demand: for tests of the worker around it.
//!
//! Debug builds only, and only when the process was started so. A content asks by a line `inspect-fault: WORD`.

use std::hint::black_box;

/// What is left to do after a content asked for a fault.
pub(crate) enum Reaction {
    /// It did not: go on.
    Usual,
    /// Write this in place of a report.
    Instead(&'static [u8]),
}

/// Does what `content` asks for. Most of it does not return.
pub(crate) fn react(content: &[u8]) -> Reaction {
    const ASKS: &[u8] = b"inspect-fault: ";
    let Some(at) = memchr::memmem::find(content, ASKS) else {
        return Reaction::Usual;
    };
    let rest = content.get(at + ASKS.len()..).unwrap_or_default();
    match rest.split(u8::is_ascii_whitespace).next().unwrap_or_default() {
        b"abort" => std::process::abort(),
        b"hang" => hang(),
        b"cpu" => burn(),
        b"memory" => eat(),
        b"stack" => Reaction::Instead(if deeper(0) == 0 { b"" } else { b"overflow" }),
        b"file" => match std::fs::File::open("/etc/passwd") {
            Ok(_) => Reaction::Instead(b"opened"),
            Err(_) => Reaction::Usual,
        },
        b"garbage" => Reaction::Instead(b"HTTP/1.1 200 OK\r\n\r\n"),
        _ => Reaction::Usual,
    }
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

fn burn() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

fn eat() -> ! {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(black_box(vec![1; 16 * 1024 * 1024]));
    }
}

fn deeper(depth: u64) -> u64 {
    let page = black_box([1u8; 4_096]);
    if depth == u64::MAX { 0 } else { deeper(depth + 1) + u64::from(page.iter().copied().max().unwrap_or(0)) }
}
