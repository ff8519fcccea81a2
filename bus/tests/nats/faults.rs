//! Servers and workers that die.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::{Client, Reachability, Settings, Slots, Work};
use proto::NoEarly;
use tokio::sync::{Barrier, Semaphore, mpsc};
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, after, ask, clean, clean_streams, codes, failed, holds, jetstream, mail, relay_category,
    relay_ok, scan_clean, settings, text,
};

#[tokio::test]
async fn a_server_that_comes_later_is_waited_for() {
    let mut server = Server::start().await;
    server.kill().await;
    let process = Process::start(settings(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    process.until(|state| matches!(state, Reachability::Unreachable { .. })).await;
    let refused = timeout(PATIENCE, client.ask(mail(), after(1), Arc::new(NoEarly))).await.unwrap();
    assert_eq!(codes(&refused), [451]);
    let asked = ask(&client, mail());
    let (outcomes, ()) = tokio::join!(asked, server.run());
    assert_eq!(codes(&outcomes), [250]);
    assert!(process.until(Reachability::is_reachable).await.is_reachable());
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_server_killed_in_mid_flight_costs_a_delay_or_a_451() {
    let mut server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = mpsc::channel(16);
    let held = gate.clone();
    let _worker = process.scan(move |work| {
        let (held, started) = (held.clone(), started.clone());
        async move {
            started.send(()).await.unwrap();
            held.acquire().await.unwrap().forget();
            scan_clean(work).await
        }
    });
    let _egress = process.relay(relay_ok);
    let asked = ask(&client, mail());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    server.kill().await;
    process.until(|state| matches!(state, Reachability::Unreachable { .. })).await;
    gate.add_permits(1_000);
    server.run().await;
    let outcomes = asked.await;
    assert!([250, 451].contains(&codes(&outcomes)[0]), "{outcomes:?}");
    for _ in 0..10 {
        assert_eq!(codes(&ask(&client, mail()).await), [250]);
    }
    clean_streams(&server).await;
}

#[tokio::test]
async fn all_workers_of_a_durable_pull_again_after_a_restart() {
    let mut server = Server::start().await;
    // Requests stand long, so that only seeing the reconnect makes a worker ask again in time.
    let patient = Settings { pull_expires: Duration::from_secs(20), ..settings(&server) };
    let ingress = Process::reachable(patient.clone()).await;
    let client = Client::new(&ingress.bus);
    let together = Arc::new(Barrier::new(4));
    let mut workers = Vec::new();
    let one = Slots { small: 1, medium: 0, large: 0 };
    for _ in 0..4 {
        let process = Process::reachable(patient.clone()).await;
        let together = together.clone();
        let role = process.scan_with(one, move |work| {
            let together = together.clone();
            async move {
                together.wait().await;
                scan_clean(work).await
            }
        });
        workers.push((process, role));
    }
    let _egress = ingress.relay(relay_ok);
    // No mail is judged before all four workers hold one.
    for restarts in 0..3 {
        let four = async {
            tokio::join!(
                ask(&client, mail()),
                ask(&client, mail()),
                ask(&client, mail()),
                ask(&client, mail())
            )
        };
        let (a, b, c, d) =
            timeout(Duration::from_secs(10), Box::pin(four)).await.expect("a worker stands still");
        for outcomes in [a, b, c, d] {
            assert_eq!(codes(&outcomes), [250], "after {restarts} restarts");
        }
        clean_streams(&server).await;
        server.restart().await;
    }
}

#[tokio::test]
async fn a_killed_worker_costs_its_mail_ack_wait() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let (started, mut starts) = mpsc::channel(4);
    let doomed = process.scan(move |_| {
        let started = started.clone();
        async move {
            started.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let _egress = process.relay(relay_ok);
    let asked = ask(&client, mail());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    doomed.kill().await;
    let heir = Process::reachable(settings(&server)).await;
    let deliveries = Arc::new(AtomicU64::new(0));
    let noted = deliveries.clone();
    let _worker = heir.scan(move |work| {
        let noted = noted.clone();
        async move {
            let Work::Scan(job) = work else { panic!("poisoned after one death") };
            noted.store(job.deliveries, Ordering::Release);
            clean(&job.mail.envelope)
        }
    });
    assert_eq!(codes(&asked.await), [250]);
    assert_eq!(deliveries.load(Ordering::Acquire), 2);
    clean_streams(&server).await;
}

#[tokio::test]
async fn progress_keeps_a_mail_beyond_ack_wait() {
    let server = Server::start().await;
    let quick = Settings { ack_wait: Duration::from_millis(600), ..settings(&server) };
    let process = Process::reachable(quick).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(|work| async move {
        // The thing under test is the passing of time at the server.
        tokio::time::sleep(Duration::from_secs(2)).await;
        scan_clean(work).await
    });
    let _egress = process.relay(relay_ok);
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    assert_eq!(process.metric("mailweir_bus_redelivered_total"), 0.0);
    assert_eq!(process.metric("mailweir_bus_muted_total"), 0.0);
}

#[tokio::test]
async fn a_worker_that_cannot_be_heard_gives_its_mail_up() {
    let mut server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let (dropped, mut drops) = mpsc::channel(4);
    let (started, mut starts) = mpsc::channel(4);
    struct Tell(mpsc::Sender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.try_send(()).unwrap();
        }
    }
    let _worker = process.scan(move |_| {
        let (tell, started) = (Tell(dropped.clone()), started.clone());
        async move {
            let _tell = tell;
            started.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let asked = ask(&client, mail());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    server.kill().await;
    assert_eq!(timeout(PATIENCE, drops.recv()).await.unwrap(), Some(()));
    assert_eq!(process.metric("mailweir_bus_muted_total"), 1.0);
}

#[tokio::test]
async fn a_mail_that_kills_its_workers_is_judged_unlooked_at_the_fourth_time() {
    let server = Server::start().await;
    let quick = Settings { ack_wait: Duration::from_millis(300), ..settings(&server) };
    let process = Process::reachable(quick).await;
    let client = Client::new(&process.bus);
    let tries = Arc::new(AtomicU64::new(0));
    let tried = tries.clone();
    let _worker = process.scan(move |work| {
        let tried = tried.clone();
        async move {
            match work {
                Work::Scan(_) => {
                    tried.fetch_add(1, Ordering::AcqRel);
                    panic!("the scanner dies");
                }
                Work::Poisoned(job) => {
                    assert_eq!(job.deliveries, 4);
                    failed(&job.envelope)
                }
            }
        }
    });
    let _egress = process.relay(relay_category);
    assert_eq!(text(&ask(&client, mail()).await), "250 2.0.0 unchecked-failed");
    assert_eq!(tries.load(Ordering::Acquire), 3);
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 1.0);
    clean_streams(&server).await;
}

#[tokio::test]
async fn an_egress_that_dies_before_the_end_is_followed_by_another() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let (started, mut starts) = mpsc::channel(4);
    let _worker = process.scan(scan_clean);
    let doomed = process.relay(move |_| {
        let started = started.clone();
        async move {
            started.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let asked = ask(&client, mail());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    doomed.kill().await;
    let _egress = process.relay(|job| async move {
        assert_eq!(job.deliveries, 2);
        assert!(job.hold.is_held());
        relay_ok(job).await
    });
    assert_eq!(codes(&asked.await), [250]);
    clean_streams(&server).await;
}

#[tokio::test]
async fn what_nobody_removes_the_janitor_does() {
    let server = Server::start().await;
    let quick = Settings {
        janitor_interval: Duration::from_millis(100),
        janitor_age: Duration::from_millis(500),
        ..settings(&server)
    };
    let process = Process::reachable(quick).await;
    let client = Client::new(&process.bus);
    let (first, second) = (ask(&client, mail()), ask(&client, mail()));
    tokio::pin!(first, second);
    tokio::select! {
        _ = &mut first => panic!("nobody could answer"),
        _ = &mut second => panic!("nobody could answer"),
        () = holds(&server, "MAIL", 2) => {}
    }
    let _egress = process.relay(relay_ok);
    holds(&server, "MAIL", 0).await;
    let counted = async {
        while process.metric("mailweir_bus_janitor_removed_total") < 2.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, counted).await.unwrap();
}

#[tokio::test]
async fn the_janitor_leaves_the_workers_at_work() {
    let server = Server::start().await;
    let settings = Settings {
        janitor_interval: Duration::from_millis(100),
        janitor_age: Duration::from_millis(500),
        ..settings(&server)
    };
    let process = Process::reachable(settings).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    let js = jetstream(&server).await;
    for round in 1..=3 {
        // None of ours: parked where it lies, with mails that come and go behind it.
        js.publish("mail.job.s.alien", "garbage".into()).await.unwrap().await.unwrap();
        while process.metric("mailweir_bus_janitor_removed_total") < f64::from(round) {
            assert_eq!(codes(&ask(&client, mail()).await), [250]);
        }
        assert_eq!(codes(&ask(&client, mail()).await), [250]);
    }
    clean_streams(&server).await;
}
