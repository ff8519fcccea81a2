//! `[worker]`, `[clamd]`, `[attachments]` with its limits, and `[policy]`: how much at once, what is looked for, and
//! what is done about it.

use std::time::Duration;

use bus::Slots;
use proto::inspection::{AttachmentRules, Limits};
use proto::{Disposition, Endpoint};
use worker::clamd;
use worker::policy::Table;
use worker::scanners::settings::Feed;
use worker::{OnFailure, Settings};

use crate::config::reader::Reader;
use crate::config::words::{Word, choose, quoted};

impl Word for Disposition {
    fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Pass, Self::Tag, Self::Reject, Self::Discard, Self::Tempfail];
        choose(text, &all.map(|disposition| (disposition.name(), disposition)))
    }

    fn to_toml(&self) -> String {
        quoted(self.name())
    }
}

impl Word for OnFailure {
    fn parse(text: &str) -> Result<Self, String> {
        let choices = [("tempfail", Self::Tempfail), ("pass_unchecked", Self::PassUnchecked)];
        choose(text, &choices)
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Tempfail => "tempfail",
            Self::PassUnchecked => "pass_unchecked",
        })
    }
}

impl Word for Feed {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("whole", Self::Whole), ("parts", Self::Parts), ("both", Self::Both)])
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Whole => "whole",
            Self::Parts => "parts",
            Self::Both => "both",
        })
    }
}

/// Asks for its keys; `hostname` is the node's and set later.
pub(super) fn read(reader: &mut Reader, worker: &Worker) -> Settings {
    let default = Settings::default();
    let clamd = read_clamd(reader);
    let scanners = super::scanners::read(reader, clamd.is_some());
    let attachments = read_attachments(reader);
    if attachments.is_none() {
        // Whoever parses no mail has no parts: the whole is sent.
        let clamd = clamd.iter().map(|clamd| ("clamd".to_owned(), clamd.feed));
        let others = scanners.iter().map(|one| (format!("scanners.{}", one.name), one.feed));
        for (section, feed) in clamd.chain(others) {
            let message = "must be whole where `attachments.enabled` is false";
            let mut keys = reader.section(section);
            let holds = feed == Feed::Whole || !keys.is_given("feed");
            keys.check(holds, "feed", message);
        }
    }
    Settings {
        scanners,
        verdict_cache: super::verdict_cache::read(reader),
        spam: super::scanners::read_levels(reader),
        clamd,
        attachments,
        inspect: super::inspect::read(reader, worker.slots),
        policy: read_policy(reader),
        hostname: default.hostname,
    }
}

/// Unlike in the crate, no host is the default: whoever has a clamd says where.
fn read_clamd(reader: &mut Reader) -> Option<clamd::Settings> {
    let default = clamd::Settings::default();
    let mut keys = reader.section("clamd");
    let settings = clamd::Settings {
        hosts: keys.list::<Endpoint>("hosts", Vec::new()),
        connect_timeout: keys.get("connect_timeout", default.connect_timeout),
        total_timeout: keys.get("total_timeout", default.total_timeout),
        connections_max: keys.get("connections_max", default.connections_max),
        idle_max: keys.get("idle_max", default.idle_max),
        stream_bytes_max: keys.size("stream_bytes_max", default.stream_bytes_max),
        feed: keys.get("feed", default.feed),
        on_failure: keys.get("on_failure", default.on_failure),
        breaker_failures: keys.get("breaker_failures", default.breaker_failures),
        breaker_pause: keys.get("breaker_pause", default.breaker_pause),
        options: super::virus_scanners::read_clamd(&mut keys),
    };
    keys.check(settings.connections_max > 0, "connections_max", "must not be 0");
    keys.check(settings.breaker_failures > 0, "breaker_failures", "must not be 0");
    (!settings.hosts.is_empty()).then_some(settings)
}

