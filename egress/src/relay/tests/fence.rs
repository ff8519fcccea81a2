//! The fence: asked once, behind the content and before the dot, and obeyed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::{Disposition, Position, Reply};

use super::bench::{BUDGET, Bench, Ledger, Told, assert_told, codes, mail, pass, text, within};
use super::hop::{Say, Script};
use super::{first, withheld};
use crate::{Claim, Fence, Protocol, Results};

fn done(results: &[(usize, u16)]) -> Claim {
    let reply = |(at, code): &(usize, u16)| (Position::new(*at), Reply::new(*code, None, "from the ledger"));
    Claim::AlreadyDone(Results(results.iter().map(reply).collect()))
}

#[tokio::test(start_paused = true)]
async fn a_granted_claim_covers_the_accepted_recipients_and_is_recorded() {
    let script = Script { rcpt: [("b@x", Say::Reply("550 5.1.1 no"))].into(), ..Script::default() };
    let bench = Bench::smtp(script);
    let ledger = Ledger::answering(vec![Claim::Granted]);
    let outcomes = bench.deliver_by(&mail(&["a@x", "b@x", "c@x"]), &ledger).await;
    assert_eq!(codes(&outcomes), [250, 550, 250]);
    assert_eq!(ledger.asked(), [[0, 2]]);
    assert_eq!(ledger.recorded(), [[(0, 250), (2, 250)]]);
}

/// Looks at the next hop in the moment of the claim.
struct Witness<'a> {
    bench: &'a Bench,
    content_was_held: AtomicBool,
}

