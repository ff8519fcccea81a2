//! The fence before the final dot: who may give these recipients of a mail to the next hop.
//!
//! Before the dot nothing has happened at the next hop, behind it everything has. So this is the one place where a
//! second copy can be prevented, and it is asked there and nowhere else. The ledgers behind it live elsewhere; egress
//! owns the question.

use std::future::Future;

use proto::{Position, Reply};

/// Final replies for some recipients of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results(pub Vec<(Position, Reply)>);

impl Results {
    /// The same reply for every one of `recipients`.
    pub fn all(recipients: &[Position], reply: &Reply) -> Self {
        Self(recipients.iter().map(|at| (*at, reply.clone())).collect())
    }
}

/// The answer of a [`Fence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody else delivers to these recipients: send the dot.
    Granted,
    /// Somebody did: these are the results, and the dot must not be sent. Recipients without a result are offered
    /// again in a transaction of their own.
    AlreadyDone(Results),
    /// Not known or not now: the dot must not be sent. The reply goes to all recipients; it never is positive.
    Refused(Reply),
}

/// Asked once per outgoing transaction, after the next hop took the recipients and the whole content, just before the
/// final dot.
///
/// Recipients of whom the next hop already refused the RCPT are in neither question: nothing can be delivered twice
/// there.
pub trait Fence: Send + Sync {
    /// May the mail be given to these recipients now?
    fn claim(&self, recipients: &[Position]) -> impl Future<Output = Claim> + Send;

    /// Keeps what became of the recipients of a granted claim, all of them at once. Whatever could not be learnt
    /// is 451 4.4.2: the next hop may or may not have it.
    fn record(&self, results: &Results) -> impl Future<Output = ()> + Send;
}

/// The fence of a node without a ledger: every claim is granted and nothing is kept.
#[derive(Clone, Copy, Debug)]
pub struct GrantAlways;

impl Fence for GrantAlways {
    async fn claim(&self, _: &[Position]) -> Claim {
        Claim::Granted
    }

    async fn record(&self, _: &Results) {}
}
