//! The envelopes of the load generator: a sender, so many recipients, and an identity where one is wanted.

use anyhow::{Context as _, Result};
use proto::{Body, Envelope, ForwardPath, MailParams, Origin, Recipient, ReversePath};

use crate::config::{Load, in_brackets};

/// Makes envelopes.
#[derive(Debug)]
pub(super) struct Envelopes {
    sender: ReversePath,
    recipients: Vec<Recipient>,
    /// In front of each mail's number in XFORWARD IDENT; `None` sends no XFORWARD.
    ident: Option<String>,
}

impl Envelopes {
    /// As the settings say. `run` tells this run's identities from another's.
    pub(super) fn new(settings: &Load, run: &str) -> Result<Self> {
        let sender =
            ReversePath::parse(&in_brackets(&settings.sender), true).context("reading the sender")?;
        let first = in_brackets(&settings.recipient);
        let recipients = (0..settings.recipients)
            .map(|number| ForwardPath::parse(&numbered(&first, number), true).map(Recipient::new))
            .collect::<Result<_, _>>()
            .context("reading the recipient")?;
        Ok(Self { sender, recipients, ident: settings.ident.then(|| run.to_owned()) })
    }

    /// The envelope of mail number `index`, which has `bytes`.
    pub(super) fn envelope(&self, index: u64, bytes: usize) -> Result<Envelope> {
        let is_ascii = self.sender.is_ascii() && self.recipients.iter().all(|to| to.path.is_ascii());
        let params = MailParams {
            size: Some(bytes as u64),
            body: Some(Body::EightBitMime),
            smtputf8: !is_ascii,
            ..MailParams::default()
        };
        let envelope = Envelope::new(self.sender.clone(), params, self.recipients.clone())?;
        let Some(run) = &self.ident else {
            return Ok(envelope);
        };
        Ok(envelope.with_origin(Origin { ident: Some(format!("{run}{index:X}")), ..Origin::default() }))
    }
}

/// `<load@example.net>`, `<load+1@example.net>`, `<load+2@example.net>` …
fn numbered(address: &str, number: usize) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) if number > 0 => format!("{local}+{number}@{domain}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn envelopes(flags: &[(&str, &str)]) -> Envelopes {
        let settings = Config::of_flags(flags).unwrap().sections.load;
        Envelopes::new(&settings, "R").unwrap()
    }

    #[test]
    fn recipients_get_a_number() {
        let envelope = envelopes(&[("load.recipients", "3")]).envelope(0, 10).unwrap();
        let paths: Vec<_> = envelope.recipients().iter().map(|to| to.path.as_str()).collect();
        assert_eq!(paths, ["load@example.net", "load+1@example.net", "load+2@example.net"]);
        assert_eq!(envelope.origin().ident, None);
    }

    #[test]
    fn each_mail_has_an_identity_of_its_own() {
        let envelopes = envelopes(&[("load.ident", "true"), ("load.sender", "<>")]);
        let ident = |index| envelopes.envelope(index, 10).unwrap().origin().ident.clone().unwrap();
        assert_eq!((ident(1).as_str(), ident(17).as_str()), ("R1", "R11"));
        assert_eq!(envelopes.envelope(0, 10).unwrap().sender(), &ReversePath::Null);
    }
}
