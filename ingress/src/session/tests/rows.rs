//! Rows B01 to B19 of the bad-input matrix. Elsewhere: B03 with the content, B15 with the connection, whose clock it
//! takes, B17 with the answers.

use crate::Settings;

use super::{check, check_from_greeting, check_with, settings};

const GREETING: &str = "S: 220 mx.test ESMTP LMTP Mailweir\n";

/// A transcript behind 354 of a mail from nobody to `<a@b.test>`.
fn behind_data(transcript: &str) -> String {
    format!(
        "
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        {transcript}
        "
    )
}

#[test]
fn b01_a_bare_newline_in_a_command_is_not_executed() {
    check(
        r"
        c: NOOP\nNOOP\r\n
        c: NOOP\rNOOP\r\n
        c: QUIT\r\r\n
        C: NOOP
        S: 500 5.5.2 lines end in CRLF
        S: 250 2.0.0 Ok
        S: 500 5.5.2 lines end in CRLF
        S: 500 5.5.2 lines end in CRLF
        S: 250 2.0.0 Ok
        ",
    );
}

#[test]
fn b02_nothing_but_crlf_dot_crlf_ends_the_data() {
    let settings = Settings { size_bytes_max: 1_000, in_flight_bytes_max: 1_000, ..settings() };
    for end in [
        r"\n.\n",
        r"\n.\r\n",
        r"\r\n.\n",
        r"\r.\r",
        r"\r.\r\n",
        r"\r.\n",
        r"\n.\r",
        r"\r\n.\r",
        r"\r\n.\r\r\n",
        r"\r\r\n.\r\r\n",
        r"\r\n\0.\r\n",
        r"\r\n.\0\r\n",
        r"\r\n. \r\n",
        r"\r\n.\x0b\r\n",
        r"\r\n.\x0c\r\n",
        r"\r\n.\xc2\x85\r\n",
        r"\r\n.\xe2\x80\xa8\r\n",
    ] {
        // Were it an end, NOOP would be answered. The session goes on reading content until the true end.
        let transcript = behind_data(&format!("c: a{end}NOOP\\r\\n\ntimeout\n"));
        let expected = "
            S: 421 4.4.2 content comes too slowly, closing
            ! Closing(DataTimeout)
            close
            ";
        check_with(&settings, &format!("{transcript}{expected}"));
    }
}

#[test]
fn b04_repeated_cr_keeps_the_tokenizer_in_step() {
    // In CR CR LF . CR LF there is a real CRLF . CRLF.
    check(&behind_data(
        r#"
        c: a\r\r\n.\r\nNOOP\r\n
        > <> to <a@b.test>; "a\r\n\r\n"
        ! BareNewlines(1)
        = 250 ok
        S: 250 ok
        S: 250 2.0.0 Ok
        ! Answered(Tally([(250, 1)]))
        "#,
    ));
}

#[test]
fn b05_the_end_is_as_strict_while_discarding() {
    let settings = Settings { size_bytes_max: 3, ..settings() };
    check_with(
        &settings,
        &behind_data(
            r"
            c: too big\n.\n\r.\r\n\r\n.\r\r\n.\rNOOP\r\n.\r\nNOOP\r\n
            S: 552 5.3.4 message too big
            S: 250 2.0.0 Ok
            ! BareNewlines(5)
            ! ContentRefused { reason: Size, bytes: 31, recipients: 1, ident: None }
            ",
        ),
    );
}

#[test]
fn b06_dots_and_emptiness_arrive_as_they_were_meant() {
    for (wire, content) in [
        (r".\r\n", r""),
        (r"..\r\n.\r\n", r".\r\n"),
        (r"...x\r\n.\r\n", r"..x\r\n"),
        (r"a\r\n..\r\n.\r\n", r"a\r\n.\r\n"),
        (r"\r\n.\r\n", r"\r\n"),
        (r"Subject: x\r\n.\r\n", r"Subject: x\r\n"),
    ] {
        check(&behind_data(&format!("c: {wire}\n> <> to <a@b.test>; \"{content}\"")));
    }
}

#[test]
fn b07_what_is_glued_to_data_did_not_wait() {
    for glued in ["QUIT", "Subject: x", "."] {
        check(&format!(
            "
            C: MAIL FROM:<>
            C: RCPT TO:<a@b.test>
            C: DATA
            C: {glued}
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 503 5.5.0 sent without waiting for the reply, closing
            ! Closing(Glued)
            close
            "
        ));
    }
    check_with(
        &Settings { transactions_max: 0, ..settings() },
        "
        C: MAIL FROM:<>
        C: DATA
        C: MAIL FROM:<smuggled@b.test>
        S: 451 4.3.2 too many transactions, try again later
        S: 503 5.5.0 sent without waiting for the reply, closing
        ! MailRefused(Transactions)
        ! Closing(Glued)
        close
        ",
    );
}

#[test]
fn b08_starttls_is_not_offered() {
    check(
        "
        C: STARTTLS
        S: 502 5.5.1 not offered
        C: NOOP
        S: 250 2.0.0 Ok
        ",
    );
}

#[test]
fn b09_other_protocols_are_closed_at_their_first_bytes() {
    for bytes in [
        r"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        r"\x16\x03\x01\x02\x00\x01\x00\x01",
        r"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        r"\0\0\0\0",
        r"EHLO\xff\xfe\r\n",
        r"\r\n",
    ] {
        check_from_greeting(
            &settings(),
            &format!(
                "{GREETING}c: {bytes}\nS: 500 5.5.2 this is LMTP and SMTP, closing\n! Closing(NotSmtp)\nclose"
            ),
        );
    }
}

