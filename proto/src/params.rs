//! ESMTP parameters of MAIL and RCPT: BODY (RFC 6152), SIZE (RFC 1870), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and
//! ORCPT (RFC 3461), AUTH (RFC 4954).
//!
//! Values are checked and decoded when they come in and encoded again when they go out. Unknown and repeated
//! parameters are errors: a parameter that we do not understand cannot be promised to the client.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{xtext_decode, xtext_encode};

/// Why a parameter was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamError {
    /// Not one of ours: 555 5.5.4.
    #[error("unsupported parameter")]
    Unknown,
    /// Its value is not what its RFC says: 501 5.5.4.
    #[error("bad parameter value")]
    Value,
    /// It came twice: 501 5.5.4.
    #[error("repeated parameter")]
    Repeated,
}

/// BODY of MAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// BODY=7BIT.
    SevenBit,
    /// BODY=8BITMIME.
    EightBitMime,
}

/// RET of MAIL: how much of the mail a bounce returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ret {
    /// RET=FULL.
    Full,
    /// RET=HDRS.
    Hdrs,
}

/// The parameters of one MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailParams {
    /// BODY.
    pub body: Option<Body>,
    /// SIZE in bytes, as the client estimates it.
    pub size: Option<u64>,
    /// SMTPUTF8 was given.
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Ret>,
    /// ENVID, decoded.
    pub envid: Option<String>,
    /// AUTH, decoded; `<>` when the client does not vouch for anybody.
    pub auth: Option<String>,
}

impl MailParams {
    /// Takes one parameter as it stands in the command, `KEYWORD` or `KEYWORD=value`.
    ///
    /// # Errors
    /// When it is unknown, repeated or malformed.
    pub fn take(&mut self, parameter: &str) -> Result<(), ParamError> {
        let (keyword, value) = split(parameter);
        match keyword.to_ascii_uppercase().as_str() {
            "BODY" => once(&mut self.body, parse_body(value)),
            "SIZE" => once(&mut self.size, parse_size(value)),
            "RET" => once(&mut self.ret, parse_ret(value)),
            "ENVID" => once(&mut self.envid, value.and_then(nonempty_xtext)),
            "AUTH" => once(&mut self.auth, value.and_then(nonempty_xtext)),
            "SMTPUTF8" if value.is_some() => Err(ParamError::Value),
            "SMTPUTF8" if self.smtputf8 => Err(ParamError::Repeated),
            "SMTPUTF8" => {
                self.smtputf8 = true;
                Ok(())
            }
            _ => Err(ParamError::Unknown),
        }
    }

    /// RET and ENVID for a next hop that announces DSN, each with a leading space.
    pub fn dsn_encoded(&self) -> String {
        let mut out = String::new();
        match self.ret {
            Some(Ret::Full) => out.push_str(" RET=FULL"),
            Some(Ret::Hdrs) => out.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(envid) = &self.envid {
            out.push_str(&format!(" ENVID={}", xtext_encode(envid)));
        }
        out
    }
}

/// When the sender wants to be told (NOTIFY).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notify {
    /// SUCCESS.
    pub success: bool,
    /// FAILURE.
    pub failure: bool,
    /// DELAY.
    pub delay: bool,
}

/// ORCPT: the address that the sender first wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orcpt {
    /// The address type, in lower case: `rfc822` or `utf-8`.
    pub kind: String,
    /// The address: decoded for `rfc822`, as it was written for every other type (RFC 6533 section 3).
    pub address: String,
}

/// The parameters of one RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RcptParams {
    /// NOTIFY; with nothing set it is NEVER.
    pub notify: Option<Notify>,
    /// ORCPT.
    pub orcpt: Option<Orcpt>,
}

impl RcptParams {
    /// Takes one parameter as it stands in the command.
    ///
    /// # Errors
    /// When it is unknown, repeated or malformed.
    pub fn take(&mut self, parameter: &str) -> Result<(), ParamError> {
        let (keyword, value) = split(parameter);
        match keyword.to_ascii_uppercase().as_str() {
            "NOTIFY" => once(&mut self.notify, value.and_then(parse_notify)),
            "ORCPT" => once(&mut self.orcpt, value.and_then(parse_orcpt)),
            _ => Err(ParamError::Unknown),
        }
    }

    /// NOTIFY and ORCPT for a next hop that announces DSN, each with a leading space.
    pub fn dsn_encoded(&self) -> String {
        let mut out = String::new();
        if let Some(Notify { success, failure, delay }) = self.notify {
            let wanted = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
            let words: Vec<_> = wanted.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
            out.push_str(" NOTIFY=");
            out.push_str(&if words.is_empty() { "NEVER".to_owned() } else { words.join(",") });
        }
        if let Some(Orcpt { kind, address }) = &self.orcpt {
            let address = if kind == "rfc822" { xtext_encode(address) } else { address.clone() };
            out.push_str(&format!(" ORCPT={kind};{address}"));
        }
        out
    }
}

