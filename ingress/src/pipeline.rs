//! The seam to the rest of Mailweir, owned by the side that needs it.
//!
//! There is no error: whatever goes wrong must be said to the client as a reply, and what nobody knows is a 4xx.

use std::sync::Arc;

use proto::{Deadline, Early, Mail, Outcomes};

/// Takes a mail and answers for every recipient.
pub trait Pipeline: Send + Sync + 'static {
    /// Carries `mail` as far as it can by `deadline` and says what became of it, recipient by recipient.
    ///
    /// `early` may be told replies that are final before the whole is known; what it was told equals what the outcomes
    /// say. The future is dropped when the deadline and [`crate::Settings::reply_grace`] have passed, and, with
    /// [`crate::ClientLoss::Cancel`], when the client is gone.
    fn submit(
        &self,
        mail: Mail,
        deadline: Deadline,
        early: Arc<dyn Early>,
    ) -> impl Future<Output = Outcomes> + Send;
}
