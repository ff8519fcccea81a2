//! Verbs, parameters and their order: what builds an envelope.

use super::{check, check_from_greeting, check_hello, settings};

#[test]
fn postfix_hands_over_a_mail_in_three_bursts() {
    check(
        r#"
        C: XFORWARD NAME=spike.test ADDR=192.0.2.7 PORT=[UNAVAILABLE]
        C: XFORWARD PROTO=ESMTP HELO=spike.test IDENT=4Fxy SOURCE=REMOTE
        C: MAIL FROM:<a@b.test> SIZE=20 BODY=8BITMIME
        C: RCPT TO:<c@d.test> ORCPT=rfc822;c@d.test
        C: RCPT TO:<e@d.test> NOTIFY=NEVER
        C: DATA
        S: 250 2.0.0 Ok
        S: 250 2.0.0 Ok
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: Subject: x
        C:
        C: y
        C: .
        > <a@b.test> SIZE=20 EightBitMime to <c@d.test> ORCPT=rfc822;c@d.test to <e@d.test> NOTIFY=NEVER NAME=spike.test ADDR=192.0.2.7 PROTO=ESMTP HELO=spike.test IDENT=4Fxy SOURCE=REMOTE; "Subject: x\r\n\r\ny\r\n"
        = 250 queued as 1 | 550 no
        S: 250 queued as 1
        S: 550 no
        ! Answered(Tally([(250, 1), (550, 1)]))
        C: QUIT
        S: 221 2.0.0 Bye
        ! Closing(Quit)
        close
        "#,
    );
}

#[test]
fn smtp_gets_one_reply_for_all_recipients() {
    for verb in ["EHLO", "ehlo"] {
        check_hello(
            verb,
            &settings(),
            r#"
            C: MAIL FROM:<>
            C: RCPT TO:<a@b.test>
            C: RCPT TO:<c@d.test>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 354 End data with <CR><LF>.<CR><LF>
            C: .
            > <> to <a@b.test> to <c@d.test>; ""
            < 0 250 ok
            < 1 550 no
            S: 550 no
            ! Answered(Tally([(550, 1)]))
            "#,
        );
    }
}

#[test]
fn helo_announces_nothing() {
    check_from_greeting(
        &settings(),
        "
        S: 220 mx.test ESMTP LMTP Mailweir
        C: HELO client.test
        S: 250 mx.test
        C: HELO
        S: 501 5.5.4 expected a name
        C: LHLO two words
        S: 501 5.5.4 expected a name
        ",
    );
}

#[test]
fn nothing_goes_before_the_hello() {
    check_from_greeting(
        &settings(),
        "
        S: 220 mx.test ESMTP LMTP Mailweir
        C: XFORWARD NAME=a
        C: MAIL FROM:<a@b.test>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 503 5.5.1 say LHLO or EHLO first
        S: 503 5.5.1 say LHLO or EHLO first
        S: 503 5.5.1 no MAIL was accepted
        S: 503 5.5.1 no MAIL was accepted
        C: NOOP
        C: QUIT
        S: 250 2.0.0 Ok
        S: 221 2.0.0 Bye
        ! Closing(Quit)
        close
        ",
    );
}

#[test]
fn the_small_verbs_answer() {
    check(
        "
        C: NOOP x
        C: vrfy somebody
        C: HELP
        C: RSET
        C: EXPN list
        C: AUTH PLAIN
        C: XCLIENT NAME=x
        C: FROB
        S: 250 2.0.0 Ok
        S: 252 2.1.5 send it and see
        S: 214 2.0.0 LHLO EHLO HELO XFORWARD MAIL RCPT DATA RSET NOOP VRFY HELP QUIT
        S: 250 2.0.0 Ok
        S: 502 5.5.1 not offered
        S: 502 5.5.1 not offered
        S: 502 5.5.1 not offered
        S: 500 5.5.2 unknown command
        ",
    );
}

#[test]
fn arguments_where_none_belong_are_refused() {
    check(
        "
        C: DATA now
        C: RSET 1
        C: QUIT please
        C: MAIL <a@b.test>
        S: 501 5.5.4 bad argument
        S: 501 5.5.4 bad argument
        S: 501 5.5.4 bad argument
        S: 501 5.5.4 bad argument
        ",
    );
}

#[test]
fn data_without_a_recipient_is_503_and_the_transaction_stays() {
    check(
        "
        C: MAIL FROM:<a@b.test>
        C: RCPT TO:<@relay:c@d.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 501 5.1.3 bad recipient address
        S: 503 5.5.1 no RCPT was accepted
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        ",
    );
}

#[test]
fn a_nested_mail_drops_the_transaction() {
    check(
        "
        C: MAIL FROM:<a@b.test>
        C: RCPT TO:<c@d.test>
        C: MAIL FROM:<e@f.test>
        C: RCPT TO:<g@h.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 503 5.5.1 nested MAIL, transaction dropped
        S: 503 5.5.1 no MAIL was accepted
        S: 503 5.5.1 no MAIL was accepted
        ",
    );
}

#[test]
fn rset_and_hello_drop_the_transaction_and_what_xforward_told() {
    for drop in ["RSET", "HELO client.test"] {
        let answer = if drop == "RSET" { "250 2.0.0 Ok" } else { "250 mx.test" };
        check(&format!(
            r#"
            C: XFORWARD IDENT=1
            C: MAIL FROM:<a@b.test>
            C: RCPT TO:<c@d.test>
            C: {drop}
            C: RCPT TO:<c@d.test>
            C: XFORWARD IDENT=2
            C: {drop}
            C: MAIL FROM:<>
            C: RCPT TO:<e@f.test>
            C: DATA
            S: 250 2.0.0 Ok
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: {answer}
            S: 503 5.5.1 no MAIL was accepted
            S: 250 2.0.0 Ok
            S: {answer}
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 End data with <CR><LF>.<CR><LF>
            C: .
            > <> to <e@f.test>; ""
            "#
        ));
    }
}

#[test]
fn xforward_is_all_or_nothing_and_for_one_mail() {
    check(
        r#"
        C: XFORWARD NAME=a.test FROB=1
        C: XFORWARD
        C: XFORWARD IDENT=1
        C: MAIL FROM:<>
        C: XFORWARD IDENT=2
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 501 5.5.4 bad argument
        S: 501 5.5.4 bad argument
        S: 250 2.0.0 Ok
        S: 250 2.1.0 Ok
        S: 503 5.5.1 not within a transaction
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <> to <a@b.test> IDENT=1; ""
        = 250 ok
        S: 250 ok
        ! Answered(Tally([(250, 1)]))
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <> to <a@b.test>; ""
        "#,
    );
}
