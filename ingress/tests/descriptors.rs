//! Row F47 of the fault matrix: when file descriptors run out, the server waits for some to come back. A process of its
//! own, since the limit is the process's.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use ingress::{Listener, Metrics, Pipeline, Server, Settings};

const DESCRIPTORS_MAX: u64 = 64;

struct Nobody;

impl Pipeline for Nobody {
    async fn submit(
        &self,
        mail: proto::Mail,
        _: proto::Deadline,
        _: Arc<dyn proto::Early>,
    ) -> proto::Outcomes {
        proto::Outcomes::unknown(&mail.envelope)
    }
}

fn accept_errors(registry: &Registry) -> u64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("mailweir_ingress_accept_errors_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn f47_accepting_goes_on_once_there_are_descriptors_again() {
    let limit = Rlimit { current: Some(DESCRIPTORS_MAX), maximum: Some(DESCRIPTORS_MAX) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut registry = Registry::default();
    let server = Server::new(Settings::default(), Arc::new(Nobody), Metrics::register(&mut registry));
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local().to_string();
    let mut serving = tokio::task::JoinSet::new();
    let drain = CancellationToken::new();
    serving.spawn(server.serve(vec![listener], drain.clone(), CancellationToken::new()));

    // Clients and server share the limit: in the end there is one connection that cannot be accepted.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(&address).await {
        clients.push(client);
    }
    let refused = async {
        while accept_errors(&registry) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), refused).await.expect("accepting failed");
    drop(clients);

    let greeted = async {
        loop {
            // Our own descriptors come back one by one.
            if let Ok(mut client) = TcpStream::connect(&address).await {
                let mut greeting = [0; 4];
                client.read_exact(&mut greeting).await.unwrap();
                return greeting;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let greeting = timeout(Duration::from_secs(30), greeted).await.expect("accepting goes on");
    assert_eq!(&greeting, b"220 ");
    drain.cancel();
    serving.join_next().await.unwrap().unwrap();
}
