//! Just enough of the NATS protocol to ask a server about a stream. By hand, since the harness must not share a client
//! library with what it tests.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wait::DEADLINE;

/// Where the answer is sent; the connection is ours alone.
const INBOX: &str = "_INBOX.harness";
/// Larger answers are none of these.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// How many messages a stream holds.
///
/// # Errors
/// When the server cannot be reached, or does not know the stream.
pub async fn stream_messages(address: &str, stream: &str) -> io::Result<u64> {
    let answer = ask(address, &format!("$JS.API.STREAM.INFO.{stream}")).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    let messages = answer["state"]["messages"].as_u64();
    messages.ok_or_else(|| io::Error::other(format!("no stream {stream}: {}", answer["error"])))
}

/// The payload that answers an empty request.
async fn ask(address: &str, subject: &str) -> io::Result<Vec<u8>> {
    let asked = async {
        let mut io = BufReader::new(TcpStream::connect(address).await?);
        let request = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {INBOX} 1\r\nPUB {subject} {INBOX} 0\r\n\r\n"
        );
        io.write_all(request.as_bytes()).await?;
        loop {
            let mut line = String::new();
            if io.read_line(&mut line).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if line.starts_with("PING") {
                io.write_all(b"PONG\r\n").await?;
            } else if line.starts_with("-ERR") {
                return Err(io::Error::other(line));
            } else if line.starts_with("MSG ") {
                let size = line.split_whitespace().last().and_then(|size| size.parse().ok());
                let size = size.filter(|size| *size <= ANSWER_BYTES_MAX).ok_or(ErrorKind::InvalidData)?;
                let mut payload = vec![0; size];
                io.read_exact(&mut payload).await?;
                return Ok(payload);
            }
        }
    };
    timeout(DEADLINE, asked).await?
}