#[test]
fn b10_a_line_too_long_is_refused_and_not_kept() {
    let line = |bytes: usize| format!("NOOP {}", "x".repeat(bytes - 7));
    let [fits, longer] = [100, 101].map(line);
    let long = "x".repeat(1_000);
    check(&format!(
        "
        C: {fits}
        S: 250 2.0.0 Ok
        C: {longer}
        S: 500 5.5.2 line too long
        C: NOOP
        S: 250 2.0.0 Ok
        C: {long}
        S: 500 5.5.2 line too long
        C: {long}
        S: 500 5.5.2 line too long
        S: 421 4.7.0 too many errors, closing
        ! Closing(LongLines)
        close
        "
    ));
}

#[test]
fn b11_one_recipient_too_many_harms_none_before() {
    check(
        r#"
        C: MAIL FROM:<>
        C: RCPT TO:<1@b.test>
        C: RCPT TO:<2@b.test>
        C: RCPT TO:<3@b.test>
        C: RCPT TO:<4@b.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 452 4.5.3 too many recipients
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <> to <1@b.test> to <2@b.test> to <3@b.test>; ""
        "#,
    );
}

#[test]
fn b12_size_is_refused_at_mail() {
    check(
        "
        C: MAIL FROM:<> SIZE=101
        S: 552 5.3.4 message too big
        ! MailRefused(Size)
        C: MAIL FROM:<> SIZE=99999999999999999999
        S: 552 5.3.4 message too big
        ! MailRefused(Size)
        C: MAIL FROM:<> SIZE=100
        S: 250 2.1.0 Ok
        ",
    );
}

#[test]
fn b13_hostile_addresses_are_refused() {
    let long = "l".repeat(300);
    let settings = Settings { command_bytes_max: 2_048, errors_max: 20, ..settings() };
    check_with(
        &settings,
        &format!(
            r#"
            C: MAIL FROM:<@relay.test:a@b.test>
            C: MAIL FROM:<{long}@b.test>
            C: MAIL FROM:<"a@b.test>
            c: MAIL FROM:<j\xc3\xb6rg@b.test>\r\n
            c: MAIL FROM:<"a\0b"@b.test>\r\n
            c: MAIL FROM:<a\xff@b.test>\r\n
            C: MAIL FROM:<>
            C: RCPT TO:<>
            C: RCPT TO:<a@b.test> RCPT TO:<x@y.test>
            C: RCPT TO:<a@b.test>x
            C: RCPT TO:<"a\"@b.test>
            S: 501 5.1.7 bad sender address
            S: 501 5.1.7 bad sender address
            S: 501 5.1.7 bad sender address
            S: 553 5.6.7 address needs SMTPUTF8
            S: 501 5.1.7 bad sender address
            S: 501 5.5.2 not UTF-8
            S: 250 2.1.0 Ok
            S: 501 5.1.3 bad recipient address
            S: 555 5.5.4 unsupported parameter
            S: 501 5.5.4 bad argument
            S: 501 5.1.3 bad recipient address
            "#
        ),
    );
}

#[test]
fn b14_bad_parameters_are_refused() {
    let settings = Settings { errors_max: 20, ..settings() };
    check_with(
        &settings,
        "
        C: MAIL FROM:<> FROB=1
        C: MAIL FROM:<> SIZE=1 SIZE=1
        C: MAIL FROM:<> SIZE=-1
        C: MAIL FROM:<> SIZE=123456789012345678901
        C: MAIL FROM:<> ENVID=a+0D+0ARSET
        C: MAIL FROM:<> BODY=BINARYMIME
        C: XFORWARD NAME=a+0D+0ARSET
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test> ORCPT=rfc822;a+0D+0A
        C: RCPT TO:<a@b.test> NOTIFY=NEVER,SUCCESS
        S: 555 5.5.4 unsupported parameter
        S: 501 5.5.4 bad or repeated parameter
        S: 501 5.5.4 bad or repeated parameter
        S: 501 5.5.4 bad or repeated parameter
        S: 501 5.5.4 bad or repeated parameter
        S: 501 5.5.4 bad or repeated parameter
        S: 501 5.5.4 bad argument
        S: 250 2.1.0 Ok
        S: 501 5.5.4 bad or repeated parameter
        S: 501 5.5.4 bad or repeated parameter
        ",
    );
}

#[test]
fn b16_loops_of_noop_and_rset_end() {
    // LHLO counts as one of twelve.
    check(&format!(
        "{}{}S: 421 4.7.0 too many commands without a mail, closing\n! Closing(TooManyCommands)\nclose",
        "C: NOOP\nC: RSET\n".repeat(6),
        "S: 250 2.0.0 Ok\n".repeat(11)
    ));
}

#[test]
fn b18_bdat_is_not_offered() {
    check(
        "
        C: BDAT 5 LAST
        S: 502 5.5.1 not offered
        C: MAIL FROM:<> BODY=BINARYMIME
        S: 501 5.5.4 bad or repeated parameter
        ",
    );
}

#[test]
fn b19_extensions_are_carried() {
    check(
        r#"
        c: MAIL FROM:<j\xc3\xb6rg@b.test> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1 AUTH=<>\r\n
        c: RCPT TO:<b\xc3\xb6b@d.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;b\xc3\xb6b@d.test\r\n
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <jörg@b.test> EightBitMime SMTPUTF8 RET=HDRS ENVID=QQ+2B1 AUTH=<> to <böb@d.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;böb@d.test; ""
        "#,
    );
}
