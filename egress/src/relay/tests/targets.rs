//! Several next hops, and none: order of health, rounds, breaker.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::bench::{BUDGET, Bench, Told, codes, mail, pass, text, within};
use super::first;
use super::hop::{Say, Script};
use crate::{GrantAlways, Protocol};

#[tokio::test(start_paused = true)]
async fn what_one_target_does_not_take_the_next_gets() {
    let broken = [
        None,
        Some(Script { greeting: Say::Reply("554 no"), ..Script::default() }),
        Some(Script { greeting: Say::Silence, ..Script::default() }),
        Some(Script { hello: Say::Reply("550 no"), ..Script::default() }),
        Some(Script { mail: Say::Reply("451 no"), ..Script::default() }),
        Some(Script { mail: Say::Close, ..Script::default() }),
        Some(Script { mail: Say::ReplyAndClose("421 no"), ..Script::default() }),
        Some(Script { rcpt: [("a@x", Say::Close)].into(), ..Script::default() }),
        Some(Script { data: Say::Reply("451 no"), ..Script::default() }),
        Some(Script { data: Say::Reply("250 what"), ..Script::default() }),
        Some(Script { content_bytes_max: 0, ..Script::default() }),
    ];
    for script in broken {
        let hops = vec![script.clone().into_iter().collect(), vec![Script::default()]];
        let bench = Bench::new(Protocol::Smtp, hops, |_| {});
        let mail = super::mail_of(super::bench::envelope(&["a@x"]), &"x".repeat(4_000_000));
        let began = Instant::now();
        assert_eq!(codes(&bench.deliver(&mail).await), [250], "{script:?}");
        assert!(began.elapsed() < Duration::from_secs(21), "{script:?}");
        assert_eq!(bench.hops[0].seen().mails.len(), 0, "{script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_the_dot_there_is_no_second_target() {
    let silent = Script { dot: vec![Say::Close], ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![silent], vec![Script::default()]], |_| {});
    assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [451]);
    assert_eq!(bench.hops[1].connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_recipient_refused_by_one_target_is_not_offered_to_the_next() {
    let refusing = Script {
        rcpt: [("b@x", Say::Reply("550 5.1.1 no"))].into(),
        data: Say::Reply("451 no"),
        ..Script::default()
    };
    let bench = Bench::new(Protocol::Smtp, vec![vec![refusing], vec![Script::default()]], |_| {});
    assert_eq!(codes(&bench.deliver(&mail(&["a@x", "b@x"])).await), [250, 550]);
    assert!(!bench.hops[1].commands(0).contains("b@x"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_failed_is_asked_last() {
    let failing = Script { greeting: Say::Reply("554 no"), ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![failing], vec![Script::default()]], |_| {});
    for _ in 0..3 {
        assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [250]);
    }
    assert_eq!((bench.hops[0].connections(), bench.hops[1].connections()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn with_nothing_listening_the_answer_comes_at_the_deadline() {
    let bench = Bench::new(Protocol::Smtp, vec![vec![]], |_| {});
    let began = Instant::now();
    let outcomes = bench.deliver(&mail(&["a@x"])).await;
    assert!(text(&outcomes, 0).starts_with("451 4.4.1 MTA("), "{}", text(&outcomes, 0));
    let waited = began.elapsed();
    assert!(waited <= BUDGET && BUDGET - Duration::from_secs(1) < waited, "{waited:?}");
    // At 0, 5, 10, 15 and 20 s; then the breaker is open and probes come later and later.
    let tries = bench.metric("mailweir_egress_target_failures_total");
    assert!((5..=8).contains(&tries), "{tries}");
    assert_eq!(bench.metric("mailweir_egress_target_up"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_next_hop_that_comes_back_in_time_gets_the_mail() {
    let down = Script { greeting: Say::Reply("421 not yet"), ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![down.clone(), down, Script::default()]], |_| {});
    let began = Instant::now();
    assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [250]);
    let waited = began.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&waited), "{waited:?}");
    assert_eq!(bench.metric("mailweir_egress_target_up"), 1);
}

#[tokio::test(start_paused = true)]
async fn many_mails_do_not_hammer_a_next_hop_that_is_down() {
    let bench = Bench::new(Protocol::Smtp, vec![vec![]], |_| {});
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let told = Told::default();
    let deliver = |_| bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET));
    let outcomes = join_all((0..300).map(deliver)).await;
    assert!(outcomes.iter().all(|outcomes| codes(outcomes) == [451]));
    // All may try before the first failures are known; after that one probe per pause.
    let tries = bench.metric("mailweir_egress_target_failures_total");
    assert!(tries <= 30, "{tries}");
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_for_a_slot_do_not_hammer_either() {
    let mute = Script { greeting: Say::Silence, ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![mute]], |_| {});
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let told = Told::default();
    let deliver = |_| bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET));
    join_all((0..100).map(deliver)).await;
    // One for each slot, and the probes behind them.
    let connections = first(&bench).connections();
    assert!((20..=24).contains(&connections), "{connections}");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_hear_of_the_recovery() {
    let down = Script { greeting: Say::Reply("421 not yet"), ..Script::default() };
    let scripts = [vec![down; 6], vec![Script::default()]].concat();
    let bench = Bench::new(Protocol::Smtp, vec![scripts], |settings| {
        settings.connections_per_target_max = 1;
    });
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let told = Told::default();
    let deliver = async |_| {
        let outcomes = bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET)).await;
        assert_eq!(codes(&outcomes), [250]);
        Instant::now()
    };
    let ends = join_all((0..50).map(deliver)).await;
    assert_eq!(first(&bench).connections(), 7);
    // The first to get through is the one who found out; nobody sleeps on behind it.
    let spread = *ends.iter().max().unwrap() - *ends.iter().min().unwrap();
    assert!(spread < Duration::from_secs(1), "{spread:?}");
}

