//! A group to which nothing is delivered: claim, answer, record.
//!
//! A discard is answered 2xx without any copy at a next hop, so here the record comes before the answer.

use proto::{Group, Reply};

use super::Job;
use super::tally::Tally;
use crate::fence::{Claim, Fence, Results};

impl<F: Fence> Job<'_, F> {
    pub(super) async fn withhold(&self, group: &Group, tally: &mut Tally<'_>) {
        let reply = group.final_reply();
        while !tally.open().is_empty() {
            let claimed = tally.open().to_vec();
            match self.claim(&claimed).await {
                Claim::Granted => {
                    let recorded = self.record(&Results::all(&claimed, &reply)).await;
                    if recorded || !reply.is_positive() {
                        tally.settle_all(&claimed, &reply);
                    } else {
                        tally.settle_all(&claimed, &Reply::unknown());
                    }
                }
                Claim::AlreadyDone(results) => tally.take_over(results, &claimed),
                Claim::Refused(why) => tally.settle_all(&claimed, &why),
            }
        }
    }
}
