//! What Info-ZIP and 7-Zip wrote and nothing here can write: encrypted archives, read with the word, without it and with
//! wrong ones, and PPMd in a zip.

use unpack::{Format, Trouble};

use crate::support::{Opened, budget, open_as};

const OLD_ZIP: &str = "504b03040a00090000009c0d795d3ccf516850000000440000000900000065696361722e636f6d62c33087bd4f67c62179b0\
    acde0711b550077ea2c7b384b8851bc82abf0e24a9425909bd541f1a7c5adc6c4d6d22d7fc08e12c999aeea1c7a448433db9\
    9939b1acb79a07046cedce754af381b0dcac0b504b07083ccf51685000000044000000504b03041400090008009c0d795de7\
    4dd77c290000002d000000080000006e6f74652e74787422b01286f6d97f44eba85436b947e0f09bc359fa089ac739c97060\
    9e8a59a40dd57462bd7a1f7b680f504b0708e74dd77c290000002d000000504b01021e030a00090000009c0d795d3ccf5168\
    5000000044000000090000000000000001000000a4810000000065696361722e636f6d504b01021e031400090008009c0d79\
    5de74dd77c290000002d000000080000000000000001000000a481870000006e6f74652e747874504b050600000000020002\
    006d000000e60000000000";
const AES_ZIP: &str = "504b03043300010063009c0d795d00000000600000004400000009000b0065696361722e636f6d0199070002004145030000\
    f64e978486e37f1cc6766f77fabbb880dcee388724565a1105069b6c2c994a699af12f4460b859ab8c9428ac9335c106bbe8\
    0d36ece4816b963bbf0b7f9f2b60716fd805b677282d425f1e55179e59d21efcd2d40f881e32d58cc51187c129b3504b0304\
    3300010063009c0d795d00000000430000002d00000008000b006e6f74652e7478740199070002004145030800586c1aa9fa\
    8ecb22919caf5c0b5aaa34ef9d41657a12b7e5a00496605f85e969ba55d5790133fe1b0be99959c6a33775045dbd7ca61941\
    4dadfee8626d0dc5af1aa7c5504b01023f033300010063009c0d795d00000000600000004400000009002f00000000000000\
    2080a4810000000065696361722e636f6d0a0020000000000001001800fcef5a927e7cdd0100000000000000000000000000\
    0000000199070002004145030000504b01023f033300010063009c0d795d00000000430000002d00000008002f0000000000\
    00002080a481920000006e6f74652e7478740a0020000000000001001800fcef5a927e7cdd01000000000000000000000000\
    000000000199070002004145030800504b05060000000002000200cb000000060100000000";
const SEVEN: &str = "377abcaf271c0004074f9346f70000000000000022000000000000007092e2417889df77a6fe93b884e137f4b522ee0eb056\
    f7a7115321b2893bb9701a359d7073642f8d7e9c7551ca75d1bc9ff68242159baa9bfb5f859370199b63ebcf1bd21b64b1ba\
    11113c5ff6a1c76bd5a70de576fc223dbcdfc625fa822492d07f0a80dd3a97988833930458295b4e44cee9d10000813307ae\
    0fd45e57fd4210fa228ab5054abfda46522f09fcbc6464c1cc7df334df8a9517a8c159c5b85bff9a14c6e96767a4b4c60477\
    b7dbb8401bda936f7847bfb215eda4de6578b6ef1f856d5129317e1aee8983c105e1fffe877b934a11430429acc8220bf3d4\
    a63ce9ad8d4d7f5859386030227e00a557bdd59e4a86543490849a00001706700109808700070b01000123030101055d0010\
    00000c809e0a01b48672a50000";
const SEVEN_HEADER: &str = "377abcaf271c0004bd4d4fe700010000000000003e00000000000000fad3270dc098ed23ce801f9409f06d548d458bd042eb\
    632c7ca1b7d3c42e0d8b51db51e546a0e56e4d403eb30d42196eec085d015ad190ad0c9c7dba3ccdbbeff91b61775791e163\
    bea1dd671b633d3df52ad03267e5978c505e0f341dd0b513f92422d5b87b228500c74778fcef882bd0d6d5f7ebd6857acb27\
    3c87280b3f1290e3e87311fcad2616d79b6696ec4ef8bfdcf34d540e32c34681e5d8e0dc5f1afe2ba5948458ef1ac92aa179\
    d31f93637e85204ba42c342ff2a81cb96cc80ed62bac0db292c08747d0aaab16cb322a4571fafd464758060d195b625692e7\
    2b4aba77c49fa7c7e9ad8b0269e11f10c38fbdf13bbc9ed9d04ce500a036db5bff2b760abb061706700109809000070b0100\
    022406f1070112530ff3fa961f488e164cab556c9c6ccb473d23030101055d0010000001000c8087809e0a01e610e9620000";
