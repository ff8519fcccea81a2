//! Client of rspamd: `POST /checkv2` by HTTP/1.1, over TCP or a unix socket, one connection for each mail.
//!
//! rspamd closes the connection after each answer, so none is kept. The envelope travels in header fields. Redirects
//! are not followed: the content of a mail goes to configured hosts only. Deliberately absent: encryption, compression,
//! learning, and doing what `milter` of the answer asks for; that is kept as data.

mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::io;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_LENGTH, HOST, SERVER, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;

use proto::Endpoint;

use self::reply::{GrammarError, REPLY_BYTES_MAX};
use crate::pool::client::{Client, Failure, Outcome, Reply, Request, Target};
use crate::pool::socket::connect;

/// Speaks with rspamd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rspamd;

impl Client for Rspamd {
    type Connection = ();

    async fn exchange(
        &self,
        target: Target<'_>,
        _: Option<()>,
        request: &Request<'_>,
    ) -> Result<Reply<()>, Failure> {
        let (_, body) = ask(target, request::of(request)).await?;
        let score = reply::parse(&body).map_err(Failure::grammar)?;
        Ok(Reply { outcome: Outcome::Score(Box::new(score)), connection: None })
    }

    /// What `Server:` says, such as `rspamd/3.4`.
    async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        let (server, body) = ask(target, request::ping()).await?;
        if body.trim_ascii() != b"pong" {
            return Err(Failure::grammar(GrammarError::NoPong));
        }
        Ok(server)
    }
}

/// Sends `request` and reads the answer: what the server calls itself, and the body.
async fn ask(
    target: Target<'_>,
    mut request: hyper::Request<Full<Bytes>>,
) -> Result<(String, Bytes), Failure> {
    let host = match target.endpoint {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(_) => "localhost".to_owned(),
    };
    if let Ok(host) = host.try_into() {
        request.headers_mut().insert(HOST, host);
    }
    let io = TokioIo::new(connect(target).await?);
    let (mut sender, connection) = handshake(io).await.map_err(lost)?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(request).await.map_err(lost)?;
        read(response).await
    });
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // Whatever ended it, the answer knows.
        _ended = &mut connection => answer.await,
    }
}

async fn read(response: Response<Incoming>) -> Result<(String, Bytes), Failure> {
    let (head, mut body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(Failure::Refused(format!("HTTP status {}", head.status.as_u16())));
    }
    if !head.headers.contains_key(CONTENT_LENGTH) && !head.headers.contains_key(TRANSFER_ENCODING) {
        // An answer that was cut could not be told from one that is whole.
        return Err(Failure::grammar(GrammarError::NoLength));
    }
    let server = head.headers.get(SERVER).and_then(|name| name.to_str().ok()).unwrap_or("unnamed");
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Cut(Some(io::Error::other(error))))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > REPLY_BYTES_MAX {
            return Err(Failure::TooLong(REPLY_BYTES_MAX));
        }
        bytes.extend_from_slice(data);
    }
    Ok((crate::text::printable(server), bytes.into()))
}

fn lost(error: hyper::Error) -> Failure {
    if error.is_parse() || error.is_parse_status() || error.is_parse_too_large() {
        Failure::grammar(error)
    } else {
        Failure::Lost(Some(io::Error::other(error)))
    }
}
