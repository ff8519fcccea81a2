//! Filters with a known defect: the checker must see each of them, or its silence elsewhere proves nothing.
//!
//! Three are made of the scripted next hop, which takes a mail as the defective filter would, and a courier that
//! carries it on. The same without a defect is the control. The last is Mailweir itself without its ledger.

use std::time::Duration;

use harness::checker::{Copy, Mails, Mta, Patience, Report, judge};
use harness::client::{Client, dot_stuffed};
use harness::machine::light;
use harness::next_hop::{NextHop, Protocol, Received, Script};
use harness::system::{Mode, Role, System};
use tokio::task::JoinSet;

/// Enough that one of them is smuggled with a bare line feed.
const MAILS: u32 = 4;
/// The filter answers at once, or has lost count of its replies.
const SHORT: Patience = Patience {
    reply: Duration::from_secs(2),
    pause: Duration::from_millis(50),
    mail: Duration::from_secs(3),
};

fn judged(mta: &Mta, hop: &NextHop) -> Report {
    let (mails, bare_line_ends) = hop.take();
    let copies: Vec<Copy> = mails.iter().flat_map(|mail| Copy::of(mail, &mta.mails)).collect();
    Report { bare_line_ends, ..judge(&mta.history.events(), &copies) }
}

/// Lets a client send its mails to a filter that answers at once, and a courier carry on what `carries` says of what
/// the filter took.
async fn run(filter: Script, mails: Mails, carries: impl FnMut(&Received) -> bool) -> Report {
    let lenient = Script::new(Protocol::Smtp).lenient();
    let (front, hop) = (NextHop::start(filter).await, NextHop::start(lenient).await);
    let mut mta = Mta::new(vec![front.endpoint().to_owned()], mails);
    mta.patience = SHORT;
    let mut sender = mta.sender(1);
    for number in 0..MAILS {
        // Without a final answer it is stuck, which the report tells.
        sender.deliver(number).await;
    }
    let mut courier = Client::smtp(hop.endpoint()).await;
    let taken = front.seen().mails;
    for mail in taken.iter().filter(carrying(carries)) {
        courier.command(&mail.mail, "250 *").await;
        for rcpt in &mail.rcpt {
            courier.command(rcpt, "250 *").await;
        }
        courier.command("DATA", "354 *").await;
        courier.send_raw(&dot_stuffed(&mail.content)).await;
        courier.expect("250 *").await;
    }
    judged(&mta, &hop)
}

fn carrying<'a>(mut carries: impl FnMut(&Received) -> bool) -> impl FnMut(&&'a Received) -> bool {
    move |mail| carries(mail)
}

/// Contents that no filter need repair, so that the courier, which repairs nothing, is a good one.
fn plain() -> Mails {
    Mails { identical: true, ..Mails::small() }
}

#[tokio::test]
async fn a_filter_without_a_defect_passes() {
    let report = run(Script::new(Protocol::Lmtp), plain(), |_| true).await;
    assert_eq!(report.faults(0), Vec::<String>::new(), "{report}");
}

#[tokio::test]
async fn a_filter_that_answers_before_the_next_hop_and_dies_loses_mail() {
    let mut carried = 0;
    let dies = |_: &Received| {
        carried += 1;
        carried < MAILS
    };
    let report = run(Script::new(Protocol::Lmtp), plain(), dies).await;
    // The last of them has one recipient.
    assert_eq!(report.lost.len(), 1, "{report}");
}

#[tokio::test]
async fn a_filter_that_knows_a_mail_by_its_content_alone_loses_mail() {
    let mut known = Vec::new();
    let is_new = |mail: &Received| {
        let is_new = !known.contains(&mail.content);
        known.push(mail.content.clone());
        is_new
    };
    let report = run(Script::new(Protocol::Lmtp), plain(), is_new).await;
    assert!(!report.lost.is_empty(), "{report}");
}

#[tokio::test]
async fn a_filter_that_takes_a_bare_line_feed_for_a_line_end_lets_mail_be_smuggled() {
    let report = run(Script::new(Protocol::Lmtp).lenient(), Mails::small(), |_| true).await;
    assert!(!report.unexpected.is_empty(), "{report}");
    assert!(report.bare_line_ends > 0, "{report}");
}

#[tokio::test]
async fn without_a_ledger_an_egress_that_dies_after_the_delivery_brings_second_copies() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let quick = "[bus]\nack_wait = \"1s\"\n";
    let builder = System::build(Mode::Distributed, &hop.target()).configuration(quick).flag("--no-ledger");
    let mut system = builder.failpoint(Role::Egress, "after_record=kill").start().await;
    let mut mta = Mta::new(system.endpoints(), Mails::small());
    mta.patience.reply = Duration::from_secs(60);
    let mut sender = mta.sender(1);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(1).await });
    let egress = system.egress();
    egress.process.ended().await;
    egress.restart().await;
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    let report = judged(&mta, &hop);
    assert_eq!(report.duplicate.len(), 2, "{report}");
}
