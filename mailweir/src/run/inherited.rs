//! Sockets that systemd opened for us (LISTEN_FDS): mails find an open port even while we are restarted.
//!
//! Where there are any they stand in place of `ingress.listen`, since whoever passes them has decided where to listen.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use anyhow::{Context as _, Result};
use ingress::Listener;
use listenfd::ListenFd;
use proto::Endpoint;

/// An open socket that is not ours to close.
#[derive(Debug)]
pub(crate) enum Inherited {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Takes all that were passed. To be called before there are threads, since the environment is changed.
///
/// # Errors
/// When one is neither a TCP nor a unix socket that listens.
pub(crate) fn take() -> io::Result<Vec<Inherited>> {
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::with_capacity(passed.len());
    for index in 0..passed.len() {
        if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
            sockets.push(Inherited::Tcp(listener));
        } else if let Some(listener) = passed.take_unix_listener(index)? {
            sockets.push(Inherited::Unix(listener));
        }
    }
    Ok(sockets)
}

/// Uses what was passed, else binds `endpoints`.
///
/// # Errors
/// Which could not be bound.
pub(super) async fn listeners(inherited: Vec<Inherited>, endpoints: &[Endpoint]) -> Result<Vec<Listener>> {
    if !inherited.is_empty() {
        let adopt = |socket| match socket {
            Inherited::Tcp(listener) => Listener::from_tcp(listener),
            Inherited::Unix(listener) => Listener::from_unix(listener),
        };
        let adopted: io::Result<Vec<_>> = inherited.into_iter().map(adopt).collect();
        return adopted.context("using the sockets that were passed");
    }
    let mut listeners = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let listener = Listener::bind(endpoint).await;
        listeners.push(listener.with_context(|| format!("listening on {endpoint}"))?);
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_passed_stands_in_place_of_what_is_configured() {
        let passed = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = passed.local_addr().unwrap().to_string();
        let taken = passed.try_clone().unwrap().local_addr().unwrap().to_string().parse().unwrap();
        let listeners = listeners(vec![Inherited::Tcp(passed)], &[taken]).await.unwrap();
        assert_eq!(listeners.iter().map(|l| l.local().to_string()).collect::<Vec<_>>(), [address]);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint: Endpoint = taken.local_addr().unwrap().to_string().parse().unwrap();
        let error = listeners(Vec::new(), std::slice::from_ref(&endpoint)).await.err().unwrap();
        assert!(format!("{error:#}").contains(&endpoint.to_string()), "{error:#}");
    }
}
