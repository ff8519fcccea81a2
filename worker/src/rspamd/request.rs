//! The requests: what of the envelope is told, and how.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Uri};

use crate::pool::client::Request;

/// `POST /checkv2` with the content as its body.
pub(super) fn of(request: &Request<'_>) -> hyper::Request<Full<Bytes>> {
    let mut http = hyper::Request::new(Full::new(request.content.clone()));
    *http.method_mut() = Method::POST;
    *http.uri_mut() = Uri::from_static("/checkv2");
    let mut tell = |name: &'static str, value: &str| {
        // What cannot stand in a field is not told.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            http.headers_mut().append(HeaderName::from_static(name), value);
        }
    };
    let envelope = request.envelope;
    tell("from", envelope.sender().as_str());
    for recipient in envelope.recipients() {
        tell("rcpt", recipient.path.as_str());
    }
    let origin = envelope.origin();
    let addr = origin.addr.as_deref().map(|addr| addr.strip_prefix("IPv6:").unwrap_or(addr));
    for (name, value) in
        [("ip", addr), ("hostname", origin.name.as_deref()), ("helo", origin.helo.as_deref())]
    {
        if let Some(value) = value {
            tell(name, value);
        }
    }
    let tx = request.tx.to_string();
    tell("queue-id", origin.ident.as_deref().unwrap_or(&tx));
    http
}

/// `GET /ping`
pub(super) fn ping() -> hyper::Request<Full<Bytes>> {
    let mut http = hyper::Request::new(Full::default());
    *http.uri_mut() = Uri::from_static("/ping");
    http
}
