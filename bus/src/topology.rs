//! What the streams and consumers must look like, and how they differ.
//!
//! Servers drop configuration fields that they do not know without a word, so what counts is what they echo. Roles
//! only create what is missing; changing what is there is an operator's decision (`apply`).
//!
//! `MAIL` has limits retention although it is a queue: the stored job is also where egress reads the content, so the
//! one number `queue_messages_max` bounds everything in flight. No stream is bounded by bytes, since servers before
//! 2.10.5 lose acknowledged messages at that bound.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, ErrorCode};
use proto::Class;
use thiserror::Error;

use crate::link::Link;
use crate::names::{Names, RELAY_DURABLE, scan_durable};
use crate::settings::Settings;

/// Largest message in any stream, in bytes. Records near 32 MiB are acknowledged and then destroyed.
pub(crate) const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Pull requests that may wait at a consumer; the server's 512 is too few for many processes.
const WAITING_MAX: i64 = 4_096;
/// Verdicts per mail in flight: a verdict may be stored twice when a worker dies.
const VERDICTS_PER_MAIL: u64 = 4;

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopologyDiff {
    /// A stream or consumer does not exist.
    Missing {
        /// `stream MAIL`, `consumer MAIL/scan-s`.
        object: String,
    },
    /// A setting has another value.
    Differs {
        /// `stream MAIL`, `consumer MAIL/scan-s`.
        object: String,
        /// The setting, as the server calls it.
        field: &'static str,
        /// What our settings say.
        wanted: String,
        /// What the server has.
        found: String,
    },
    /// A consumer waits for messages behind those that its stream has, and would never be given the next ones: the
    /// stream has lost its count, as after a crash or a full disk.
    Ahead {
        /// `consumer VERDICT/relay`.
        object: String,
        /// The last message that it was given.
        delivered: u64,
        /// The last message that the stream ever had, as far as it knows.
        last: u64,
    },
}

impl fmt::Display for TopologyDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { object } => write!(f, "{object} does not exist"),
            Self::Differs { object, field, wanted, found } => {
                write!(f, "{object}: {field} is {found}, wanted {wanted}")
            }
            Self::Ahead { object, delivered, last } => {
                write!(f, "{object} is at message {delivered}, but its stream only at {last}")
            }
        }
    }
}

/// The streams could not be read or changed.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// There is no connection.
    #[error("looking at the streams: not connected to nats ({0})")]
    Disconnected(String),
    /// The server refused or did not answer.
    #[error("{attempted}: {why}")]
    Server {
        /// What was attempted.
        attempted: String,
        /// What the server or the client library said.
        why: String,
    },
}

/// A consumer and the stream it belongs to.
pub(crate) struct WantedConsumer {
    pub(crate) stream: String,
    pub(crate) config: consumer::pull::Config,
}

/// Everything that must exist.
pub(crate) struct Wanted {
    pub(crate) streams: Vec<stream::Config>,
    pub(crate) consumers: Vec<WantedConsumer>,
}

