//! A connection to an endpoint as it is written in flags: `HOST:PORT` or `unix:PATH`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Both directions of a TCP or unix connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects once; a refused connection is an error.
pub async fn connect(endpoint: &str) -> io::Result<Box<dyn Io>> {
    if let Some(path) = endpoint.strip_prefix("unix:") {
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let stream = TcpStream::connect(endpoint).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Sends `request`, and reads all that is answered until the other end closes.
pub async fn ask(endpoint: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut io = connect(endpoint).await?;
    io.write_all(request).await?;
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await?;
    Ok(answer)
}
