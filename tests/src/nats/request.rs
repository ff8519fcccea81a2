//! Just enough of the NATS protocol to ask a server about its streams, and to do to them what operators do by hand with
//! the `nats` tool. By hand here too, since the harness must not share a client library with what it tests.

use std::io::{self, ErrorKind};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

/// How long a server has to answer. One without a leader does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Where the answer is sent; the connection is ours alone.
const INBOX: &str = "_INBOX.harness";
/// Larger answers are none of these.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// How many messages a stream holds.
///
/// # Errors
/// When the server cannot be reached, or does not know the stream.
pub async fn stream_messages(address: &str, stream: &str) -> io::Result<u64> {
    let answer = api(address, &format!("STREAM.INFO.{stream}"), "").await?;
    let messages = answer["state"]["messages"].as_u64();
    messages.ok_or_else(|| io::Error::other(format!("no stream {stream}: {}", answer["error"])))
}

/// What JetStream answers to a request with that body, be it an error of its own.
///
/// # Errors
/// When the server cannot be reached, or does not answer, as without a leader.
pub async fn api(address: &str, method: &str, body: &str) -> io::Result<Value> {
    Ok(serde_json::from_slice(&ask(address, &format!("$JS.API.{method}"), body).await?)?)
}

/// The payload that answers a request.
async fn ask(address: &str, subject: &str, body: &str) -> io::Result<Vec<u8>> {
    let asked = async {
        let mut io = BufReader::new(TcpStream::connect(address).await?);
        let request = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {INBOX} 1\r\nPUB {subject} {INBOX} {}\r\n{body}\r\n",
            body.len()
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
    timeout(ANSWER_WITHIN, asked).await?
}
