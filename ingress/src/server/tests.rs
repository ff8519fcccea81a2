//! The server on real sockets: who is let in, what a full or ending server says, and how it ends.

use std::time::Duration;

use proto::Endpoint;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::testing::{Client, Scripted};

use super::*;

/// A server that runs, and its two switches.
struct Running {
    address: (String, u16),
    drain: CancellationToken,
    force: CancellationToken,
    serving: JoinSet<()>,
}

impl Running {
    async fn start(server: Server<Scripted>) -> Self {
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let Endpoint::Tcp { host, port } = listener.local() else {
            panic!("not TCP");
        };
        let (drain, force) = (CancellationToken::new(), CancellationToken::new());
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(vec![listener], drain.clone(), force.clone()));
        Self { address: (host, port), drain, force, serving }
    }

    async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(&self.address).await.unwrap()).impatient()
    }

    async fn ended(&mut self) {
        let ended = timeout(Duration::from_secs(30), self.serving.join_next()).await;
        ended.expect("the server ends").unwrap().unwrap();
    }
}

fn server(settings: Settings, pipeline: Arc<Scripted>) -> Server<Scripted> {
    Server::new(settings, pipeline, Metrics::default())
}

async fn reply_to_mail(client: &mut Client<TcpStream>) -> String {
    client.send("MAIL FROM:<>\r\n").await;
    client.line().await.unwrap()
}

#[tokio::test]
async fn mails_come_by_unix_socket_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp");
    let listener = Listener::bind(&Endpoint::Unix(path.clone())).await.unwrap();
    let settings = Settings {
        // Nobody by TCP: a unix socket is guarded by its directory.
        access: Vec::new(),
        ..Settings::default()
    };
    let pipeline = Scripted::new(|mail, _, _| async move {
        let peer = mail.envelope.peer().unwrap();
        assert_eq!((peer.address.as_str(), peer.helo.as_str()), ("unix", "client.test"));
        crate::testing::accepted(&mail)
    });
    let mut serving = JoinSet::new();
    let drain = CancellationToken::new();
    let server = server(settings, pipeline);
    serving.spawn(server.serve(vec![listener], drain.clone(), CancellationToken::new()));
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap()).impatient();
    client.hello().await;
    client.envelope(1).await;
    client.send(".\r\nQUIT\r\n").await;
    assert_eq!(client.rest().await, ["250 2.0.0 taken", "221 2.0.0 Bye"]);
    drain.cancel();
    let ended = timeout(Duration::from_secs(30), serving.join_next()).await;
    ended.expect("the server ends").unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn who_is_not_on_the_access_list_is_told_so() {
    let settings = Settings { access: vec!["192.0.2.0/24".parse().unwrap()], ..Settings::default() };
    let metrics = Metrics::default();
    let server = Server::new(settings, Scripted::accepting(), metrics.clone());
    let running = Running::start(server).await;
    let mut client = running.connect().await;
    assert_eq!(client.rest().await, ["554 5.7.1 access denied"]);
    assert_eq!(metrics.access_refused.get(), 1);
    assert_eq!(metrics.sessions_opened.get(), 0);
}

#[tokio::test]
async fn a_full_server_greets_and_refuses_at_mail() {
    let settings = Settings { sessions_max: 1, ..Settings::default() };
    let running = Running::start(server(settings, Scripted::accepting())).await;
    let mut first = running.connect().await;
    first.hello().await;
    let mut second = running.connect().await;
    second.hello().await;
    assert_eq!(reply_to_mail(&mut second).await, "451 4.3.2 too many sessions, try again later");
    assert_eq!(reply_to_mail(&mut first).await, "250 2.1.0 Ok");
    first.send("QUIT\r\n").await;
    assert_eq!(first.rest().await, ["221 2.0.0 Bye"]);
    drop(first);
    // The place is free once the server has seen the first session go.
    let freed = async { while reply_to_mail(&mut second).await != "250 2.1.0 Ok" {} };
    let freed = timeout(Duration::from_secs(30), freed).await;
    freed.expect("the place is free");
}

#[tokio::test]
async fn a_gate_closes_and_opens_while_sessions_live() {
    let server = server(Settings::default(), Scripted::accepting());
    let gate = server.gate();
    let running = Running::start(server).await;
    let mut client = running.connect().await;
    client.hello().await;
    gate.close("queue not reachable");
    assert_eq!(reply_to_mail(&mut client).await, "451 4.3.2 queue not reachable");
    gate.open();
    assert_eq!(reply_to_mail(&mut client).await, "250 2.1.0 Ok");
}

#[tokio::test]
async fn f39_a_drain_listens_to_the_last_and_loses_nothing() {
    let (release, released) = tokio::sync::watch::channel(false);
    let (started, mut starts) = mpsc::channel(1);
    let pipeline = Scripted::new(move |mail, _, _| {
        let (mut released, started) = (released.clone(), started.clone());
        async move {
            started.send(()).await.unwrap();
            released.wait_for(|now| *now).await.unwrap();
            crate::testing::accepted(&mail)
        }
    });
    let mut running = Running::start(server(Settings::default(), pipeline)).await;
    let mut busy = running.connect().await;
    busy.hello().await;
    busy.envelope(2).await;
    busy.send(".\r\n").await;
    starts.recv().await.unwrap();
    running.drain.cancel();
    let mut late = running.connect().await;
    late.hello().await;
    assert_eq!(reply_to_mail(&mut late).await, "451 4.3.2 shutting down, try again later");
    late.send("QUIT\r\n").await;
    late.until("221").await;
    release.send(true).unwrap();
    assert_eq!(busy.rest().await, ["250 2.0.0 taken", "250 2.0.0 taken", "421 4.3.2 shutting down, closing"]);
    drop((busy, late));
    running.ended().await;
}

#[tokio::test]
async fn f40_force_answers_and_ends() {
    let (started, mut starts) = mpsc::channel(1);
    let mut running = Running::start(server(Settings::default(), Scripted::hanging(started))).await;
    let mut client = running.connect().await;
    client.hello().await;
    client.envelope(1).await;
    client.send(".\r\n").await;
    let mut dropped = starts.recv().await.unwrap();
    running.drain.cancel();
    running.force.cancel();
    assert_eq!(
        client.rest().await,
        ["451 4.3.2 shutting down, try again later", "421 4.3.2 shutting down, closing"]
    );
    assert_eq!(dropped.recv().await, None);
    drop(client);
    running.ended().await;
}

#[tokio::test]
async fn b16_connections_that_say_nothing_cost_nobody_anything() {
    let metrics = Metrics::default();
    let server = Server::new(Settings::default(), Scripted::accepting(), metrics.clone());
    let mut running = Running::start(server).await;
    for _ in 0..1_000 {
        drop(running.connect().await);
    }
    let mut client = running.connect().await;
    client.hello().await;
    client.envelope(1).await;
    client.send(".\r\nQUIT\r\n").await;
    assert_eq!(client.rest().await, ["250 2.0.0 taken", "221 2.0.0 Bye"]);
    drop(client);
    running.drain.cancel();
    running.ended().await;
    assert_eq!(metrics.sessions_opened.get(), 1_001);
    assert_eq!(metrics.sessions.get(), 0);
}
