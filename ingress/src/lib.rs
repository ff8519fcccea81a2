//! LMTP and SMTP server of Mailweir: sans-IO session, connections, listeners, admission.
