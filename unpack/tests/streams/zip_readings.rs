//! zips that readers see differently: every reading has to come out, and that there are several has to be told.

use unpack::{Format, Trouble};

use crate::support::{Opened, read};
use crate::zip_writer::{Part, Said, append, central, end, local, zip};
use crate::zips::TEXT;

const HIDDEN: &[u8] = b"what only some readers see, and it is this, it is this, it is this one";

#[track_caller]
fn assert_ambiguous(opened: &Opened, of: &'static str) {
    assert!(opened.troubles.contains(&Trouble::Ambiguous(of)), "{:?}", opened.troubles);
}

#[track_caller]
fn assert_gives(opened: &Opened, name: &str, bytes: &[u8]) {
    let of_name = |m: &&unpack::Member| m.names.iter().any(|known| known == name.as_bytes());
    let found = opened.members.iter().filter(of_name).any(|member| member.content.bytes == bytes);
    assert!(found, "{opened:?}");
}

#[test]
fn two_names_are_both_given() {
    let mut part = Part::deflated("harmless.txt", TEXT);
    part.local.name = b"harmful.exe!".to_vec();
    let opened = read(Format::Zip, &zip(&[part]));
    assert_eq!(opened.names(), ["harmless.txt", "harmful.exe!"]);
    assert_ambiguous(&opened, "names in a zip");
}

#[test]
fn a_name_in_unicode_is_one_more() {
    let extra = [&[0x75, 0x70, 10, 0, 1, 0, 0, 0, 0][..], b"a.exe"].concat();
    let part = Part::stored("a.txt", TEXT).both(|said| said.extra.clone_from(&extra));
    assert_eq!(read(Format::Zip, &zip(&[part])).names(), ["a.txt", "a.exe"]);
}

#[test]
fn local_headers_without_a_directory_are_found() {
    let hidden = Part { central: None, ..Part::deflated("hidden", HIDDEN) };
    for parts in [
        vec![hidden.clone(), Part::deflated("a", TEXT)],
        vec![Part::stored("a", TEXT), hidden.clone(), Part::stored("b", TEXT)],
        vec![Part::deflated("a", TEXT), hidden.clone()],
    ] {
        let opened = read(Format::Zip, &zip(&parts));
        assert_gives(&opened, "hidden", HIDDEN);
        assert_gives(&opened, "a", TEXT);
        assert_ambiguous(&opened, "local headers that no directory has");
    }
}

#[test]
fn a_size_that_is_too_large_hides_no_header() {
    let hidden = Part { central: None, ..Part::deflated("hidden", HIDDEN) };
    let reach = 30 + 6 + hidden.data.len();
    let mut cover = Part::deflated("cover", TEXT);
    cover.central().packed += u32::try_from(reach).unwrap();
    assert_gives(&read(Format::Zip, &zip(&[cover.clone(), hidden.clone()])), "hidden", HIDDEN);
    // And when both headers say so: where the data ends is known from the data.
    cover.local.packed = cover.central().packed;
    let opened = read(Format::Zip, &zip(&[cover, hidden]));
    assert_gives(&opened, "hidden", HIDDEN);
    assert_ambiguous(&opened, "sizes in a zip");
}

#[test]
fn a_zip_stored_in_a_zip_is_one_member() {
    let inner = zip(&[Part::deflated("inner", TEXT)]);
    let opened = read(Format::Zip, &zip(&[Part::stored("inner.zip", &inner)]));
    assert_gives(&opened, "inner.zip", &inner);
    assert_eq!((opened.members.len(), opened.troubles.as_slice()), (1, [].as_slice()));
}

#[test]
fn two_directories_are_both_read() {
    let mut two = zip(&[Part::deflated("first", TEXT)]);
    append(&mut two, &[Part::deflated("second", HIDDEN)]);
    let opened = read(Format::Zip, &two);
    assert_gives(&opened, "first", TEXT);
    assert_gives(&opened, "second", HIDDEN);
    assert_ambiguous(&opened, "several central directories");
}