/// Without a word.
const PPMD_ZIP: &str = "504b03043f00000062009c0d795de74dd77c200000002d000000080000006e6f74652e747874070072fa4cca866a2681adbe\
    0df5ed97ce5d7a586a04743f2ea477fcb4066900504b01023f033f00000062009c0d795de74dd77c200000002d0000000800\
    24000000000000002080a481000000006e6f74652e7478740a0020000000000001001800fcef5a927e7cdd01000000000000\
    00000000000000000000504b050600000000010001005a000000460000000000";
const NOTE: &[u8] = b"some other text, longer and longer and longer";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn open(format: Format, hex: &str, words: &[&str]) -> Opened {
    open_as(format, &bytes(hex), &mut budget(), words)
}

#[test]
fn the_word_opens_it() {
    for (format, hex) in [
        (Format::Zip, OLD_ZIP),
        (Format::Zip, AES_ZIP),
        (Format::SevenZ, SEVEN),
        (Format::SevenZ, SEVEN_HEADER),
    ] {
        let opened = open(format, hex, &["wrong", "secret", "other"]);
        assert_eq!(opened.all_troubles(), [], "{opened:?}");
        let note = opened.member("note.txt");
        assert!(note.is_encrypted);
        assert_eq!(note.content.bytes, NOTE);
        assert_eq!(opened.member("eicar.com").content.bytes.len(), 68);
    }
}

#[test]
fn without_it_the_names_are_given() {
    for (format, hex) in [(Format::Zip, OLD_ZIP), (Format::Zip, AES_ZIP), (Format::SevenZ, SEVEN)] {
        for words in [&[][..], &["wrong", "Secret"]] {
            let opened = open(format, hex, words);
            for name in ["note.txt", "eicar.com"] {
                let member = opened.member(name);
                assert!(member.is_encrypted && member.content.bytes.is_empty());
                assert_eq!(member.content.trouble, Some(Trouble::Encrypted));
            }
        }
    }
}

#[test]
fn names_that_are_encrypted_are_told_as_such() {
    for words in [&[][..], &["wrong"]] {
        let opened = open(Format::SevenZ, SEVEN_HEADER, words);
        assert_eq!((opened.members.len(), opened.troubles), (0, vec![Trouble::Encrypted]));
    }
}

#[test]
fn a_code_that_does_not_fit_loses_no_content() {
    let mut zip = bytes(AES_ZIP);
    // The last byte of the code over the first member.
    let at = 30 + 9 + 11 + 0x60 - 1;
    zip[at] ^= 1;
    let opened = open_as(Format::Zip, &zip, &mut budget(), &["secret"]);
    assert_eq!(opened.member("eicar.com").content.bytes.len(), 68);
}

#[test]
fn words_cost_time_only_within_the_budget() {
    let limits = unpack::Limits { cpu: std::time::Duration::ZERO, ..unpack::Limits::default() };
    let mut spent = unpack::Budget::new(limits, ticking);
    let opened = open_as(Format::Zip, &bytes(AES_ZIP), &mut spent, &["a", "b", "secret"]);
    assert!(opened.all_troubles().contains(&Trouble::Limit(unpack::Limit::Cpu)));
}

/// A clock that goes on by a second whenever somebody looks.
fn ticking() -> std::time::Duration {
    use std::sync::atomic::{AtomicU64, Ordering};
    static TICKS: AtomicU64 = AtomicU64::new(0);
    std::time::Duration::from_secs(TICKS.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn ppmd_in_a_zip_is_read() {
    let opened = open(Format::Zip, PPMD_ZIP, &[]);
    assert_eq!(opened.member("note.txt").content.bytes, NOTE);
    assert_eq!(opened.all_troubles(), []);
}