impl Fence for Witness<'_> {
    async fn claim(&self, _: &[Position]) -> Claim {
        // Whatever is under way has time to arrive.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = first(self.bench).seen();
        let asked_for_content = seen.commands[0].last().is_some_and(|line| line == "DATA");
        let held = asked_for_content && seen.mails.is_empty() && seen.cut_off == 0;
        self.content_was_held.store(held, Ordering::Relaxed);
        Claim::Granted
    }

    async fn record(&self, results: &Results) {
        assert_eq!((results.0.len(), first(self.bench).seen().mails.len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_claim_comes_before_the_dot() {
    let bench = Bench::smtp(Script::default());
    let witness = Witness { bench: &bench, content_was_held: AtomicBool::new(false) };
    let mail = mail(&["a@x"]);
    let outcomes = bench.relay.deliver(&mail, &pass(&mail), &witness, &Told::default(), within(BUDGET)).await;
    assert_eq!(codes(&outcomes), [250]);
    assert!(witness.content_was_held.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_is_not_done_again() {
    let bench = Bench::smtp(Script::default());
    let ledger = Ledger::answering(vec![done(&[(0, 250), (1, 550), (7, 250)])]);
    let outcomes = bench.deliver_by(&mail(&["a@x", "b@x"]), &ledger).await;
    assert_eq!(codes(&outcomes), [250, 550]);
    settled(&bench).await;
    let seen = first(&bench).seen();
    assert_eq!((seen.mails.len(), seen.cut_off, seen.commands.len()), (0, 1, 1));
    assert!(ledger.recorded().is_empty());
    assert_eq!(bench.metric("mailweir_egress_fenced_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn those_whose_result_is_not_known_get_a_transaction_of_their_own() {
    let bench = Bench::smtp(Script::default());
    let ledger = Ledger::answering(vec![done(&[(1, 250)]), Claim::Granted]);
    let outcomes = bench.deliver_by(&mail(&["a@x", "b@x", "c@x"]), &ledger).await;
    assert_eq!(codes(&outcomes), [250, 250, 250]);
    assert_eq!(ledger.asked(), [vec![0, 1, 2], vec![0, 2]]);
    assert_eq!(ledger.recorded(), [[(0, 250), (2, 250)]]);
    assert!(first(&bench).commands(1).ends_with("RCPT TO:<a@x>\nRCPT TO:<c@x>\nDATA"));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_knows_nobody_is_not_asked_for_ever() {
    let bench = Bench::smtp(Script::default());
    let ledger = Ledger::answering(vec![done(&[])]);
    let outcomes = bench.deliver_by(&mail(&["a@x"]), &ledger).await;
    assert_eq!((codes(&outcomes), ledger.asked().len()), (vec![451], 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_claim_sends_no_dot_and_never_is_final() {
    for (reply, code) in [(451, 451), (454, 454), (250, 451), (550, 451)] {
        for disposition in [Disposition::Pass, Disposition::Discard, Disposition::Reject] {
            let bench = Bench::smtp(Script::default());
            let ledger = Ledger::answering(vec![Claim::Refused(Reply::new(reply, None, "no"))]);
            let (mail, told) = (mail(&["a@x"]), Told::default());
            let verdict = withheld(disposition, &mail);
            let outcomes = bench.relay.deliver(&mail, &verdict, &ledger, &told, within(BUDGET)).await;
            assert_told(&told, &outcomes);
            assert_eq!(codes(&outcomes), [code], "{disposition:?}");
            settled(&bench).await;
            assert!(first(&bench).seen().mails.is_empty() && ledger.recorded().is_empty());
        }
    }
}

/// Answers nothing, ever.
struct Stuck;

impl Fence for Stuck {
    async fn claim(&self, _: &[Position]) -> Claim {
        std::future::pending().await
    }

    async fn record(&self, _: &Results) {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_does_not_answer_costs_no_more_than_the_deadline() {
    for disposition in [Disposition::Pass, Disposition::Discard] {
        let bench = Bench::smtp(Script::default());
        let mail = mail(&["a@x"]);
        let verdict = withheld(disposition, &mail);
        let began = tokio::time::Instant::now();
        let outcomes = bench.relay.deliver(&mail, &verdict, &Stuck, &Told::default(), within(BUDGET)).await;
        assert_eq!(codes(&outcomes), [451]);
        assert!(began.elapsed() <= BUDGET);
        settled(&bench).await;
        assert!(first(&bench).seen().mails.is_empty());
    }
}

/// Grants, but cannot keep anything.
struct Forgetful;

impl Fence for Forgetful {
    async fn claim(&self, _: &[Position]) -> Claim {
        Claim::Granted
    }

    async fn record(&self, _: &Results) {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_record_a_discard_is_not_answered_2xx_but_a_delivery_is() {
    for (disposition, code) in
        [(Disposition::Discard, 451), (Disposition::Reject, 554), (Disposition::Pass, 250)]
    {
        let bench = Bench::smtp(Script::default());
        let (mail, told) = (mail(&["a@x"]), Told::default());
        let verdict = withheld(disposition, &mail);
        let outcomes = bench.relay.deliver(&mail, &verdict, &Forgetful, &told, within(BUDGET)).await;
        assert_told(&told, &outcomes);
        assert_eq!(codes(&outcomes), [code], "{disposition:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_those_from_whom_the_mail_is_withheld() {
    for (disposition, code) in
        [(Disposition::Reject, 554), (Disposition::Discard, 250), (Disposition::Tempfail, 451)]
    {
        let bench = Bench::smtp(Script::default());
        let (ledger, told) = (Ledger::answering(vec![done(&[(1, 250)]), Claim::Granted]), Told::default());
        let mail = mail(&["a@x", "b@x"]);
        let outcomes =
            bench.relay.deliver(&mail, &withheld(disposition, &mail), &ledger, &told, within(BUDGET)).await;
        assert_told(&told, &outcomes);
        assert_eq!(codes(&outcomes), [code, 250]);
        assert_eq!(ledger.asked(), [vec![0, 1], vec![0]]);
        assert_eq!(ledger.recorded(), [[(0, code)]]);
        assert_eq!(first(&bench).connections(), 0);
    }
}

/// Grants after so long.
struct Slow(Duration, Mutex<Vec<Results>>);

impl Fence for Slow {
    async fn claim(&self, _: &[Position]) -> Claim {
        tokio::time::sleep(self.0).await;
        Claim::Granted
    }

    async fn record(&self, results: &Results) {
        self.1.lock().unwrap().push(results.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn no_dot_is_sent_without_time_for_its_reply() {
    // 45 s less half a second for replying, less half a second for the dot.
    for (seconds, code) in [(43_900, 250), (44_100, 451)] {
        let bench = Bench::smtp(Script::default());
        let fence = Slow(Duration::from_millis(seconds), Mutex::default());
        let mail = mail(&["a@x"]);
        let outcomes =
            bench.relay.deliver(&mail, &pass(&mail), &fence, &Told::default(), within(BUDGET)).await;
        assert_eq!(codes(&outcomes), [code]);
        settled(&bench).await;
        assert_eq!(first(&bench).seen().mails.len(), usize::from(code == 250));
        // A claim that was granted is closed in either case.
        assert_eq!(fence.1.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_during_the_claim_is_not_in_doubt() {
    let bench = Arc::new(Bench::new(Protocol::Smtp, vec![vec![Script::default()]], |_| {}));
    struct Cut(Arc<Bench>);
    impl Fence for Cut {
        async fn claim(&self, _: &[Position]) -> Claim {
            first(&self.0).cut();
            tokio::time::sleep(Duration::from_secs(1)).await;
            Claim::Granted
        }
        async fn record(&self, results: &Results) {
            assert_eq!(results.0[0].1.code(), 451);
        }
    }
    let mail = mail(&["a@x"]);
    let fence = Cut(Arc::clone(&bench));
    let outcomes = bench.relay.deliver(&mail, &pass(&mail), &fence, &Told::default(), within(BUDGET)).await;
    assert!(text(&outcomes, 0).starts_with("451 4.4.2 lost the connection"), "{}", text(&outcomes, 0));
    assert_eq!(bench.metric("mailweir_egress_in_doubt_total"), 0);
}

/// Waits until the next hop has noticed that we left: its tasks run while the paused clock moves on.
async fn settled(_bench: &Bench) {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
