//! `[bus]`: how to reach NATS, what the streams look like, and how long to wait for what.

use std::time::Duration;

use ::bus::Settings;

use crate::config::reader::{Reader, Section};
use crate::config::words::{Word, quoted};

/// A server's address; what it carries before `@` is not shown.
struct Server(String);

impl Word for Server {
    fn parse(text: &str) -> Result<Self, String> {
        let address = text.split_once("://").map_or(text, |(_, address)| address);
        let known = !text.contains("://") || text.starts_with("nats://") || text.starts_with("tls://");
        if address.is_empty() || !known || text.contains(char::is_whitespace) {
            return Err("expected nats://HOST:PORT or tls://HOST:PORT".into());
        }
        Ok(Self(text.to_owned()))
    }

    fn to_toml(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("nats", &self.0));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        quoted(&format!("{scheme}://{host}"))
    }
}

/// A text that is not shown.
struct Secret(String);

impl Word for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn to_toml(&self) -> String {
        quoted("(not shown)")
    }
}

/// Asks for its keys.
pub(super) fn read(reader: &mut Reader) -> Settings {
    let mut keys = reader.section("bus");
    let mut settings = Settings::default();
    connection(&mut keys, &mut settings);
    streams(&mut keys, &mut settings);
    sizes(&mut keys, &mut settings);
    times(&mut keys, &mut settings);
    check(&mut keys, &settings);
    settings
}

fn connection(keys: &mut Section<'_>, to: &mut Settings) {
    let servers = to.servers.drain(..).map(Server).collect();
    to.servers = keys.list("servers", servers).into_iter().map(|Server(url)| url).collect();
    to.credentials = keys.optional("credentials", to.credentials.take());
    to.user = keys.optional("user", to.user.take());
    let password = keys.optional("password", to.password.take().map(Secret));
    to.password = password.map(|Secret(text)| text);
    to.tls_ca = keys.optional("tls_ca", to.tls_ca.take());
    to.tls_required = keys.get("tls_required", to.tls_required);
    to.connect_timeout = keys.get("connect_timeout", to.connect_timeout);
    to.ping_interval = keys.get("ping_interval", to.ping_interval);
}

fn streams(keys: &mut Section<'_>, to: &mut Settings) {
    to.prefix = keys.get("prefix", to.prefix.clone());
    to.create_streams = keys.get("create_streams", to.create_streams);
    to.replicas = keys.get("replicas", to.replicas);
    to.queue_messages_max = keys.get("queue_messages_max", to.queue_messages_max);
    to.body_messages_max = keys.get("body_messages_max", to.body_messages_max);
    to.max_age = keys.get("max_age", to.max_age);
    to.duplicate_window = keys.get("duplicate_window", to.duplicate_window);
    to.topology_interval = keys.get("topology_interval", to.topology_interval);
}

fn sizes(keys: &mut Section<'_>, to: &mut Settings) {
    to.inline_bytes_max = keys.size("inline_bytes_max", to.inline_bytes_max);
    to.chunk_bytes = keys.size("chunk_bytes", to.chunk_bytes);
    to.content_bytes_max = keys.size("content_bytes_max", to.content_bytes_max);
    to.publish_bytes_max = keys.size("publish_bytes_max", to.publish_bytes_max);
    to.chunked_bytes_max = keys.size("chunked_bytes_max", to.chunked_bytes_max);
}

fn times(keys: &mut Section<'_>, to: &mut Settings) {
    to.ack_wait = keys.get("ack_wait", to.ack_wait);
    to.poison_deliveries = keys.get("poison_deliveries", to.poison_deliveries);
    to.pull_expires = keys.get("pull_expires", to.pull_expires);
    to.retry_delay = keys.get("retry_delay", to.retry_delay);
    to.newer_delay = keys.get("newer_delay", to.newer_delay);
    to.request_timeout = keys.get("request_timeout", to.request_timeout);
    to.publish_timeout = keys.get("publish_timeout", to.publish_timeout);
    to.notice_timeout = keys.get("notice_timeout", to.notice_timeout);
    to.notice_reserve = keys.get("notice_reserve", to.notice_reserve);
    to.janitor_interval = keys.get("janitor_interval", to.janitor_interval);
    to.janitor_age = keys.get("janitor_age", to.janitor_age);
}

/// Said here with the place where somebody wrote it; the crate checks once more.
fn check(keys: &mut Section<'_>, settings: &Settings) {
    keys.check(!settings.servers.is_empty(), "servers", "must not be empty");
    keys.check((1..=5).contains(&settings.replicas), "replicas", "must be 1 to 5");
    keys.check(settings.queue_messages_max > 0, "queue_messages_max", "must not be 0");
    keys.check(settings.body_messages_max > 0, "body_messages_max", "must not be 0");
    keys.check(settings.chunk_bytes >= 1_024, "chunk_bytes", "must be at least 1024");
    keys.check(settings.ack_wait >= Duration::from_millis(100), "ack_wait", "must be at least 100 ms");
    keys.check(settings.poison_deliveries > 0, "poison_deliveries", "must not be 0");
    keys.check(settings.janitor_age <= settings.max_age, "janitor_age", "must not be above `bus.max_age`");
    keys.check(settings.password.is_none() || settings.user.is_some(), "password", "needs `bus.user`");
}
