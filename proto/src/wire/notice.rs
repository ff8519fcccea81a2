//! What an egress tells the ingress that waits.

use serde::{Deserialize, Serialize};

use crate::{Position, Reply, TxId};

/// Final replies for some or all recipients of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The transaction.
    pub tx: TxId,
    /// The replies that are final.
    pub replies: Vec<(Position, Reply)>,
    /// Whether nothing follows: recipients without a reply by now are unknown.
    pub last: bool,
}