#[test]
fn two_members_of_one_name_are_both_given() {
    let opened = read(Format::Zip, &zip(&[Part::deflated("a", TEXT), Part::deflated("a", HIDDEN)]));
    assert_gives(&opened, "a", TEXT);
    assert_gives(&opened, "a", HIDDEN);
    assert_ambiguous(&opened, "two members of one name");
}

#[test]
fn a_directory_that_points_at_another_member_gives_both_names() {
    let (one, two) = (Part::deflated("one", TEXT), Part::deflated("two", HIDDEN));
    let mut out = local(&one.local, &one.data);
    let second_at = out.len();
    out.extend(local(&two.local, &two.data));
    let offset = out.len();
    out.extend(central(&Said { name: b"one".to_vec(), ..two.local.clone() }, second_at));
    out.extend(end(1, out.len() - offset, offset));
    let opened = read(Format::Zip, &out);
    assert_gives(&opened, "one", HIDDEN);
    assert_gives(&opened, "two", HIDDEN);
    assert_gives(&opened, "one", TEXT);
    assert_ambiguous(&opened, "names in a zip");
}

#[test]
fn sizes_of_nothing_do_not_empty_a_member() {
    for method in [0, 8] {
        let part = if method == 0 { Part::stored("a", TEXT) } else { Part::deflated("a", TEXT) };
        let part = part.both(|said| (said.packed, said.size) = (0, 0));
        let opened = read(Format::Zip, &zip(&[part]));
        assert_gives(&opened, "a", TEXT);
        assert_ambiguous(&opened, "sizes in a zip");
    }
}

#[test]
fn sizes_that_are_too_small_do_not_cut_a_member() {
    for mut part in [Part::deflated("a", TEXT), Part::stored("a", TEXT)] {
        part.central().packed = 5;
        let opened = read(Format::Zip, &zip(&[part.clone()]));
        assert_gives(&opened, "a", TEXT);
        part = part.both(|said| said.size = 5);
        assert_gives(&read(Format::Zip, &zip(&[part])), "a", TEXT);
        assert_ambiguous(&opened, "headers of a zip member");
    }
}

#[test]
fn two_methods_are_both_used() {
    let mut part = Part::deflated("a", TEXT);
    part.central().method = 0;
    let packed = part.data.clone();
    let opened = read(Format::Zip, &zip(&[part]));
    assert_gives(&opened, "a", TEXT);
    let raw = opened.members.iter().any(|member| member.content.bytes.starts_with(&packed));
    assert!(raw, "{opened:?}");
    assert_ambiguous(&opened, "headers of a zip member");
}

#[test]
fn a_flag_alone_does_not_encrypt() {
    let mut one = Part::deflated("a", TEXT);
    one.local.flags = 1;
    let opened = read(Format::Zip, &zip(&[one]));
    assert_gives(&opened, "a", TEXT);
    assert_ambiguous(&opened, "headers of a zip member");
    let opened = read(Format::Zip, &zip(&[Part::deflated("a", TEXT).both(|said| said.flags = 1)]));
    assert_gives(&opened, "a", TEXT);
    assert!(opened.all_troubles().contains(&Trouble::Ambiguous("zip member marked as encrypted")));
}

#[test]
fn a_wrong_count_and_a_lost_offset_are_told() {
    let mut miscounted = zip(&[Part::deflated("a", TEXT), Part::deflated("b", TEXT)]);
    let at = miscounted.len() - 22;
    miscounted[at + 8] = 1;
    miscounted[at + 10] = 1;
    let opened = read(Format::Zip, &miscounted);
    assert_eq!(opened.names(), ["a", "b"]);
    assert_ambiguous(&opened, "count of members in a zip");

    let part = Part::deflated("lost", TEXT);
    let mut out = local(&part.local, &part.data);
    let offset = out.len();
    out.extend(central(&part.local, 12_345));
    out.extend(end(1, out.len() - offset, offset));
    let opened = read(Format::Zip, &out);
    assert_gives(&opened, "lost", TEXT);
    assert!(opened.all_troubles().contains(&Trouble::Damaged("no local header")));
}
