//! The ledger as the relay's fence.
//!
//! The shapes are alike on purpose; the ledger does not know the relay, nor the relay the ledger.

use egress::{Claim, Fence, Results};
use proto::Position;

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
