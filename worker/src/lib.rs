//! Scanner of Mailweir: asks scanners in parallel, inspects attachments, applies policy.
