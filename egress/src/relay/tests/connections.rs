//! Connections: used again when nothing gives reason for doubt, closed when something does, and never too many.

use std::time::Duration;

use futures_util::future::join_all;

use super::bench::{BUDGET, Bench, Told, codes, mail, pass, within};
use super::first;
use super::hop::{Say, Script};
use crate::{GrantAlways, Protocol};

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_for_the_next_mail() {
    for protocol in [Protocol::Smtp, Protocol::Lmtp] {
        let bench = Bench::new(protocol, vec![vec![Script::default()]], |_| {});
        for _ in 0..3 {
            assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [250]);
        }
        assert_eq!((first(&bench).connections(), first(&bench).seen().mails.len()), (1, 3));
        bench.relay.shutdown().await;
        assert!(first(&bench).commands(0).ends_with("\nQUIT"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_next_hop_closed_meanwhile_costs_nothing() {
    let scripts = vec![Script { one_mail: true, ..Script::default() }, Script::default()];
    let bench = Bench::new(Protocol::Smtp, vec![scripts], |settings| settings.losses_max = 0);
    for _ in 0..2 {
        assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [250]);
    }
    assert_eq!(first(&bench).connections(), 2);
    assert_eq!(bench.metric("mailweir_egress_target_failures_total"), 0);
    assert_eq!(bench.metric("mailweir_egress_connections_stale_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_that_is_closed_as_we_speak() {
    for say in [Say::Close, Say::ReplyAndClose("421 4.4.2 timeout exceeded")] {
        let closing = Script { second_mail: Some(say), ..Script::default() };
        let scripts = vec![closing, Script::default()];
        let bench = Bench::new(Protocol::Smtp, vec![scripts], |settings| {
            settings.losses_max = 0;
        });
        for _ in 0..2 {
            assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [250]);
        }
        assert_eq!(first(&bench).connections(), 2);
        assert_eq!(bench.metric("mailweir_egress_target_failures_total"), 0);
        assert_eq!(bench.metric("mailweir_egress_connections_stale_total"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_anything_doubtful_the_next_mail_gets_a_new_connection() {
    let doubtful = [
        (Say::Reply("451 4.3.0 x"), 451),
        (Say::Reply("421 4.3.0 x"), 451),
        (Say::Reply("250 ok\r\n250 more"), 250),
        (Say::ReplyAndClose("250 ok"), 250),
        (Say::Close, 451),
        (Say::Reply("354 what"), 451),
    ];
    for (say, code) in doubtful {
        let scripts = vec![Script { dot: vec![say.clone()], ..Script::default() }, Script::default()];
        let bench = Bench::new(Protocol::Smtp, vec![scripts], |_| {});
        assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [code], "{say:?}");
        assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [250], "{say:?}");
        assert_eq!(first(&bench).connections(), 2, "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_clear_refusal_the_connection_is_used_again() {
    let refusals = [
        Script { mail: Say::Reply("451 x"), ..Script::default() },
        Script {
            rcpt: [("a@x", Say::Reply("550 x"))].into(),
            data: Say::Reply("554 nobody"),
            ..Script::default()
        },
        Script {
            rcpt: [("a@x", Say::Reply("550 x"))].into(),
            hello: Say::Reply("250 hop"),
            ..Script::default()
        },
        Script { dot: vec![Say::Reply("554 x")], ..Script::default() },
    ];
    for mut script in refusals {
        if matches!(script.mail, Say::Reply("451 x")) {
            script.data = Say::Reply("503 x");
        }
        let bench = Bench::smtp(script);
        for _ in 0..2 {
            bench.deliver(&mail(&["a@x"])).await;
        }
        assert_eq!(first(&bench).connections(), 1, "{}", first(&bench).commands(0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_354_for_nobody_closes_the_connection_without_a_dot() {
    let bench = Bench::smtp(Script { rcpt: [("a@x", Say::Reply("550 x"))].into(), ..Script::default() });
    assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [550]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = first(&bench).seen();
    assert_eq!((seen.mails.len(), seen.cut_off, seen.open), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_in_time() {
    let bench = Bench::smtp(Script::default());
    bench.deliver(&mail(&["a@x"])).await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(first(&bench).seen().open, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(first(&bench).seen().open, 0);
    assert!(first(&bench).commands(0).ends_with("\nQUIT"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_after_so_many_mails() {
    let bench = Bench::new(Protocol::Smtp, vec![vec![Script::default()]], |settings| {
        settings.mails_per_connection_max = 2;
    });
    for (mails, connections) in [(1, 1), (2, 1), (3, 2)] {
        bench.deliver(&mail(&["a@x"])).await;
        assert_eq!((mails, first(&bench).connections()), (mails, connections));
    }
}

#[tokio::test(start_paused = true)]
async fn there_never_are_more_connections_than_the_limit() {
    let bench = Bench::new(Protocol::Smtp, vec![vec![Script::default()]], |_| {});
    let limit = crate::Settings::default().connections_per_target_max;
    assert_eq!(limit, 20);
    for (mails, connections) in [(limit, limit), (3 * limit, limit)] {
        let mail = mail(&["a@x"]);
        let verdict = pass(&mail);
        let told = Told::default();
        let deliveries =
            (0..mails).map(|_| bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET)));
        let outcomes = join_all(deliveries).await;
        assert!(outcomes.iter().all(|outcomes| codes(outcomes) == [250]));
        assert_eq!(first(&bench).seen().open_max, connections);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_gets_no_connection_is_answered_at_the_deadline() {
    let script = Script { dot: vec![Say::Silence], ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![script]], |settings| {
        settings.connections_per_target_max = 1;
    });
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let told = Told::default();
    let deliver = || bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET));
    let (first, second) = tokio::join!(deliver(), deliver());
    let texts = [super::text(&first, 0), super::text(&second, 0)];
    assert!(texts[0].starts_with("451 4.4.2 no answer"), "{texts:?}");
    assert!(texts[1].starts_with("451 4.3.2 all connections"), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_transfer_does_not_hold_up_the_others() {
    let slow = Script { dot: vec![Say::Silence], ..Script::default() };
    let bench = Bench::new(Protocol::Smtp, vec![vec![slow, Script::default()]], |_| {});
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let told = Told::default();
    let began = tokio::time::Instant::now();
    let deliver = || bench.relay.deliver(&mail, &verdict, &GrantAlways, &told, within(BUDGET));
    let quick = async {
        let outcomes = deliver().await;
        (outcomes, began.elapsed())
    };
    let (slow, (quick, took)) = tokio::join!(deliver(), quick);
    assert_eq!((codes(&slow), codes(&quick)), (vec![451], vec![250]));
    assert!(took < Duration::from_secs(1), "{took:?}");
}