fn split(parameter: &str) -> (&str, Option<&str>) {
    match parameter.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (parameter, None),
    }
}

fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), ParamError> {
    if slot.is_some() {
        return Err(ParamError::Repeated);
    }
    *slot = Some(value.ok_or(ParamError::Value)?);
    Ok(())
}

fn parse_body(value: Option<&str>) -> Option<Body> {
    match value?.to_ascii_uppercase().as_str() {
        "7BIT" => Some(Body::SevenBit),
        "8BITMIME" => Some(Body::EightBitMime),
        _ => None,
    }
}

/// Up to 20 digits (RFC 1870 section 4); what does not fit 64 bits is above every limit.
fn parse_size(value: Option<&str>) -> Option<u64> {
    let digits = value?;
    let well_formed = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    well_formed.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn parse_ret(value: Option<&str>) -> Option<Ret> {
    match value?.to_ascii_uppercase().as_str() {
        "FULL" => Some(Ret::Full),
        "HDRS" => Some(Ret::Hdrs),
        _ => None,
    }
}

fn nonempty_xtext(value: &str) -> Option<String> {
    xtext_decode(value).filter(|decoded| !decoded.is_empty())
}

fn parse_notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::default());
    }
    let mut notify = Notify::default();
    for word in value.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

fn parse_orcpt(value: &str) -> Option<Orcpt> {
    let (kind, encoded) = value.split_once(';')?;
    let kind_is_atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !kind_is_atom || encoded.is_empty() {
        return None;
    }
    let kind = kind.to_ascii_lowercase();
    let address = if kind == "rfc822" {
        xtext_decode(encoded)?
    } else {
        let printable = encoded.chars().all(|c| c != ' ' && !c.is_control());
        printable.then(|| encoded.to_owned())?
    };
    Some(Orcpt { kind, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(parameters: &[&str]) -> Result<MailParams, ParamError> {
        let mut params = MailParams::default();
        parameters.iter().try_for_each(|p| params.take(p)).map(|()| params)
    }

    fn rcpt(parameters: &[&str]) -> Result<RcptParams, ParamError> {
        let mut params = RcptParams::default();
        parameters.iter().try_for_each(|p| params.take(p)).map(|()| params)
    }

    #[test]
    fn mail_parameters_are_taken_and_encoded_again() {
        let params =
            mail(&["size=10", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=QQ+2B1", "AUTH=<>"]).unwrap();
        assert_eq!((params.size, params.body, params.smtputf8), (Some(10), Some(Body::EightBitMime), true));
        assert_eq!(params.auth.as_deref(), Some("<>"));
        assert_eq!(params.dsn_encoded(), " RET=HDRS ENVID=QQ+2B1");
        assert_eq!(mail(&["SIZE=99999999999999999999"]).unwrap().size, Some(u64::MAX));
    }

    #[test]
    fn rcpt_parameters_are_taken_and_encoded_again() {
        let params = rcpt(&["NOTIFY=delay,SUCCESS", "ORCPT=rfc822;Bob+2Bx@example.org"]).unwrap();
        assert_eq!(params.dsn_encoded(), " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bx@example.org");
        assert_eq!(params.orcpt.unwrap().address, "Bob+x@example.org");
        assert_eq!(rcpt(&["NOTIFY=NEVER"]).unwrap().dsn_encoded(), " NOTIFY=NEVER");
    }

    #[test]
    fn bad_parameters_are_told_apart() {
        for value in [
            "SIZE=-1",
            "SIZE=",
            "SIZE=123456789012345678901",
            "BODY=BINARYMIME",
            "RET=x",
            "ENVID=a+0D+0Ab",
            "ENVID=",
            "SMTPUTF8=1",
        ] {
            assert_eq!(mail(&[value]), Err(ParamError::Value), "{value}");
        }
        for value in ["NOTIFY=NEVER,SUCCESS", "NOTIFY=", "ORCPT=rfc822", "ORCPT=rfc822;a+0A", "ORCPT=;a"] {
            assert_eq!(rcpt(&[value]), Err(ParamError::Value), "{value}");
        }
        assert_eq!(mail(&["SIZE=1", "SIZE=1"]), Err(ParamError::Repeated));
        assert_eq!(mail(&["SMTPUTF8", "SMTPUTF8"]), Err(ParamError::Repeated));
        assert_eq!(mail(&["MT-PRIORITY=1"]), Err(ParamError::Unknown));
        assert_eq!(rcpt(&["SIZE=1"]), Err(ParamError::Unknown));
    }
}
