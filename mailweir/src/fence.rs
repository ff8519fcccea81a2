//! The ledgers as the relay's fence, and the fence of a mail without one.
//!
//! The shapes are alike on purpose; a ledger does not know the relay, nor the relay the ledgers.

use egress::{Claim, Fence, Results};
use proto::Position;
use proto::failpoint::{Failpoints, Point};

/// The ledger of the queue.
pub(crate) struct Claims(pub(crate) bus::Claims);

impl Fence for Claims {
    async fn claim(&self, recipients: &[Position]) -> Claim {
        match self.0.claim(recipients).await {
            bus::Claimed::Granted => Claim::Granted,
            bus::Claimed::AlreadyDone(results) => Claim::AlreadyDone(Results(results)),
            bus::Claimed::Refused(reply) => Claim::Refused(reply),
        }
    }

    async fn record(&self, results: &Results) {
        self.0.record(&results.0).await;
    }
}

/// The ledger of one machine.
pub(crate) struct OwnClaims(pub(crate) ledger::Claims);

impl Fence for OwnClaims {
    async fn claim(&self, recipients: &[Position]) -> Claim {
        match self.0.claim(recipients).await {
            ledger::Claimed::Granted => Claim::Granted,
            ledger::Claimed::AlreadyDone(results) => Claim::AlreadyDone(Results(results)),
            ledger::Claimed::Refused(reply) => Claim::Refused(reply),
        }
    }

    async fn record(&self, results: &Results) {
        self.0.record(&results.0).await;
    }
}

/// Every claim is granted and nothing is kept: there is no ledger, or nobody could ever ask for the mail.
pub(crate) struct Open<'a>(pub(crate) &'a Failpoints);

impl Fence for Open<'_> {
    async fn claim(&self, _: &[Position]) -> Claim {
        self.0.reached(Point::BeforeClaim);
        self.0.reached(Point::AfterClaim);
        Claim::Granted
    }

    async fn record(&self, _: &Results) {
        self.0.reached(Point::AfterDot);
        self.0.reached(Point::AfterRecord);
    }
}
