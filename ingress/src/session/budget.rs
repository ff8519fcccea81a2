//! How many commands, mistakes and over-long lines a session may have between two mails.
//!
//! What our own refusals provoke does not count against the client: it would lose its session, and Postfix with it the
//! trust in the whole server, for our being busy.

/// The counts since the last mail.
#[derive(Debug, Default)]
pub(super) struct Budget {
    commands: u32,
    errors: u32,
    long_lines: u32,
}

impl Budget {
    /// One more command; how many it makes.
    pub(super) fn command(&mut self) -> u32 {
        self.commands = self.commands.saturating_add(1);
        self.commands
    }

    /// One more mistake; how many it makes.
    pub(super) fn error(&mut self) -> u32 {
        self.errors = self.errors.saturating_add(1);
        self.errors
    }

    /// One more over-long line; how many it makes.
    pub(super) fn long_line(&mut self) -> u32 {
        self.long_lines = self.long_lines.saturating_add(1);
        self.long_lines
    }

    /// A mail was received, or refused for our own reasons: the counts begin anew.
    pub(super) fn renew(&mut self) {
        *self = Self::default();
    }
}