fn read_attachments(reader: &mut Reader) -> Option<AttachmentRules> {
    let default = AttachmentRules::default();
    let mut keys = reader.section("attachments");
    let is_enabled = keys.get("enabled", true);
    let mut settings = AttachmentRules {
        extensions: keys.list("extensions", default.extensions),
        double_extensions: keys.list("double_extensions", default.double_extensions),
        mime_types: keys.list("mime_types", default.mime_types),
        types: keys.list("types", default.types),
        allowed_names: keys.list("allowed_names", default.allowed_names),
        passwords: keys.list("passwords", default.passwords),
        banned: default.banned,
        limits: default.limits,
    };
    let dotted = |list: &[String]| list.iter().any(|extension| extension.starts_with('.'));
    keys.check(!dotted(&settings.extensions), "extensions", "are written without the dot");
    keys.check(!dotted(&settings.double_extensions), "double_extensions", "are written without the dot");
    settings.limits = read_limits(reader, default.limits);
    settings.banned = super::banned::read(reader);
    super::banned::check_rules(reader, &settings);
    is_enabled.then_some(settings)
}

fn read_limits(reader: &mut Reader, default: Limits) -> Limits {
    let mut keys = reader.section("attachments.limits");
    Limits {
        content_bytes_max: keys.size("content_bytes_max", default.content_bytes_max),
        depth_max: keys.get("depth_max", default.depth_max),
        parts_max: keys.get("parts_max", default.parts_max),
        header_bytes_max: keys.size("header_bytes_max", default.header_bytes_max),
        header_lines_max: keys.get("header_lines_max", default.header_lines_max),
        decoded_bytes_max: keys.size("decoded_bytes_max", default.decoded_bytes_max),
        held_bytes_max: keys.size("held_bytes_max", default.held_bytes_max),
        archive_depth_max: keys.get("archive_depth_max", default.archive_depth_max),
        members_max: keys.get("members_max", default.members_max),
        out_bytes_max: keys.size("out_bytes_max", default.out_bytes_max),
        member_bytes_max: keys.size("member_bytes_max", default.member_bytes_max),
        ratio_max: keys.get("ratio_max", default.ratio_max),
        dictionary_bytes_max: keys.size("dictionary_bytes_max", default.dictionary_bytes_max),
        archive_cpu_max: keys.get("archive_cpu_max", default.archive_cpu_max),
        feed_bytes_max: keys.size("feed_bytes_max", default.feed_bytes_max),
        feed_parts_max: keys.get("feed_parts_max", default.feed_parts_max),
        password_words_max: keys.get("password_words_max", default.password_words_max),
    }
}

fn read_policy(reader: &mut Reader) -> Table {
    let default = Table::default();
    let mut keys = reader.section("policy");
    Table {
        virus: keys.get("virus", default.virus),
        banned: keys.get("banned", default.banned),
        unchecked_encrypted: keys.get("unchecked_encrypted", default.unchecked_encrypted),
        unchecked_over_limit: keys.get("unchecked_over_limit", default.unchecked_over_limit),
        unchecked_ambiguous: keys.get("unchecked_ambiguous", default.unchecked_ambiguous),
        unchecked_failed: keys.get("unchecked_failed", default.unchecked_failed),
        spam: keys.get("spam", default.spam),
        spammy: keys.get("spammy", default.spammy),
        bad_header: keys.get("bad_header", default.bad_header),
        oversized: keys.get("oversized", default.oversized),
    }
}

/// `[worker]`: how many mails are scanned at once, and what is kept of the deadline for the delivery behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker {
    /// Scans at once, by class.
    pub(crate) slots: Slots,
    /// Longest time for one scan, waiting for a slot included. Default 180 s: queue 60 and scan 120.
    pub(crate) scan_timeout: Duration,
    /// What a scan leaves of the mail's deadline for the delivery. Default 60 s: relay 45 and slack 15.
    pub(crate) relay_reserve: Duration,
}

impl Worker {
    /// Asks for its keys.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = reader.section("worker");
        let worker = Self {
            slots: Slots {
                small: keys.get("slots_small", 16),
                medium: keys.get("slots_medium", 8),
                large: keys.get("slots_large", 4),
            },
            scan_timeout: keys.get("scan_timeout", Duration::from_secs(180)),
            relay_reserve: keys.get("relay_reserve", Duration::from_secs(60)),
        };
        let Slots { small, medium, large } = worker.slots;
        keys.check(small + medium + large > 0, "slots_small", "must not be 0 where the other slots are");
        for (slots, key) in [(small, "slots_small"), (medium, "slots_medium"), (large, "slots_large")] {
            keys.check(slots <= 4_096, key, "must not be above 4096");
        }
        keys.check(!worker.scan_timeout.is_zero(), "scan_timeout", "must not be 0");
        worker
    }
}
