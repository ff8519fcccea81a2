//! The only crate that names NATS: streams, publish with retry, pull loop, chunks, requests.
