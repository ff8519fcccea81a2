//! The content: its limits, its loops, its line ends, and what it holds of the in-flight bytes on its way.

use crate::{BareNewlines, Settings};

use super::{check, check_hello, check_with, settings};

/// A transcript behind 354 of a mail with these MAIL parameters and two recipients.
fn behind_data(parameters: &str, transcript: &str) -> String {
    format!(
        "
        C: MAIL FROM:<>{parameters}
        C: RCPT TO:<a@b.test>
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        {transcript}
        "
    )
}

#[test]
fn a_content_at_the_limit_is_taken_and_one_above_is_read_to_its_end() {
    let line = "x".repeat(98);
    check(&behind_data(
        "",
        &format!(
            r#"
            C: {line}
            C: .
            > <> to <a@b.test> to <c@d.test>; "{line}\r\n"
            "#
        ),
    ));
    let above = behind_data(
        "",
        &format!(
            r#"
            C: {line}x
            C: more
            c: \n.\nRSET\r\n
            C: .
            C: NOOP
            S: 552 5.3.4 message too big
            S: 552 5.3.4 message too big
            S: 250 2.0.0 Ok
            ! BareNewlines(2)
            ! ContentRefused {{ reason: Size, bytes: 119, recipients: 2, ident: None }}
            "#
        ),
    );
    check(&above);
}

#[test]
fn an_smtp_client_gets_one_refusal() {
    let line = "x".repeat(99);
    check_hello(
        "EHLO",
        &settings(),
        &behind_data(
            " SIZE=1",
            &format!(
                r"
                C: {line}
                C: .
                S: 552 5.3.4 message too big
                ! ContentRefused {{ reason: Size, bytes: 104, recipients: 2, ident: None }}
                "
            ),
        ),
    );
}

#[test]
fn a_mail_larger_than_announced_needs_room() {
    let settings = |in_flight_bytes_max| Settings {
        size_bytes_max: 3_000,
        in_flight_bytes_max,
        hops_max: 2,
        ..settings()
    };
    let line = "x".repeat(2_500);
    for (room, reply) in [(6_000, None), (3_100, Some("452 4.3.1 larger than announced, no room for it now"))]
    {
        let transcript = match reply {
            None => format!("> <> SIZE=0 to <a@b.test>; \"{line}\\r\\n\""),
            Some(reply) => format!(
                "S: {reply}
                 ! ContentRefused {{ reason: InFlightBytes, bytes: 2505, recipients: 1, ident: None }}"
            ),
        };
        // Meanwhile another mail, announced with 1 byte, holds 1 025.
        let conversation = format!(
            "
            C: MAIL FROM:<> SIZE=0
            C: RCPT TO:<a@b.test>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 End data with <CR><LF>.<CR><LF>
            C: {line}
            C: .
            {transcript}
            "
        );
        super::play_beside(&settings(room), 1, &conversation);
    }
}

#[test]
fn a_looping_mail_is_refused() {
    let hop = "C: Received: from a\n";
    let end = "C: Subject: x\nC:\nC: Received: in the body\nC: .\n";
    check(&behind_data(
        "",
        &format!(
            r#"
            {hop}{hop}{end}
            > <> to <a@b.test> to <c@d.test>; "Received: from a\r\nReceived: from a\r\nSubject: x\r\n\r\nReceived: in the body\r\n"
            "#
        ),
    ));
    check_with(
        &Settings { size_bytes_max: 200, ..settings() },
        &behind_data(
            "",
            &format!(
                r"
                {hop}{hop}{hop}{end}
                S: 554 5.4.6 too many hops, this mail is looping
                S: 554 5.4.6 too many hops, this mail is looping
                ! ContentRefused {{ reason: Hops, bytes: 94, recipients: 2, ident: None }}
                "
            ),
        ),
    );
}

#[test]
fn b03_bare_newlines_are_repaired_or_rejected() {
    let wire = r"c: a\nb\rc\r\n.\r\n";
    check(&behind_data(
        "",
        &format!(
            r#"
            {wire}
            > <> to <a@b.test> to <c@d.test>; "a\r\nb\r\nc\r\n"
            ! BareNewlines(2)
            "#
        ),
    ));
    let reject = Settings { bare_newlines: BareNewlines::Reject, ..settings() };
    check_with(
        &reject,
        &behind_data(
            "",
            &format!(
                r"
                {wire}
                S: 550 5.6.0 bare CR or LF in the content
                S: 550 5.6.0 bare CR or LF in the content
                ! BareNewlines(2)
                ! ContentRefused {{ reason: BareNewline, bytes: 10, recipients: 2, ident: None }}
                "
            ),
        ),
    );
    check_with(
        &reject,
        &behind_data(
            "",
            r#"
            C: a
            C: .
            > <> to <a@b.test> to <c@d.test>; "a\r\n"
            "#,
        ),
    );
}
