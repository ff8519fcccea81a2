//! Streams and consumers that are missing, different or taken away.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::stream::Config;
use bus::{Client, Reachability, Settings, TopologyDiff};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::server::Server;
use crate::world::{Process, ask, clean_streams, codes, jetstream, mail, relay_ok, scan_clean, settings};

fn mismatch(state: &Reachability) -> bool {
    matches!(state, Reachability::TopologyMismatch { .. })
}

#[tokio::test]
async fn a_difference_is_told_and_nothing_is_touched_until_it_is_applied() {
    let server = Server::start().await;
    let js = jetstream(&server).await;
    let other = Config {
        name: "MAIL".into(),
        subjects: vec!["mail.job.>".into()],
        max_messages: 7,
        ..Config::default()
    };
    js.create_stream(other).await.unwrap();
    let process = Process::start(settings(&server)).await;
    let told = process.until(mismatch).await.to_string();
    assert!(told.contains("stream MAIL: max_msgs is 7, wanted 5000"), "{told}");
    assert!(told.contains("stream MAIL: discard is Old, wanted New"), "{told}");
    assert!(told.contains("stream BODY does not exist"), "{told}");
    let found = js.get_stream("MAIL").await.unwrap();
    assert_eq!(found.cached_info().config.max_messages, 7);
    assert!(js.get_stream("BODY").await.is_err());

    let fixed = process.bus.apply_topology().await.unwrap();
    assert!(fixed.len() > 5, "{fixed:?}");
    assert_eq!(process.bus.topology().await.unwrap(), []);
    process.until(Reachability::is_reachable).await;
}

#[tokio::test]
async fn without_leave_to_create_roles_wait_for_the_streams() {
    let server = Server::start().await;
    let told_off = Settings { create_streams: false, ..settings(&server) };
    let process = Process::start(told_off).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    let Reachability::TopologyMismatch { difference } = process.until(mismatch).await else { unreachable!() };
    assert_eq!(difference.len(), 7);
    assert!(difference.contains(&TopologyDiff::Missing { object: "consumer VERDICT/relay".into() }));
    let asked = ask(&client, mail());
    let (outcomes, applied) = tokio::join!(asked, process.bus.apply_topology());
    applied.unwrap();
    assert_eq!(codes(&outcomes), [250]);
}

#[tokio::test]
async fn a_consumer_deleted_by_hand_is_made_again_only_with_leave() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let told_off = Settings { create_streams: false, ..settings(&server) };
    let client = Client::new(&process.bus);
    let observer = Process::reachable(told_off).await;
    let js = jetstream(&server).await;
    // Nobody pulls, so only asking tells.
    js.delete_consumer_from_stream("scan-s", "MAIL").await.unwrap();
    let missing = TopologyDiff::Missing { object: "consumer MAIL/scan-s".into() };
    assert_eq!(observer.bus.topology().await.unwrap(), std::slice::from_ref(&missing));
    let _refused = observer.scan(scan_clean);
    let told = observer.until(mismatch).await;
    assert_eq!(told, Reachability::TopologyMismatch { difference: vec![missing] });
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    observer.until(Reachability::is_reachable).await;
    clean_streams(&server).await;
}

#[tokio::test]
async fn deleted_streams_are_made_again_and_the_flow_goes_on() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    let js = jetstream(&server).await;
    for stream in ["MAIL", "VERDICT", "BODY"] {
        js.delete_stream(stream).await.unwrap();
    }
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    clean_streams(&server).await;
}

/// The server may still be deleting it. That it is missing is told meanwhile, so that nobody asks for its messages.
#[tokio::test]
async fn a_stream_that_vanished_is_told_at_once_and_made_again_a_little_later() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let _worker = process.scan(scan_clean);
    let deleted = Instant::now();
    jetstream(&server).await.delete_stream("MAIL").await.unwrap();
    let told = process.until(mismatch).await.to_string();
    assert!(told.contains("stream MAIL does not exist"), "{told}");
    process.until(Reachability::is_reachable).await;
    assert!(deleted.elapsed() >= Duration::from_secs(1), "made after {:?}", deleted.elapsed());
}

#[tokio::test]
async fn a_consumer_ahead_of_a_stream_that_lost_its_count_is_made_anew() {
    let mut server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    for _ in 0..5 {
        assert_eq!(codes(&ask(&client, mail()).await), [250]);
    }
    clean_streams(&server).await;
    server.stop().await;
    for file in std::fs::read_dir(server.store().join("jetstream/$G/streams/VERDICT/msgs")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    server.run().await;
    // The consumer waits for a sixth message, and the stream begins with a first. 2.15.1 mends that itself.
    for _ in 0..3 {
        assert_eq!(codes(&ask(&client, mail()).await), [250]);
    }
}

#[tokio::test]
async fn two_prefixes_share_a_server() {
    let server = Server::start().await;
    let one = Process::reachable(settings(&server)).await;
    let other = Settings { prefix: "other".into(), ..settings(&server) };
    let other = Process::reachable(other).await;
    let _nobodys = one.scan(|_| async { panic!("the other's mail") });
    let _worker = other.scan(scan_clean);
    let _egress = other.relay(relay_ok);
    let client = Client::new(&other.bus);
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
}

#[tokio::test]
async fn a_login_is_needed_and_given() {
    let server = Server::start_with(&["--user", "weir", "--pass", "geheim"]).await;
    let without = Process::start(settings(&server)).await;
    let refused = |state: &Reachability| matches!(state, Reachability::Unreachable { why } if why.to_lowercase().contains("authorization"));
    without.until(refused).await;
    let login = Settings { user: Some("weir".into()), password: Some("geheim".into()), ..settings(&server) };
    Process::reachable(login).await;
}

#[tokio::test]
async fn tls_is_checked_against_the_given_root() {
    let certificates = TempDir::new().unwrap();
    let (ca, cert, key) = make_certificates(certificates.path());
    let server = Server::start_with(&["--tls", "--tlscert", &cert, "--tlskey", &key]).await;
    let trusted = Settings { tls_ca: Some(ca.into()), tls_required: true, ..settings(&server) };
    let process = Process::reachable(trusted).await;
    assert_eq!(process.bus.topology().await.unwrap(), []);
    let stranger = Process::start(settings(&server)).await;
    let refused = |state: &Reachability| matches!(state, Reachability::Unreachable { why } if why != "not connected yet");
    stranger.until(refused).await;
}

/// A root, and a certificate for 127.0.0.1 that it signed.
fn make_certificates(directory: &Path) -> (String, String, String) {
    let script = r#"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=root -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=nats -keyout key.pem -out request.pem
        printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > extensions
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem
    "#;
    let made = Command::new("sh").args(["-ec", script]).current_dir(directory).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "making certificates, needs openssl: {said}");
    let path = |name: &str| directory.join(name).display().to_string();
    (path("ca.pem"), path("cert.pem"), path("key.pem"))
}
