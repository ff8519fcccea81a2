//! The HTTP side: a few fixed answers, a bounded number of connections, no request without a time-out.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use proto::Endpoint;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Admin;
use crate::sockets::{Bound, Stream};

use super::{Readiness, State};

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Pause after a failed accept, so that a full descriptor table does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound admin port.
pub(crate) struct AdminServer {
    socket: Bound,
    settings: Admin,
    registry: Arc<Registry>,
    readiness: Readiness,
}

impl AdminServer {
    /// Binds `endpoint`.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub(crate) async fn bind(
        endpoint: &Endpoint,
        settings: Admin,
        registry: Arc<Registry>,
        readiness: Readiness,
    ) -> io::Result<Self> {
        let socket = Bound::bind(endpoint).await?;
        Ok(Self { socket, settings, registry, readiness })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub(crate) fn local(&self) -> io::Result<String> {
        self.socket.local()
    }

    /// Answers until `stop`.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.settings.connections_max));
        let shared = Arc::new(Shared { registry: self.registry, readiness: self.readiness });
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                break;
            };
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let answered = answer(stream, shared.clone(), self.settings.request_timeout);
                    let stopped = stop.clone();
                    tasks.spawn(async move {
                        stopped.run_until_cancelled(answered).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "admin port cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        tasks.close();
        tasks.wait().await;
    }
}

struct Shared {
    registry: Arc<Registry>,
    readiness: Readiness,
}

async fn answer(stream: Box<dyn Stream>, shared: Arc<Shared>, request_timeout: Duration) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let response = respond(request.method(), request.uri().path(), &shared);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(request_timeout)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "admin request failed");
    }
}

fn respond(method: &Method, path: &str, shared: &Shared) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match path {
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/readyz" => match shared.readiness.state() {
            State::Ready => text(StatusCode::OK, "ready\n"),
            other => text(StatusCode::SERVICE_UNAVAILABLE, format!("{other}\n")),
        },
        "/metrics" => {
            let mut metrics = String::with_capacity(16 * 1024);
            match prometheus_client::encoding::text::encode(&mut metrics, &shared.registry) {
                Ok(()) => with_type(StatusCode::OK, OPEN_METRICS, metrics),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            }
        }
        _ => text(StatusCode::NOT_FOUND, "try /metrics, /livez or /readyz\n"),
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    with_type(status, TEXT, body)
}

fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