impl Wanted {
    pub(crate) fn new(settings: &Settings, names: &Names) -> Self {
        let stream = |name: &str, subject: String, messages_max: u64, retention| stream::Config {
            name: name.to_owned(),
            subjects: vec![subject],
            retention,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_messages: limit(messages_max),
            max_bytes: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_age: settings.max_age,
            max_message_size: i32::try_from(MESSAGE_BYTES_MAX).unwrap_or(i32::MAX),
            duplicate_window: settings.duplicate_window.min(settings.max_age),
            num_replicas: settings.replicas,
            allow_direct: true,
            ..stream::Config::default()
        };
        let mails = settings.queue_messages_max;
        let verdicts = mails.saturating_mul(VERDICTS_PER_MAIL);
        let mut streams = vec![
            stream(&names.mail, names.jobs(), mails, RetentionPolicy::Limits),
            stream(&names.body, names.chunks(), settings.body_messages_max, RetentionPolicy::Limits),
            stream(&names.verdict, names.verdicts(), verdicts, RetentionPolicy::WorkQueue),
        ];
        if let Some(ledger) = &settings.ledger {
            streams.push(stream::Config {
                // The newest records are the ones that a retry asks for, and a claim must never be refused.
                discard: DiscardPolicy::Old,
                max_messages_per_subject: 1,
                max_age: ledger.max_age,
                duplicate_window: settings.duplicate_window.min(ledger.max_age),
                ..stream(&names.ledger, names.records(), ledger.records_max, RetentionPolicy::Limits)
            });
        }
        let consumer = |stream: &str, durable: &str, filter: String| WantedConsumer {
            stream: stream.to_owned(),
            config: consumer::pull::Config {
                durable_name: Some(durable.to_owned()),
                filter_subject: filter,
                ack_policy: AckPolicy::Explicit,
                ack_wait: settings.ack_wait,
                // The worker counts: a message at its limit would stay in the stream with nobody to tell.
                max_deliver: -1,
                // Never reached, or a waiting pull would not mean an empty queue.
                max_ack_pending: limit(verdicts),
                max_waiting: WAITING_MAX,
                ..consumer::pull::Config::default()
            },
        };
        let scans = Class::ALL.map(|class| consumer(&names.mail, scan_durable(class), names.jobs_of(class)));
        let relay = consumer(&names.verdict, RELAY_DURABLE, names.verdicts());
        Self { streams, consumers: scans.into_iter().chain([relay]).collect() }
    }
}

fn limit(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Compares one setting.
struct Comparison {
    object: String,
    diffs: Vec<TopologyDiff>,
}

impl Comparison {
    fn of(object: String) -> Self {
        Self { object, diffs: Vec::new() }
    }

    fn field<T: PartialEq + fmt::Debug>(&mut self, field: &'static str, wanted: &T, found: &T) {
        if wanted != found {
            self.diffs.push(TopologyDiff::Differs {
                object: self.object.clone(),
                field,
                wanted: format!("{wanted:?}"),
                found: format!("{found:?}"),
            });
        }
    }
}

pub(crate) fn stream_object(name: &str) -> String {
    format!("stream {name}")
}

pub(crate) fn consumer_object(stream: &str, durable: &str) -> String {
    format!("consumer {stream}/{durable}")
}

/// How a stream differs, in the settings that matter to us.
pub(crate) fn compare_stream(wanted: &stream::Config, found: &stream::Config) -> Vec<TopologyDiff> {
    let mut with = Comparison::of(stream_object(&wanted.name));
    with.field("subjects", &wanted.subjects, &found.subjects);
    with.field("retention", &wanted.retention, &found.retention);
    with.field("storage", &wanted.storage, &found.storage);
    with.field("discard", &wanted.discard, &found.discard);
    with.field("max_msgs", &wanted.max_messages, &found.max_messages);
    with.field("max_bytes", &wanted.max_bytes, &found.max_bytes);
    let per_subject = (&wanted.max_messages_per_subject, &found.max_messages_per_subject);
    with.field("max_msgs_per_subject", per_subject.0, per_subject.1);
    with.field("max_age", &wanted.max_age, &found.max_age);
    with.field("max_msg_size", &wanted.max_message_size, &found.max_message_size);
    with.field("duplicate_window", &wanted.duplicate_window, &found.duplicate_window);
    with.field("num_replicas", &wanted.num_replicas, &found.num_replicas);
    with.field("allow_direct", &wanted.allow_direct, &found.allow_direct);
    with.field("deny_delete", &wanted.deny_delete, &found.deny_delete);
    with.field("deny_purge", &wanted.deny_purge, &found.deny_purge);
    with.field("sealed", &wanted.sealed, &found.sealed);
    with.diffs
}

/// How a consumer differs, in the settings that matter to us.
pub(crate) fn compare_consumer(wanted: &WantedConsumer, found: &consumer::Config) -> Vec<TopologyDiff> {
    let config = &wanted.config;
    let durable = config.durable_name.as_deref().unwrap_or_default();
    let mut with = Comparison::of(consumer_object(&wanted.stream, durable));
    with.field("filter_subject", &config.filter_subject, &found.filter_subject);
    with.field("ack_policy", &config.ack_policy, &found.ack_policy);
    with.field("ack_wait", &config.ack_wait, &found.ack_wait);
    with.field("max_deliver", &config.max_deliver, &found.max_deliver);
    with.field("max_ack_pending", &config.max_ack_pending, &found.max_ack_pending);
    with.field("max_waiting", &config.max_waiting, &found.max_waiting);
    with.field("backoff", &Vec::<Duration>::new(), &found.backoff);
    with.field("deliver_subject", &None, &found.deliver_subject);
    with.diffs
}

/// What differs on the server.
pub(crate) async fn compare(link: &Link, wanted: &Wanted) -> Result<Vec<TopologyDiff>, TopologyError> {
    let mut diffs = Vec::new();
    for config in &wanted.streams {
        match find_stream(&link.js, &config.name).await? {
            Some(found) => diffs.extend(compare_stream(config, &found)),
            None => diffs.push(TopologyDiff::Missing { object: stream_object(&config.name) }),
        }
    }
    for consumer in &wanted.consumers {
        match find_consumer(&link.js, consumer).await? {
            Some(found) => {
                diffs.extend(compare_consumer(consumer, &found.config));
                diffs.extend(ahead(link, consumer, found.delivered.stream_sequence).await?);
            }
            None => diffs
                .push(TopologyDiff::Missing { object: consumer_object(&consumer.stream, durable(consumer)) }),
        }
    }
    Ok(diffs)
}

pub(crate) fn durable(consumer: &WantedConsumer) -> &str {
    consumer.config.durable_name.as_deref().unwrap_or_default()
}

pub(crate) fn failed(attempted: String) -> impl FnOnce(&dyn std::error::Error) -> TopologyError {
    move |error| {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(deeper) = source {
            let text = deeper.to_string();
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            source = deeper.source();
        }
        TopologyError::Server { attempted, why }
    }
}

async fn find_stream(js: &jetstream::Context, name: &str) -> Result<Option<stream::Config>, TopologyError> {
    match js.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(told) if told.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(None)
            }
            _ => Err(failed(format!("looking at stream {name}"))(&error)),
        },
    }
}

