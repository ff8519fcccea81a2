//! A connection to a scanner, TCP or unix, for the clients.

use std::io::{self, IoSlice};
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use proto::Endpoint;

use super::client::{Failure, Target};

/// Either kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// Connects to the unix socket of `target` within its limit.
pub(crate) async fn connect_unix(target: Target<'_>, path: &Path) -> Result<UnixStream, Failure> {
    within(target, UnixStream::connect(path)).await
}

/// Connects to `target` within its limit.
pub(crate) async fn connect(target: Target<'_>) -> Result<Box<dyn Socket>, Failure> {
    #[cfg(fuzzing)]
    if let Some(canned) = crate::fuzzing::connect() {
        return canned;
    }
    let connect = async {
        Ok::<Box<dyn Socket>, io::Error>(match target.endpoint {
            Endpoint::Tcp { host, port } => {
                let socket = TcpStream::connect((host.as_str(), *port)).await?;
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
            Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    };
    within(target, connect).await
}

async fn within<T>(target: Target<'_>, connect: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
    timeout(target.connect_timeout, connect)
        .await
        .map_err(|_| Failure::ConnectTimeout)?
        .map_err(Failure::Connect)
}

/// Writes all of `slices`.
pub(crate) async fn write_all(
    writer: &mut (impl AsyncWrite + Unpin),
    mut slices: &mut [IoSlice<'_>],
) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let written = writer.write_vectored(slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut slices, written);
    }
    writer.flush().await
}
