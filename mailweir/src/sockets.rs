//! A bound TCP port or unix socket, for the servers of our own beside the filter: the admin port, the sink.

use std::io;
use std::path::Path;

use proto::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// A connection of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// Binds `endpoint`; a unix socket in place of one that nobody listens on any more.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub(crate) async fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp { host, port } => TcpListener::bind((host.as_str(), *port)).await.map(Self::Tcp),
            Endpoint::Unix(path) => bind_unix(path).map(Self::Unix),
        }
    }

    /// Where it listens: `HOST:PORT` or `unix:PATH`.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub(crate) fn local(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|address| address.to_string()),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().map(|path| path.display().to_string());
                Ok(format!("unix:{}", path.unwrap_or_default()))
            }
        }
    }

    /// The next connection, and who is at its other end (`unix` for a unix socket).
    ///
    /// # Errors
    /// When there is none to be had now.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Stream>, String)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), peer.ip().to_string()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), "unix".to_owned()))
            }
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_nobody_listens_on_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::Unix(directory.path().join("s"));
        let first = Bound::bind(&endpoint).await.unwrap();
        assert_eq!(first.local().unwrap(), endpoint.to_string());
        assert_eq!(Bound::bind(&endpoint).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(Bound::bind(&endpoint).await.is_ok());
    }

    #[tokio::test]
    async fn the_port_that_the_kernel_picked_is_told() {
        let bound = Bound::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let local = bound.local().unwrap();
        assert!(!local.ends_with(":0"), "{local}");
    }
}
