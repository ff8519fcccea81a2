//! What an ICAP service says of itself when asked (RFC 3507 section 4.10).

use std::time::Duration;

use super::head::{Head, HeadError};

/// Largest preview that we send, in bytes; the size of the content bounds it too.
const PREVIEW_BYTES_MAX: usize = 1024 * 1024;
/// What is believed for no shorter and no longer, whatever the server says.
const TTL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));

/// What a service can and wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// How much of a content it wants to see before the rest; `None` where it wants no preview.
    pub(super) preview: Option<usize>,
    /// Whether it may answer "no change" behind the whole content.
    pub(super) allows_204: bool,
    /// Most connections that it wants from us.
    pub(super) connections_max: Option<usize>,
    /// Changes when its rules or signatures do.
    pub(super) tag: Option<String>,
    /// Its product and version.
    pub(super) service: String,
    /// How long this may be believed.
    pub(super) ttl: Duration,
}

impl Options {
    /// Reads the answer to OPTIONS.
    pub(super) fn of(head: &Head) -> Result<Self, HeadError> {
        if !head.lists("methods", "RESPMOD") {
            return Err(HeadError::Value("methods"));
        }
        let preview = number(head, "preview")?.map(|bytes| bytes.min(PREVIEW_BYTES_MAX));
        let ttl = number(head, "options-ttl")?.map_or(TTL.1, |seconds| {
            Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)).clamp(TTL.0, TTL.1)
        });
        Ok(Self {
            preview,
            allows_204: head.lists("allow", "204"),
            connections_max: number(head, "max-connections")?,
            tag: tag(head),
            service: head.value("service").unwrap_or("ICAP").replace('\n', " "),
            ttl,
        })
    }
}

/// `ISTag`, with or without its quotes.
pub(super) fn tag(head: &Head) -> Option<String> {
    head.value("istag").map(|value| value.trim_matches('"').to_owned())
}

/// A count; one that is too large for us is as good as the largest.
fn number(head: &Head, name: &'static str) -> Result<Option<usize>, HeadError> {
    let Some(value) = head.only(name)? else {
        return Ok(None);
    };
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HeadError::Value(name));
    }
    Ok(Some(value.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(fields: &str) -> Result<Options, HeadError> {
        Options::of(&Head::parse(format!("ICAP/1.0 200 OK\r\n{fields}").as_bytes()).unwrap())
    }

    #[test]
    fn what_a_service_says() {
        let told = options(
            "Methods: RESPMOD, REQMOD\r\nService: C-ICAP/0.5.10\r\nISTag: \"CI0001\"\r\nPreview: 1024\r\n\
             Allow: 204, 206\r\nMax-Connections: 600\r\nOptions-TTL: 600\r\nTransfer-Preview: *",
        );
        let expected = Options {
            preview: Some(1024),
            allows_204: true,
            connections_max: Some(600),
            tag: Some("CI0001".into()),
            service: "C-ICAP/0.5.10".into(),
            ttl: Duration::from_secs(600),
        };
        assert_eq!(told, Ok(expected));
    }

    #[test]
    fn a_service_that_says_little() {
        let told = options("Methods: RESPMOD").unwrap();
        assert_eq!((told.preview, told.allows_204, told.tag), (None, false, None));
        assert_eq!(told.ttl, TTL.1);
        assert_eq!(options("Methods: REQMOD"), Err(HeadError::Value("methods")));
    }

    #[test]
    fn numbers_that_are_none_or_too_large() {
        for value in ["-1", "+1", "", "1e9", "0x10", "1 2"] {
            assert!(options(&format!("Methods: RESPMOD\r\nPreview: {value}")).is_err(), "{value}");
        }
        let huge = "9".repeat(40);
        let told = options(&format!("Methods: RESPMOD\r\nPreview: {huge}\r\nOptions-TTL: {huge}")).unwrap();
        assert_eq!((told.preview, told.ttl), (Some(PREVIEW_BYTES_MAX), TTL.1));
        assert_eq!(options("Methods: RESPMOD\r\nOptions-TTL: 0").unwrap().ttl, TTL.0);
    }
}
