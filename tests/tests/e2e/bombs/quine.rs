//! A gzip file that unpacks to itself, named `q.gz`: whoever opens what comes out never ends.
//!
//! After Russ Cox's construction: a program of two instructions, "the next n bytes are output" (a stored block) and
//! "output the last n bytes again" (a block with two references), which prints itself, what stands before it and what
//! stands behind it. Every instruction has five bytes. The check sum, which is in the file twice, is found by linear
//! algebra: a CRC is an affine function over two elements.

use flate2::Crc;

/// Bytes of an instruction.
const UNIT: u8 = 5;
const HEAD: &[u8] = b"\x1f\x8b\x08\x08\0\0\0\0\0\xffq.gz\0";
/// A last block with nothing in it.
const LAST: &[u8] = b"\x01\0\0\xff\xff";
/// Of the last block, the check sum and the size.
const TAIL_BYTES: u8 = 13;

pub(super) fn quine() -> Vec<u8> {
    let bytes = with(0, 0).len();
    let size = u32::try_from(bytes).unwrap();
    let sum = fixed_point(|sum| {
        let mut crc = Crc::new();
        crc.update(&with(sum, size));
        crc.sum()
    });
    with(sum, size)
}

/// The file, should its check sum be this.
fn with(sum: u32, size: u32) -> Vec<u8> {
    let tail = [LAST, &sum.to_le_bytes(), &size.to_le_bytes()].concat();
    let [one, four] = [1, 4].map(|units| units * UNIT);
    let (before, behind) = (u8::try_from(HEAD.len()).unwrap() + UNIT, TAIL_BYTES + UNIT);
    let [say_none, say_one, say_four] = [0, one, four].map(say);
    let again = repeat(four);
    [
        HEAD,
        // The instruction, and what it outputs, line by line.
        &[&say(before), HEAD, &say(before)].concat(),
        &repeat(before),
        &[say_one, repeat(before)].concat(),
        &[say_one, say_one].concat(),
        &[say_four, repeat(before), say_one, say_one, say_four].concat(),
        &again,
        &[say_four, again, say_four, again, say_four].concat(),
        &again,
        &[say_four, again, say_none, say_none, say(behind)].concat(),
        &again,
        &[&[say_none, say_none, say(behind), repeat(behind)].concat(), tail.as_slice()].concat(),
        &repeat(behind),
        &tail,
    ]
    .concat()
}

/// The next `bytes` bytes are output.
fn say(bytes: u8) -> [u8; UNIT as usize] {
    [0, bytes, 0, !bytes, 0xff]
}

/// The last `bytes` bytes, 17 to 20 of them, are output again.
fn repeat(bytes: u8) -> [u8; UNIT as usize] {
    let (mut bits, mut count) = (0_u64, 0);
    let mut low_first = |value: u8, width: u32| {
        bits |= u64::from(value) << count;
        count += width;
    };
    // Not the last block; the codes that every reader knows.
    low_first(0b010, 3);
    for length in [bytes / 2, bytes - bytes / 2] {
        // Codes stand with their highest bit first.
        low_first((length - 2).reverse_bits() >> 1, 7);
        low_first(8_u8.reverse_bits() >> 3, 5);
        low_first(bytes - 17, 3);
    }
    low_first(0, 7);
    let [units @ .., _, _, _] = bits.to_le_bytes();
    units
}

/// The x for which `f` gives x, where `f` is affine over two elements.
fn fixed_point(f: impl Fn(u32) -> u32) -> u32 {
    let constant = f(0);
    // Values of x + f(x) without the constant, each with its x, no two with the same highest bit.
    let mut basis: Vec<(u32, u32)> = Vec::new();
    let reduced = |basis: &[(u32, u32)], mut value: u32, mut x: u32| {
        for (known, known_x) in basis {
            if value ^ known < value {
                value ^= known;
                x ^= known_x;
            }
        }
        (value, x)
    };
    for bit in 0..32 {
        let x = 1 << bit;
        let next = reduced(&basis, f(x) ^ constant ^ x, x);
        if next.0 != 0 {
            basis.push(next);
            basis.sort_by(|a, b| b.cmp(a));
        }
    }
    let (rest, x) = reduced(&basis, constant, 0);
    assert_eq!(rest, 0, "no check sum fits");
    x
}

#[test]
fn it_unpacks_to_itself() {
    use std::io::Read as _;
    let quine = quine();
    let mut unpacked = Vec::new();
    // It compares the check sum.
    flate2::read::GzDecoder::new(quine.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, quine);
}
