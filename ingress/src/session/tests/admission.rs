//! MAIL and the limits that stand against it, as a client sees them.

use std::sync::Arc;

use bytes::BytesMut;

use crate::session::{Action, Rules, Session};
use crate::{Admission, Metrics, Settings};

use super::{check_with, settings};

const REFUSED_BURST: &str = "
    C: MAIL FROM:<>
    C: RCPT TO:<a@b.test>
    C: DATA
    S: 451 4.3.2 too many transactions, try again later
    S: 503 5.5.1 no MAIL was accepted
    S: 503 5.5.1 no MAIL was accepted
    ! MailRefused(Transactions)
    ";

fn full() -> Settings {
    Settings { transactions_max: 0, ..settings() }
}

#[test]
fn what_is_pipelined_behind_a_refused_mail_is_503() {
    check_with(&full(), REFUSED_BURST);
}

#[test]
fn a_client_may_be_refused_for_ever_without_losing_its_session() {
    check_with(&full(), &REFUSED_BURST.repeat(20));
}

#[test]
fn a_refused_mail_uses_up_what_xforward_told() {
    check_with(
        &settings(),
        r#"
        C: XFORWARD IDENT=1
        C: MAIL FROM:<> SIZE=101
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.0.0 Ok
        S: 552 5.3.4 message too big
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        ! MailRefused(Size)
        C: .
        > <> to <a@b.test>; ""
        "#,
    );
}

#[test]
fn draining_spares_a_client_until_its_mail() {
    check_with(
        &full(),
        "
        drain
        C: NOOP
        S: 250 2.0.0 Ok
        C: MAIL FROM:<>
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 451 4.3.2 too many transactions, try again later
        S: 503 5.5.1 no MAIL was accepted
        S: 503 5.5.1 no MAIL was accepted
        S: 421 4.3.2 shutting down, closing
        ! MailRefused(Transactions)
        ! Closing(Drain)
        close
        ",
    );
}

#[test]
fn draining_lets_an_open_transaction_come_to_its_end() {
    check_with(
        &settings(),
        r#"
        C: MAIL FROM:<>
        S: 250 2.1.0 Ok
        drain
        C: RCPT TO:<a@b.test>
        C: DATA
        S: 250 2.1.5 Ok
        S: 354 End data with <CR><LF>.<CR><LF>
        C: .
        > <> to <a@b.test>; ""
        = 250 ok
        S: 250 ok
        S: 421 4.3.2 shutting down, closing
        ! Answered(Tally([(250, 1)]))
        ! Closing(Drain)
        close
        "#,
    );
}

/// What a session of `admission` answers to `commands`, last line only.
fn last_reply(admission: &Admission, settings: &Settings, commands: &str) -> (String, Session) {
    let rules = Arc::new(Rules::new(settings.clone()));
    let mut session = Session::new(rules, admission.session(), "unix");
    let mut input = BytesMut::from(format!("LHLO client.test\r\n{commands}").as_bytes());
    let mut sent = String::new();
    loop {
        match session.poll(&mut input) {
            Action::Send(bytes) => sent.push_str(std::str::from_utf8(&bytes).unwrap()),
            Action::Wait(_) | Action::Close => break,
            Action::Report(_) | Action::Submit(_) => {}
        }
    }
    (sent.lines().last().unwrap_or_default().to_owned(), session)
}

#[test]
fn each_limit_names_itself_and_lets_go() {
    let limits = [
        (Settings { sessions_max: 1, ..settings() }, "too many sessions"),
        (Settings { transactions_max: 1, ..settings() }, "too many transactions"),
        (Settings { in_flight_bytes_max: 199, ..settings() }, "too much mail in flight"),
    ];
    for (settings, text) in limits {
        let admission = Admission::new(&settings, &Metrics::default());
        let reply = || last_reply(&admission, &settings, "MAIL FROM:<>\r\n");
        let (first, holds) = reply();
        assert_eq!(first, "250 2.1.0 Ok");
        assert_eq!(reply().0, format!("451 4.3.2 {text}, try again later"));
        drop(holds);
        assert_eq!(reply().0, "250 2.1.0 Ok", "{text}");
    }
}

#[test]
fn a_closed_gate_gives_its_reason() {
    let settings = settings();
    let admission = Admission::new(&settings, &Metrics::default());
    let gate = admission.gate();
    gate.close("queue not reachable");
    let reply = || last_reply(&admission, &settings, "MAIL FROM:<>\r\n").0;
    assert_eq!(reply(), "451 4.3.2 queue not reachable");
    gate.open();
    assert_eq!(reply(), "250 2.1.0 Ok");
    admission.drain();
    assert_eq!(reply(), "451 4.3.2 shutting down, try again later");
}
