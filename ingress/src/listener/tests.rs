//! Real sockets: who may take whose place.

use std::os::unix::net::UnixListener as StdUnixListener;

use super::*;

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

#[tokio::test]
async fn port_0_tells_the_port_it_got() {
    let listener = Listener::bind(&endpoint("127.0.0.1:0")).await.unwrap();
    let Endpoint::Tcp { host, port } = listener.local() else {
        panic!("not TCP: {}", listener.local());
    };
    assert_eq!(host, "127.0.0.1");
    let client = TcpStream::connect((host.as_str(), port)).await.unwrap();
    let Accepted::Tcp(stream, peer) = listener.accept().await.unwrap() else {
        panic!("not TCP");
    };
    assert_eq!(peer, client.local_addr().unwrap().ip());
    assert!(stream.nodelay().unwrap());
}

#[tokio::test]
async fn what_cannot_be_bound_says_why() {
    let first = Listener::bind(&endpoint("127.0.0.1:0")).await.unwrap();
    let taken = Listener::bind(&first.local()).await.unwrap_err();
    assert_eq!(taken.to_string(), format!("`{}` is in use by another process", first.local()));
    let nowhere = Listener::bind(&endpoint("unix:/nowhere/at/all")).await.unwrap_err();
    assert_eq!(nowhere.to_string(), "cannot listen on `unix:/nowhere/at/all`");
}

#[tokio::test]
async fn a_stale_socket_file_is_replaced_and_removed_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp");
    drop(StdUnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a socket file outlives its socket");
    let at = Endpoint::Unix(path.clone());
    let listener = Listener::bind(&at).await.unwrap();
    assert_eq!(listener.local(), at);
    UnixStream::connect(&path).await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, SOCKET_MODE);
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_in_use_and_a_file_that_is_none_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp");
    let alive = StdUnixListener::bind(&path).unwrap();
    let at = Endpoint::Unix(path.clone());
    assert!(matches!(Listener::bind(&at).await, Err(BindError::InUse(_))));
    assert!(path.exists());
    drop(alive);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Listener::bind(&at).await, Err(BindError::InUse(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn sockets_that_are_handed_over_are_served_and_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp");
    let listener = Listener::from_unix(StdUnixListener::bind(&path).unwrap()).unwrap();
    assert_eq!(listener.local(), Endpoint::Unix(path.clone()));
    let _client = UnixStream::connect(&path).await.unwrap();
    assert!(matches!(listener.accept().await, Ok(Accepted::Unix(_))));
    drop(listener);
    assert!(path.exists(), "whoever bound it owns the file");

    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener::from_tcp(socket).unwrap();
    assert_eq!(listener.local().to_string(), address.to_string());
    let _client = TcpStream::connect(address).await.unwrap();
    assert!(matches!(listener.accept().await, Ok(Accepted::Tcp(..))));
}