async fn find_consumer(
    js: &jetstream::Context,
    wanted: &WantedConsumer,
) -> Result<Option<consumer::Info>, TopologyError> {
    let durable = durable(wanted);
    let attempted = || format!("looking at consumer {}/{durable}", wanted.stream);
    let stream = js.get_stream_no_info(&wanted.stream).await.map_err(|error| failed(attempted())(&error))?;
    match stream.consumer_info(durable).await {
        Ok(info) => Ok(Some(info)),
        Err(error) => match error.kind() {
            ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => Ok(None),
            ConsumerInfoErrorKind::JetStream(told)
                if matches!(
                    told.error_code(),
                    ErrorCode::CONSUMER_NOT_FOUND | ErrorCode::STREAM_NOT_FOUND
                ) =>
            {
                Ok(None)
            }
            _ => Err(failed(attempted())(&error)),
        },
    }
}

/// Whether a consumer that was given the message `delivered` is ahead of its stream, which is asked after it. With one
/// copy only: several do not lose their count, and a replica that was cut off tells an old one for a while.
async fn ahead(
    link: &Link,
    consumer: &WantedConsumer,
    delivered: u64,
) -> Result<Option<TopologyDiff>, TopologyError> {
    let attempted = failed(format!("looking at stream {}", consumer.stream));
    let stream = link.js.get_stream(&consumer.stream).await.map_err(|error| attempted(&error))?;
    let info = stream.cached_info();
    let last = info.state.last_sequence;
    let object = consumer_object(&consumer.stream, durable(consumer));
    Ok((delivered > last && info.config.num_replicas == 1).then_some(TopologyDiff::Ahead {
        object,
        delivered,
        last,
    }))
}
