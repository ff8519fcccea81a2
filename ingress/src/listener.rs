//! A bound socket, TCP or unix, that mail comes in by.
//!
//! Bound before anything else happens, so that a port that is taken fails early; or handed over already bound, so that
//! a restart leaves no moment in which connections are refused.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use proto::Endpoint;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};

/// Like a loopback port, open for whoever reaches it: the directory is what guards a unix socket.
const SOCKET_MODE: u32 = 0o666;

/// Why a socket could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// The host name has no address.
    #[error("cannot resolve `{endpoint}`")]
    Resolve {
        /// What was to be bound.
        endpoint: Endpoint,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process listens there.
    #[error("`{0}` is in use by another process")]
    InUse(Endpoint),
    /// Everything else the system refuses.
    #[error("cannot listen on `{endpoint}`")]
    Listen {
        /// What was to be bound.
        endpoint: Endpoint,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    local: Endpoint,
    /// The socket file that is ours to remove.
    file: Option<PathBuf>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection that was accepted.
pub(crate) enum Accepted {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Binds `endpoint`; port 0 takes a free one, which [`Self::local`] tells.
    ///
    /// The file of a unix socket on which nobody listens any more is replaced.
    ///
    /// # Errors
    /// When the name has no address, or the system refuses.
    pub async fn bind(endpoint: &Endpoint) -> Result<Self, BindError> {
        match endpoint {
            Endpoint::Tcp { host, port } => bind_tcp(endpoint, host, *port).await,
            Endpoint::Unix(path) => bind_unix(endpoint, path).await,
        }
    }

    /// Takes a TCP socket that listens already, as socket activation hands it over.
    ///
    /// # Errors
    /// When the system does not say its address or cannot make it non-blocking.
    pub fn from_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::tcp(TcpListener::from_std(listener)?)
    }

    /// Takes a unix socket that listens already. Its file stays when the listener goes.
    ///
    /// # Errors
    /// When the system does not say its address or cannot make it non-blocking.
    pub fn from_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned);
        Ok(Self {
            socket: Socket::Unix(UnixListener::from_std(listener)?),
            local: Endpoint::Unix(path.unwrap_or_default()),
            file: None,
        })
    }

    /// Where it listens.
    pub fn local(&self) -> Endpoint {
        self.local.clone()
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self {
            socket: Socket::Tcp(listener),
            local: Endpoint::Tcp { host: address.ip().to_string(), port: address.port() },
            file: None,
        })
    }

    /// The next connection. Nothing is lost when the wait is given up.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                Ok(Accepted::Tcp(stream, peer.ip().to_canonical()))
            }
            Socket::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

/// Removes the file before the socket closes: whoever is waiting to take its place sees it only afterwards.
impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(file) = self.file.take()
            && let Err(error) = std::fs::remove_file(&file)
        {
            tracing::debug!(%error, file = %file.display(), "socket file not removed");
        }
    }
}

async fn bind_tcp(endpoint: &Endpoint, host: &str, port: u16) -> Result<Listener, BindError> {
    let resolve = |source| BindError::Resolve { endpoint: endpoint.clone(), source };
    let listen = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(endpoint.clone()),
        _ => BindError::Listen { endpoint: endpoint.clone(), source },
    };
    let addresses: Vec<_> = lookup_host((host, port)).await.map_err(resolve)?.collect();
    let socket = TcpListener::bind(&*addresses).await.map_err(listen)?;
    Listener::tcp(socket).map_err(listen)
}

async fn bind_unix(endpoint: &Endpoint, path: &Path) -> Result<Listener, BindError> {
    let listen = |source| BindError::Listen { endpoint: endpoint.clone(), source };
    let socket = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(endpoint, path).await?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
    .map_err(listen)?;
    let listener =
        Listener { socket: Socket::Unix(socket), local: endpoint.clone(), file: Some(path.to_owned()) };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(listen)?;
    Ok(listener)
}

/// Removes a socket file that nobody listens on. A file of any other kind is somebody's and stays.
async fn remove_stale(endpoint: &Endpoint, path: &Path) -> Result<(), BindError> {
    let in_use = || BindError::InUse(endpoint.clone());
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Err(in_use());
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(_) | Err(_) => return Err(in_use()),
    }
    std::fs::remove_file(path).map_err(|source| BindError::Listen { endpoint: endpoint.clone(), source })
}

#[cfg(test)]
mod tests;
