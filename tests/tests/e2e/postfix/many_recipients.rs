//! One mail for 120 recipients, which Postfix sends in three transactions of one queue id. Some recipients are refused
//! for now, some for good, at RCPT and behind the dot, and Postfix tries again: each gets one copy, or none.

use std::collections::{BTreeMap, BTreeSet};

use harness::mails::TestMail;
use harness::next_hop::{NextHop, Phase, Protocol, Script, Seen};
use harness::postfix::{Postfix, PostfixPorts};
use harness::system::{Mode, System};
use harness::wait::eventually;

use super::{fragment, hand_in};

in_both_modes! {
    heavy;
    every_recipient_gets_one_copy_over_retries,
}

const RECIPIENTS: usize = 120;
/// What the next hop says to the recipients of that name, and how often a copy arrives.
const KINDS: [(&str, usize); 5] =
    [("fine", 1), ("busy-at-rcpt", 1), ("busy-at-dot", 1), ("gone-at-rcpt", 0), ("gone-at-dot", 0)];

fn refusing_for_good() -> Script {
    Script::new(Protocol::Lmtp).say(Phase::Rcpt, "gone-at-rcpt", "550 5.1.1 no such user").say(
        Phase::Dot,
        "gone-at-dot",
        "554 5.7.1 not wanted",
    )
}

/// Recipients that the filter's client has logged with that status, retries included.
fn statuses(log: &str, status: &str) -> usize {
    let filter = log.lines().filter(|line| line.contains("postfix/scan/lmtp"));
    filter.filter(|line| line.contains(&format!("status={status}"))).count()
}

/// Copies taken, by recipient.
fn copies(seen: &Seen) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for mail in &seen.mails {
        for (rcpt, reply) in mail.rcpt.iter().zip(&mail.replies) {
            if reply.starts_with('2') {
                let name = rcpt.trim_start_matches("RCPT TO:<").split('@').next().unwrap();
                *copies.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    copies
}

async fn every_recipient_gets_one_copy_over_retries(mode: Mode) {
    let hop = NextHop::start(refusing_for_good().say(Phase::Rcpt, "busy-at-rcpt", "450 4.2.1 busy").say(
        Phase::Dot,
        "busy-at-dot",
        "451 4.3.0 try again",
    ))
    .await;
    let system = System::build(mode, &hop.target()).start().await;
    let ports = PostfixPorts::new();
    let main = fragment("main.cf", &system.lmtp, &ports.reinjection());
    let limit = "scan_destination_recipient_limit = ";
    assert!(main.contains(&format!("{limit}200")), "the fragment has another limit:\n{main}");
    let main = main.replace(&format!("{limit}200"), &format!("{limit}50"));
    let master = fragment("master.cf", &system.lmtp, &ports.reinjection());
    let postfix = Postfix::start(ports, &main, &master).await;
    // Postfix sorts them: each transaction gets some of each kind.
    let name = |number: usize| format!("r{number:03}-{}", KINDS[number % KINDS.len()].0);
    let to: Vec<String> = (0..RECIPIENTS).map(|number| format!("<{}@far.example>", name(number))).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    hand_in(&postfix.entry(), &[TestMail::new().from("<user0@example.net>").to(&to)]).await;
    let each = RECIPIENTS / KINDS.len();
    let of = |status: &str| statuses(&postfix.log(), status);
    eventually("every recipient has an answer", async || {
        (of("sent") == each && of("deferred") == 2 * each && of("bounced") == 2 * each).then_some(())
    })
    .await;
    let seen = hop.seen();
    assert_eq!(seen.mails.len(), 3, "Postfix did not split it in three");
    let idents: BTreeSet<&str> =
        seen.mails.iter().flat_map(|mail| &mail.xforward).filter_map(|line| ident(line)).collect();
    assert_eq!(idents.len(), 1, "the transactions do not share one queue id: {idents:?}");

    // Twice for nothing, then all who wait are taken.
    for round in 2..=3 {
        postfix.flush().await;
        eventually("they are deferred again", async || (of("deferred") == 2 * each * round).then_some(()))
            .await;
    }
    hop.follow(refusing_for_good());
    postfix.flush().await;
    eventually("all have a final answer", async || (of("sent") == 3 * each).then_some(())).await;
    let copies = copies(&hop.seen());
    for number in 0..RECIPIENTS {
        let (kind, wanted) = KINDS[number % KINDS.len()];
        let got = copies.get(&name(number)).copied().unwrap_or(0);
        assert_eq!(got, wanted, "copies for {kind} number {number}");
    }
    assert_eq!(of("bounced"), 2 * each);
}

/// The queue id that an XFORWARD line names.
fn ident(line: &str) -> Option<&str> {
    line.split_whitespace().find_map(|word| word.strip_prefix("IDENT="))
}
