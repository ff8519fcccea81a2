//! What the admin port answers, over a real socket.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{AdminServer, Readiness, State};
use crate::config::Config;

struct Admin {
    address: String,
    readiness: Readiness,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

async fn start() -> Admin {
    let settings = Config::of_flags(&[("admin.request_timeout", "1 s")]).unwrap().sections.admin;
    let mut registry = Registry::default();
    registry.register("mailweir_test_things", "Things", Counter::<u64>::default());
    let readiness = Readiness::new();
    let endpoint = "127.0.0.1:0".parse().unwrap();
    let server = AdminServer::bind(&endpoint, settings, Arc::new(registry), readiness.clone()).await.unwrap();
    let (address, stop, mut tasks) = (server.local().unwrap(), CancellationToken::new(), JoinSet::new());
    tasks.spawn(server.serve(stop.clone()));
    Admin { address, readiness, stop, tasks }
}

impl Admin {
    async fn asked(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn readiness_follows_the_state_and_draining_is_for_good() {
    let admin = start().await;
    assert!(admin.asked("GET /readyz").await.starts_with("HTTP/1.1 503"));
    for (state, status) in [
        (State::Ready, "HTTP/1.1 200"),
        (State::Unreachable, "HTTP/1.1 503"),
        (State::Ready, "HTTP/1.1 200"),
        (State::Draining, "HTTP/1.1 503"),
        (State::Ready, "HTTP/1.1 503"),
    ] {
        admin.readiness.set(state);
        assert!(admin.asked("GET /readyz").await.starts_with(status), "{state}");
        assert!(admin.asked("GET /livez").await.starts_with("HTTP/1.1 200"), "{state}");
    }
}

#[tokio::test]
async fn metrics_are_served_as_open_metrics() {
    let answer = start().await.asked("GET /metrics").await;
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    assert!(answer.contains("mailweir_test_things_total 0"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn nothing_else_is_there() {
    let admin = start().await;
    assert!(admin.asked("GET /").await.starts_with("HTTP/1.1 404"));
    assert!(admin.asked("POST /livez").await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn it_ends_although_a_client_says_nothing() {
    let mut admin = start().await;
    let _silent = TcpStream::connect(&admin.address).await.unwrap();
    admin.stop.cancel();
    admin.tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_come_is_given_up() {
    let admin = start().await;
    let mut stream = TcpStream::connect(&admin.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}
