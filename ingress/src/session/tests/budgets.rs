//! Limits on what a client may send without a mail, each at both sides of it, and the end of sessions.

use crate::Settings;

use super::{check, check_with, settings};

#[test]
fn one_command_too_many_ends_the_session() {
    let settings = Settings {
        // LHLO is the first.
        commands_max: 4,
        ..settings()
    };
    check_with(
        &settings,
        "
        C: NOOP
        C: RSET
        C: VRFY x
        S: 250 2.0.0 Ok
        S: 250 2.0.0 Ok
        S: 252 2.1.5 send it and see
        C: NOOP
        S: 421 4.7.0 too many commands without a mail, closing
        ! Closing(TooManyCommands)
        close
        ",
    );
}

#[test]
fn a_mail_renews_the_budgets() {
    let settings = Settings { commands_max: 4, errors_max: 1, ..settings() };
    let mail = r#"
        C: FROB
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 500 5.5.2 unknown command
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <> to <a@b.test>; ""
        = 250 ok
        S: 250 ok
        ! Answered(Tally([(250, 1)]))
        "#;
    check_with(&settings, &mail.repeat(3));
}

#[test]
fn one_mistake_too_many_ends_the_session() {
    let settings = Settings { errors_max: 2, ..settings() };
    check_with(
        &settings,
        "
        C: FROB
        C: MAIL FROM:x
        S: 500 5.5.2 unknown command
        S: 501 5.1.7 bad sender address
        C: DATA 1
        S: 501 5.5.4 bad argument
        S: 421 4.7.0 too many errors, closing
        ! Closing(TooManyErrors)
        close
        ",
    );
}

#[test]
fn what_a_refused_mail_provokes_is_no_mistake() {
    let settings = Settings { errors_max: 0, ..settings() };
    check_with(
        &settings,
        "
        C: MAIL FROM:<> SIZE=101
        C: RCPT TO:<a@b.test>
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 552 5.3.4 message too big
        S: 503 5.5.1 no MAIL was accepted
        S: 503 5.5.1 no MAIL was accepted
        S: 503 5.5.1 no MAIL was accepted
        ! MailRefused(Size)
        C: RSET
        S: 250 2.0.0 Ok
        ",
    );
}

#[test]
fn who_is_idle_is_told_and_closed() {
    check(
        "
        C: NOOP
        S: 250 2.0.0 Ok
        timeout
        S: 421 4.4.2 idle for too long, closing
        ! Closing(Idle)
        close
        ",
    );
}

#[test]
fn who_stalls_in_the_content_is_told_and_closed() {
    check(
        "
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: Subject: x
        timeout
        S: 421 4.4.2 content comes too slowly, closing
        ! Closing(DataTimeout)
        close
        ",
    );
}

#[test]
fn stopping_closes_everywhere() {
    let closed = "
        stop
        S: 421 4.3.2 shutting down, closing
        ! Closing(Drain)
        close
        timeout
        close
        ";
    check(closed);
    let data = "
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: x
        ";
    check(&format!("{data}{closed}"));
}
