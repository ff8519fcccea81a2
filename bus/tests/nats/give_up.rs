//! A mail without an IDENT at its deadline: either nobody delivers it any more, or its outcome is waited for.

use std::sync::Arc;
use std::time::Duration;

use bus::{Claimed, Client};
use proto::ledger::State;
use proto::{NoEarly, Outcomes, Position};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, after, codes, line_of, line_until, mail, ok, relay_fenced, scan_clean, text, with_ledger,
};

#[tokio::test]
async fn nobody_delivers_it_behind_the_deadline() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let (refused, mut refusals) = mpsc::channel(1);
    let _egress = process.relay(move |job| {
        let (held, refused) = (held.clone(), refused.clone());
        async move {
            held.acquire().await.unwrap().forget();
            refused.send(job.claims.claim(&[Position::new(0)]).await).await.unwrap();
            Outcomes::unknown(&job.mail.envelope)
        }
    });
    let mail = mail();
    let told = timeout(PATIENCE, client.ask(mail.clone(), after(3), Arc::new(NoEarly))).await.unwrap();
    assert_eq!(text(&told), "451 4.4.7 no outcome in time, try again later");
    let line = line_of(&server, &mail).await;
    assert!(matches!(line[..], [ref record] if record.state == State::Abort), "{line:?}");
    assert_eq!(process.metric("mailweir_bus_ledger_aborts_total"), 1.0);
    gate.add_permits(1);
    let Claimed::Refused(reply) = timeout(PATIENCE, refusals.recv()).await.unwrap().unwrap() else {
        panic!("a second copy");
    };
    assert_eq!(reply.code(), 451);
}

#[tokio::test]
async fn an_egress_at_the_dot_is_waited_for() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let _egress = process.relay(move |job| {
        let held = held.clone();
        async move {
            relay_fenced(job, async || {
                held.acquire().await.unwrap().forget();
                ok()
            })
            .await
        }
    });
    let mail = mail();
    let deadline = after(3);
    let asked = timeout(PATIENCE, client.ask(mail.clone(), deadline, Arc::new(NoEarly)));
    tokio::pin!(asked);
    let behind_the_deadline = async {
        line_until(&server, &mail, |line| !line.is_empty()).await;
        tokio::time::sleep_until(deadline.at().into()).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    tokio::select! {
        told = &mut asked => panic!("nobody could answer: {told:?}"),
        () = behind_the_deadline => {}
    }
    gate.add_permits(1);
    assert_eq!(codes(&asked.await.unwrap()), [250]);
    assert_eq!(line_of(&server, &mail).await.len(), 1);
}

#[tokio::test]
async fn a_client_that_is_gone_gives_its_mail_up() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (started, mut starts) = mpsc::channel(1);
    let _worker = process.scan(move |_| {
        let started = started.clone();
        async move {
            started.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let mail = mail();
    let asked = client.ask(mail.clone(), after(25), Arc::new(NoEarly));
    tokio::select! {
        _ = asked => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    let line = line_until(&server, &mail, |line| !line.is_empty()).await;
    assert_eq!(line[0].state, State::Abort);
}

#[tokio::test]
async fn a_mail_that_never_reached_the_queue_is_not_written_down() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let mail = mail();
    // Polled once: nothing was sent yet.
    tokio::select! {
        biased;
        _ = client.ask(mail.clone(), after(25), Arc::new(NoEarly)) => panic!("nobody could answer"),
        () = std::future::ready(()) => {}
    }
    process.bus.shutdown().await;
    assert_eq!(line_of(&server, &mail).await, []);
}