#[tokio::test(start_paused = true)]
async fn what_every_target_refused_is_answered_at_once() {
    for refusal in [
        Script { mail: Say::Reply("451 4.3.1 no"), ..Script::default() },
        Script { mail: Say::ReplyAndClose("421 4.3.1 no"), ..Script::default() },
        Script { data: Say::Reply("451 4.3.1 no"), ..Script::default() },
    ] {
        let bench = Bench::new(Protocol::Smtp, vec![vec![refusal.clone()], vec![refusal]], |_| {});
        let began = Instant::now();
        let outcomes = bench.deliver(&mail(&["a@x"])).await;
        assert!(text(&outcomes, 0).starts_with("451 4.3.1 from MTA("), "{}", text(&outcomes, 0));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!((bench.hops[0].connections(), bench.hops[1].connections()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_whose_transfer_breaks_each_time_is_given_up_and_hurts_nobody_else() {
    let script = Script { content_bytes_max: 0, ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![script]], |_| {});
    let long = super::mail_of(super::bench::envelope(&["a@x"]), &"x".repeat(4_000_000));
    let outcomes = bench.deliver(&long).await;
    assert!(text(&outcomes, 0).starts_with("451 4.4.2 MTA("), "{}", text(&outcomes, 0));
    assert_eq!(first(&bench).connections(), 4, "the first and losses_max more");
    assert_eq!(bench.metric("mailweir_egress_target_up"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_target_everything_is_tempfailed() {
    let bench = Bench::new(Protocol::Smtp, vec![], |_| {});
    assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [451]);
}

#[tokio::test(start_paused = true)]
async fn a_full_target_is_passed_over_for_one_with_room() {
    let silent = Script { dot: vec![Say::Silence], ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![silent], vec![Script::default()]], |settings| {
        settings.connections_per_target_max = 1;
    });
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let told = Told::default();
    let deliver = || bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET));
    let (stuck, passed) = tokio::join!(deliver(), deliver());
    assert_eq!((codes(&stuck), codes(&passed)), (vec![451], vec![250]));
}
