//! Just enough HTTP/1.1 to ask an admin port.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::io::connect;

/// Status and body of a GET; `None` when nobody answers.
pub async fn get(endpoint: &str, path: &str) -> Option<(u16, String)> {
    let mut io = connect(endpoint).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
