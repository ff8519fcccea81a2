//! One hand-made log for each thing that the checker must see.

use std::time::Duration;

use super::*;
use crate::checker::{Mails, Why};
use crate::next_hop::Received;

const MAIL: MailId = MailId { client: 1, number: 2 };

fn event(attempt: u32, what: What) -> Event {
    Event { at: Duration::ZERO, mail: MAIL, attempt, what }
}

fn invoke(attempt: u32, recipients: &[u32]) -> Event {
    event(attempt, What::Invoke { recipients: recipients.to_vec(), endpoint: 0 })
}

fn answer(attempt: u32, recipient: u32, code: u16) -> Event {
    event(attempt, What::Answer { recipient, code, text: String::new() })
}

fn copy(key: Key) -> Copy {
    Copy { to: key.address(), of: Some(key.mail), is_whole: true, is_said: true }
}

/// Which counts are not zero.
fn faults(events: &[Event], copies: &[Copy]) -> Vec<String> {
    let faults = judge(events, copies).faults(0);
    faults.iter().map(|fault| fault.split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn a_mail_that_was_delivered_once_is_no_fault() {
    let retried = [
        invoke(1, &[0, 1]),
        answer(1, 0, 250),
        answer(1, 1, 451),
        invoke(2, &[1]),
        event(2, What::Info(Why::Lost)),
        invoke(3, &[1]),
        answer(3, 1, 250),
    ];
    let report = judge(&retried, &[copy(MAIL.to(0)), copy(MAIL.to(1))]);
    assert_eq!(report.faults(0), Vec::<String>::new());
    assert_eq!((report.mails, report.recipients, report.retries), (1, 2, 2));
}

#[test]
fn a_refused_mail_without_a_copy_is_no_fault() {
    assert_eq!(faults(&[invoke(1, &[0]), answer(1, 0, 550)], &[]), Vec::<String>::new());
}

#[test]
fn a_2xx_without_a_copy_is_lost() {
    assert_eq!(faults(&[invoke(1, &[0]), answer(1, 0, 250)], &[]), ["lost 1"]);
}

#[test]
fn a_second_copy_is_a_duplicate_unless_it_is_allowed() {
    let events = [invoke(1, &[0]), answer(1, 0, 250)];
    let copies = [copy(MAIL.to(0)), copy(MAIL.to(0)), copy(MAIL.to(0))];
    assert_eq!(faults(&events, &copies), ["duplicate 2"]);
    assert_eq!(judge(&events, &copies).faults(2), Vec::<String>::new());
    assert_ne!(judge(&events, &copies).faults(1), Vec::<String>::new());
}

#[test]
fn a_second_copy_after_one_that_was_not_said_is_told_apart() {
    let events = [invoke(1, &[0, 1]), answer(1, 0, 250), answer(1, 1, 250)];
    let unsaid = Copy { is_said: false, ..copy(MAIL.to(0)) };
    let copies = [unsaid, copy(MAIL.to(0)), copy(MAIL.to(1)), copy(MAIL.to(1))];
    let report = judge(&events, &copies);
    assert_eq!((report.duplicate.len(), report.unsaid), (2, 1));
}

#[test]
fn a_copy_in_spite_of_5xx_is_wrong() {
    assert_eq!(faults(&[invoke(1, &[0]), answer(1, 0, 554)], &[copy(MAIL.to(0))]), ["wrong 1"]);
}

#[test]
fn a_copy_with_the_content_of_another_mail_is_cross_delivered() {
    let events = [invoke(1, &[0]), answer(1, 0, 250)];
    let other = Copy { of: Some(MailId { client: 1, number: 3 }), is_whole: false, ..copy(MAIL.to(0)) };
    assert_eq!(faults(&events, &[other]), ["cross-delivered 1"]);
}

#[test]
fn a_copy_for_somebody_who_was_no_recipient_is_cross_delivered() {
    let events = [invoke(1, &[0]), answer(1, 0, 250)];
    assert_eq!(faults(&events, &[copy(MAIL.to(0)), copy(MAIL.to(1))]), ["cross-delivered 1"]);
}

#[test]
fn a_changed_content_is_corrupt() {
    let events = [invoke(1, &[0]), answer(1, 0, 250)];
    let changed = Copy { is_whole: false, ..copy(MAIL.to(0)) };
    assert_eq!(faults(&events, &[changed]), ["corrupt 1"]);
}

#[test]
fn no_final_answer_is_stuck() {
    for last in [answer(1, 0, 451), event(1, What::Info(Why::TimedOut))] {
        assert_eq!(faults(&[invoke(1, &[0]), last], &[copy(MAIL.to(0))]), ["stuck 1"]);
    }
}

#[test]
fn a_copy_that_nobody_sent_is_unexpected() {
    let events = [invoke(1, &[0]), answer(1, 0, 250)];
    for to in ["<smuggled-c1-n2@check.example.net>", "<c9-n9-r0@check.example.net>"] {
        let alien = Copy { to: to.to_owned(), of: None, is_whole: false, is_said: true };
        assert_eq!(faults(&events, &[copy(MAIL.to(0)), alien]), ["unexpected 1"]);
    }
}

#[test]
fn leaks_and_bare_line_ends_are_faults() {
    let report = Report { bare_line_ends: 1, leaked: vec!["MAIL holds 1".into()], ..Report::default() };
    assert_eq!(report.faults(0), ["leaked 1: MAIL holds 1", "bare line ends 1"]);
}

#[test]
fn a_received_mail_is_a_copy_for_each_recipient_that_was_taken() {
    let mails = Mails::small();
    let received = Received {
        rcpt: vec![
            format!("RCPT TO:<{}>", MAIL.to(0).address()),
            format!("RCPT TO:<{}>", MAIL.to(1).address()),
        ],
        content: [b"X-Virus-Scanned: yes\r\n".to_vec(), mails.delivered(MAIL)].concat(),
        replies: vec!["250 2.0.0 Ok".into()],
        ..Received::default()
    };
    let by_smtp = Copy::of(&received, &mails);
    assert_eq!(by_smtp.len(), 2);
    assert!(by_smtp.iter().all(|copy| copy.is_whole && copy.of == Some(MAIL)));
    let by_lmtp = Received { is_lmtp: true, ..received.clone() };
    assert_eq!(Copy::of(&by_lmtp, &mails).len(), 1, "one reply, one recipient");
    let refused = Received { replies: vec!["451 4.3.0 no".into()], ..received.clone() };
    assert_eq!(Copy::of(&refused, &mails), []);
    let mut changed = received;
    changed.content.push(b'x');
    assert!(Copy::of(&changed, &mails).iter().all(|copy| !copy.is_whole));
}
