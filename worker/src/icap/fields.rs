//! What the header fields of an ICAP answer mean: what follows the head, and what was found.
//!
//! Servers have no common way to name a finding. These are the fields of draft-stecher-icap-subid and of the servers in
//! use: each of them alone is a finding, whatever the status.

use super::head::{Head, HeadError};

/// Longest head of the HTTP message within an answer, in bytes.
const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;

/// What follows the head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encapsulated {
    /// Bytes of the head of an HTTP response.
    pub(super) head_bytes: usize,
    pub(super) has_body: bool,
}

/// Reads `Encapsulated`; without one nothing follows.
pub(super) fn encapsulated(head: &Head) -> Result<Option<Encapsulated>, HeadError> {
    const NAME: &str = "encapsulated";
    let Some(value) = head.only(NAME)? else {
        return Ok(None);
    };
    let mut parts = value.split(',').map(|part| part.trim().split_once('='));
    let bad = HeadError::Value(NAME);
    let encapsulated = match (parts.next().flatten(), parts.next(), parts.next()) {
        (Some((name, "0")), None, None) => Encapsulated { head_bytes: 0, has_body: has_body(name)? },
        (Some(("res-hdr", "0")), Some(Some((name, offset))), None) => {
            let is_number = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
            let head_bytes = offset.parse().ok().filter(|bytes| is_number && *bytes <= HTTP_HEAD_BYTES_MAX);
            Encapsulated { head_bytes: head_bytes.ok_or(bad)?, has_body: has_body(name)? }
        }
        _ => return Err(bad),
    };
    Ok(Some(encapsulated))
}

fn has_body(name: &str) -> Result<bool, HeadError> {
    match name {
        "null-body" => Ok(false),
        "res-body" | "opt-body" => Ok(true),
        _ => Err(HeadError::Value("encapsulated")),
    }
}

/// What was found, when a field says that something was.
pub(super) fn found(head: &Head) -> Option<String> {
    let threat = |value: &str| {
        let mut parts = value.split(';').filter_map(|part| part.trim().split_once('='));
        let name = parts.find(|(key, _)| key.eq_ignore_ascii_case("threat")).map(|(_, name)| name.trim());
        name.unwrap_or(value.trim()).to_owned()
    };
    if let Some(value) = head.value("x-infection-found") {
        return Some(threat(value));
    }
    if let Some(value) = head.value("x-virus-id") {
        return Some(value.replace('\n', " "));
    }
    if let Some(value) = head.value("x-violations-found") {
        // The number of violations, then file, name, number and resolution of each.
        let mut lines = value.lines();
        if lines.next().is_none_or(|count| count.trim() != "0") {
            return Some(lines.nth(1).unwrap_or_default().to_owned());
        }
    }
    let is_blocked = head.value("x-blocked").is_some_and(|value| {
        !["", "0", "no", "false"].iter().any(|negative| value.eq_ignore_ascii_case(negative))
    });
    is_blocked
        .then(|| head.value("x-block-reason").unwrap_or("blocked by the ICAP server").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &str) -> Head {
        Head::parse(format!("ICAP/1.0 200 OK\r\n{fields}").as_bytes()).unwrap()
    }

    #[test]
    fn what_follows() {
        let cases = [
            ("null-body=0", Ok((0, false))),
            ("res-body=0", Ok((0, true))),
            ("res-hdr=0, res-body=213", Ok((213, true))),
            ("res-hdr=0,null-body=65536", Ok((65_536, false))),
            ("res-hdr=0, res-body=65537", Err(())),
            ("", Err(())),
            ("res-hdr=0", Err(())),
            ("res-hdr=1, res-body=2", Err(())),
            ("res-hdr=0, res-body=-1", Err(())),
            ("res-hdr=0, res-body=+1", Err(())),
            ("res-hdr=0, res-body=", Err(())),
            ("res-hdr=0, res-body=1, res-body=2", Err(())),
            ("req-hdr=0, req-body=1", Err(())),
            ("res-hdr=0, res-hdr=1", Err(())),
        ];
        for (value, expected) in cases {
            let got = encapsulated(&head(&format!("Encapsulated: {value}")));
            let got = got.map(|part| part.map(|part| (part.head_bytes, part.has_body)).unwrap());
            assert_eq!(got.map_err(|_| ()), expected, "{value}");
        }
        assert_eq!(encapsulated(&head("x: y")), Ok(None));
        assert!(encapsulated(&head("Encapsulated: null-body=0\r\nEncapsulated: null-body=0")).is_err());
    }

    #[test]
    fn findings_of_different_servers() {
        let cases = [
            (
                "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test-Signature;",
                Some("Eicar-Test-Signature"),
            ),
            ("X-Infection-Found: Type=0; Resolution=2; Threat=;", Some("")),
            ("X-Infection-Found: something", Some("something")),
            ("X-Virus-ID: EICAR Test String", Some("EICAR Test String")),
            ("X-Violations-Found: 1\r\n\tmail.eml\r\n\tEICAR\r\n\t11101\r\n\t2", Some("EICAR")),
            ("X-Violations-Found: 0", None),
            ("X-Violations-Found: 2", Some("")),
            ("X-Blocked: 1", Some("blocked by the ICAP server")),
            ("X-Blocked: yes\r\nX-Block-Reason: policy", Some("policy")),
            ("X-Blocked: 0", None),
            ("X-Other: Threat=x", None),
        ];
        for (fields, expected) in cases {
            assert_eq!(found(&head(fields)).as_deref(), expected, "{fields}");
        }
    }
}
