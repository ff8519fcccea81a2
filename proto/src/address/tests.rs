//! Real addresses as they stand, hostile ones refused, and nothing that panics.

use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> AddressError {
    ForwardPath::parse(text, false).unwrap_err()
}

#[test]
fn real_addresses_are_taken_as_they_stand() {
    let cases = [
        ("<a@example.org>", "a@example.org"),
        ("<Bob.Smith+tag@EXAMPLE.Org>", "Bob.Smith+tag@example.org"),
        ("<\"a b\\\"c>\"@example.org>", "a b\"c>@example.org"),
        ("<a..b.@docomo.example>", "a..b.@docomo.example"),
        ("<x@[192.0.2.1]>", "x@[192.0.2.1]"),
        ("<x@[IPv6:2001:db8::1]>", "x@[ipv6:2001:db8::1]"),
        ("<postmaster>", "postmaster"),
        ("<a@b_c.example.>", "a@b_c.example"),
    ];
    for (text, key) in cases {
        let path = ForwardPath::parse(text, false).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(format!("<{}>", path.as_str()), text);
        assert_eq!(path.mailbox().key(), key);
    }
}

#[test]
fn utf8_is_taken_only_with_smtputf8() {
    let path = ForwardPath::parse("<jörg@bücher.example>", true).unwrap();
    assert_eq!(path.mailbox().key(), "jörg@xn--bcher-kva.example");
    assert!(!path.is_ascii());
    assert_eq!(refused("<jörg@example.org>"), AddressError::Utf8);
}

#[test]
fn hostile_addresses_are_refused() {
    assert_eq!(refused("a@b"), AddressError::Brackets);
    assert_eq!(refused("<a@b"), AddressError::Brackets);
    assert_eq!(refused("<>"), AddressError::Null);
    assert_eq!(refused("<@relay,@other:a@b>"), AddressError::SourceRoute);
    assert_eq!(refused("<\"a\rb\"@example.org>"), AddressError::Local);
    assert_eq!(refused("<\"a\0b\"@example.org>"), AddressError::Local);
    assert_eq!(refused("<\"ab@example.org>"), AddressError::Local);
    assert_eq!(refused("<a b@example.org>"), AddressError::Local);
    assert_eq!(refused("<a@b> RCPT TO:<x@y>"), AddressError::Domain);
    assert_eq!(refused("<a@>"), AddressError::Domain);
    assert_eq!(refused("<a@b..c>"), AddressError::Domain);
    assert_eq!(refused("<a@[]>"), AddressError::Domain);
    assert_eq!(refused(&format!("<{}@b>", "a".repeat(300))), AddressError::TooLong);
    assert_eq!(refused(&format!("<a@{}>", "b".repeat(300))), AddressError::TooLong);
}

#[test]
fn the_null_sender_is_a_reverse_path_only() {
    assert_eq!(ReversePath::parse("<>", false), Ok(ReversePath::Null));
    assert_eq!(ReversePath::parse("<a@b>", false).unwrap().as_str(), "a@b");
}

#[test]
fn a_path_ends_where_its_quotes_say() {
    assert_eq!(split_path("<a@b> SIZE=1"), Ok(("<a@b>", " SIZE=1")));
    assert_eq!(split_path("<\"a>\\\" b\"@c> X"), Ok(("<\"a>\\\" b\"@c>", " X")));
    assert_eq!(split_path("<\"a@b>"), Err(AddressError::Brackets));
    assert_eq!(split_path("a@b"), Err(AddressError::Brackets));
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_taken_is_clean(text in "[<>@\"\\\\a-c.\\[\\] é\r\n]{0,12}") {
        if let Ok(path) = ForwardPath::parse(&text, true) {
            prop_assert!(!path.as_str().chars().any(char::is_control));
            let again = Mailbox::try_from(path.as_str().to_owned());
            prop_assert_eq!(again.as_ref(), Ok(path.mailbox()));
            let whole = format!("<{}>", path.as_str());
            prop_assert_eq!(split_path(&whole), Ok((&*whole, "")));
        }
    }
}
