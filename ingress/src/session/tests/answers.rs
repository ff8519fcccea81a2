//! From the final dot to the last reply.

use super::check;

/// A transcript behind the final dot of a mail with three recipients.
fn check_answers(transcript: &str) {
    check(&format!(
        r#"
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: RCPT TO:<a@b.test>
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <> to <a@b.test> to <a@b.test> to <c@d.test>; ""
        {transcript}
        "#
    ));
}

#[test]
fn each_reply_is_written_once_all_before_it_are_known() {
    check_answers(
        "
        < 1 550 second
        < 0 250 first
        S: 250 first
        S: 550 second
        < 0 451 too late
        < 2 250 third
        S: 250 third
        ! Answered(Tally([(250, 2), (550, 1)]))
        < 0 451 far too late
        ",
    );
}

#[test]
fn what_was_told_early_is_final() {
    check_answers(
        "
        < 1 250 early
        = 451 a | 451 b | 550 c
        S: 451 a
        S: 250 early
        S: 550 c
        ! Answered(Tally([(451, 1), (250, 1), (550, 1)]))
        ",
    );
}

#[test]
fn whoever_has_no_reply_at_the_deadline_gets_451() {
    check_answers(
        "
        < 0 250 first
        S: 250 first
        < 2 550 third
        timeout
        S: 451 4.4.7 no result in time, try again later
        S: 550 third
        ! Answered(Tally([(250, 1), (451, 1), (550, 1)]))
        C: NOOP
        S: 250 2.0.0 Ok
        ",
    );
}

#[test]
fn stopping_answers_before_it_closes() {
    check_answers(
        "
        < 0 250 first
        S: 250 first
        stop
        S: 451 4.3.2 shutting down, try again later
        S: 451 4.3.2 shutting down, try again later
        S: 421 4.3.2 shutting down, closing
        ! Answered(Tally([(250, 1), (451, 2)]))
        ! Closing(Drain)
        close
        ",
    );
}

#[test]
fn draining_closes_behind_the_last_reply() {
    check_answers(
        "
        drain
        < 0 250 a
        S: 250 a
        = 250 a | 250 b | 250 c
        S: 250 b
        S: 250 c
        S: 421 4.3.2 shutting down, closing
        ! Answered(Tally([(250, 3)]))
        ! Closing(Drain)
        close
        ",
    );
}

#[test]
fn commands_behind_the_dot_wait_for_its_replies() {
    check(
        r#"
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        C: MAIL FROM:<>
        C: QUIT
        > <> to <a@b.test>; ""
        = 250 ok
        S: 250 ok
        S: 250 2.1.0 Ok
        S: 221 2.0.0 Bye
        ! Answered(Tally([(250, 1)]))
        ! Closing(Quit)
        close
        "#,
    );
}

#[test]
fn replies_are_ascii_unless_the_mail_was_not() {
    for (parameter, shown, reply) in [("", "", "250 f?r B?b"), (" SMTPUTF8", " SMTPUTF8", "250 für Böb")] {
        check(&format!(
            r#"
            C: MAIL FROM:<>{parameter}
            C: RCPT TO:<a@b.test>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 End data with <CR><LF>.<CR><LF>
            C: .
            > <>{shown} to <a@b.test>; ""
            = 250 für Böb
            S: {reply}
            ! Answered(Tally([(250, 1)]))
            "#
        ));
    }
}

#[test]
fn b17_two_mails_of_one_session_have_their_own_replies() {
    let mail = |recipients: [&str; 2], replies: [&str; 2], tally: &str| {
        let [first, second] = recipients;
        let [one, two] = replies;
        format!(
            r#"
            C: MAIL FROM:<>
            C: RCPT TO:<{first}>
            C: RCPT TO:<{second}>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 354 End data with <CR><LF>.<CR><LF>
            C: .
            > <> to <{first}> to <{second}>; ""
            = {one} | {two}
            S: {one}
            S: {two}
            ! Answered(Tally({tally}))
            "#
        )
    };
    check(&format!(
        "{}{}",
        mail(["a@b.test", "c@d.test"], ["250 a", "550 c"], "[(250, 1), (550, 1)]"),
        mail(["c@d.test", "e@f.test"], ["451 c", "250 e"], "[(451, 1), (250, 1)]"),
    ));
}
