//! What a next hop announced in its reply to EHLO or LHLO.
//!
//! Only what changes what we send; keywords that we do not know mean nothing to us (RFC 5321 section 4.1.1.1).

use proto::OriginAttribute;

use super::replies::NextHopReply;

/// The extensions that matter to a client that passes mail on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// AUTH (RFC 4954): MAIL takes AUTH=.
    pub auth: bool,
    /// SIZE (RFC 1870): MAIL takes SIZE=. The announced limit is not looked at: the next hop itself shall refuse.
    pub size: bool,
    /// XFORWARD (Postfix XFORWARD_README): the attributes that it takes.
    pub xforward: Vec<OriginAttribute>,
}

impl Capabilities {
    /// Reads the lines behind the first, which is a greeting.
    pub fn parse(reply: &NextHopReply) -> Self {
        let mut found = Self::default();
        for line in reply.lines().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => found.pipelining = true,
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "DSN" => found.dsn = true,
                "AUTH" => found.auth = true,
                "SIZE" => found.size = true,
                "XFORWARD" => {
                    let announced: Vec<_> = words.collect();
                    let takes = |attribute: &OriginAttribute| {
                        announced.iter().any(|word| word.eq_ignore_ascii_case(attribute.keyword()))
                    };
                    found.xforward = OriginAttribute::ALL.into_iter().filter(takes).collect();
                }
                _ => {}
            }
        }
        found
    }
}
