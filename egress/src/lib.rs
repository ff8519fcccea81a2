//! SMTP and LMTP client of Mailweir: sans-IO dialogue, pool, header edits.
