//! What unpacking one mail may cost in all: one account for all containers, at every depth.

use std::time::Duration;

use thiserror::Error;

/// How much may be unpacked of one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All output together, in bytes. Default: 500 MiB.
    pub out_bytes_max: u64,
    /// One member, in bytes: it is held in memory. Default: 100 MiB.
    pub member_bytes_max: u64,
    /// Output of one member to its input, above `ratio_from_bytes` of output. Default: 100.
    pub ratio_max: u64,
    /// Default: 1 MiB.
    pub ratio_from_bytes: u64,
    /// Members of all containers together. Default: 5 000.
    pub members_max: u64,
    /// Dictionary or window that a decoder may ask for, in bytes. Default: 128 MiB.
    pub dictionary_bytes_max: u64,
    /// CPU time. Default: 20 s.
    pub cpu: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            out_bytes_max: 500 * 1024 * 1024,
            member_bytes_max: 100 * 1024 * 1024,
            ratio_max: 100,
            ratio_from_bytes: 1024 * 1024,
            members_max: 5_000,
            dictionary_bytes_max: 128 * 1024 * 1024,
            cpu: Duration::from_secs(20),
        }
    }
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Limit {
    /// `out_bytes_max`.
    #[error("unpacked bytes")]
    OutBytes,
    /// `member_bytes_max`.
    #[error("bytes of a member")]
    MemberBytes,
    /// `ratio_max`.
    #[error("compression ratio")]
    Ratio,
    /// `members_max`.
    #[error("members")]
    Members,
    /// `dictionary_bytes_max`.
    #[error("dictionary bytes")]
    Dictionary,
    /// `cpu`.
    #[error("CPU time")]
    Cpu,
}

impl Limit {
    /// Whether nothing more of the mail can be unpacked, as opposed to nothing more of one member.
    pub fn is_final(self) -> bool {
        match self {
            Self::OutBytes | Self::Members | Self::Cpu => true,
            Self::MemberBytes | Self::Ratio | Self::Dictionary => false,
        }
    }
}

/// What is left.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    out_bytes: u64,
    members: u64,
    /// CPU time of this process so far; a function, so that tests have their own clock.
    clock: fn() -> Duration,
    start: Duration,
}

impl Budget {
    /// Nothing spent yet.
    pub fn new(limits: Limits, clock: fn() -> Duration) -> Self {
        Self { limits, out_bytes: 0, members: 0, clock, start: clock() }
    }

    /// The limits that it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One more member.
    ///
    /// # Errors
    /// When that is one too many, or the time is up.
    pub fn member(&mut self) -> Result<(), Limit> {
        self.members += 1;
        if self.members > self.limits.members_max {
            return Err(Limit::Members);
        }
        self.time()
    }

    /// `bytes` more of output, of a member that has now `member_bytes` of `input_bytes`.
    ///
    /// # Errors
    /// The limit that this is beyond.
    pub fn output(&mut self, bytes: u64, member_bytes: u64, input_bytes: u64) -> Result<(), Limit> {
        self.out_bytes = self.out_bytes.saturating_add(bytes);
        if self.out_bytes > self.limits.out_bytes_max {
            return Err(Limit::OutBytes);
        }
        if member_bytes > self.limits.member_bytes_max {
            return Err(Limit::MemberBytes);
        }
        self.ratio(member_bytes, input_bytes)?;
        self.time()
    }

    /// Whether `out_bytes` are too many for `input_bytes`.
    ///
    /// # Errors
    /// When they are.
    pub fn ratio(&self, out_bytes: u64, input_bytes: u64) -> Result<(), Limit> {
        let is_large = out_bytes > self.limits.ratio_from_bytes;
        let is_over = out_bytes > input_bytes.max(1).saturating_mul(self.limits.ratio_max);
        if is_large && is_over { Err(Limit::Ratio) } else { Ok(()) }
    }

    /// Output so far, of all containers.
    pub fn out_bytes(&self) -> u64 {
        self.out_bytes
    }

    /// A decoder asks for `bytes` of memory for its dictionary or window.
    ///
    /// # Errors
    /// When that is more than allowed.
    pub fn dictionary(&self, bytes: u64) -> Result<(), Limit> {
        if bytes > self.limits.dictionary_bytes_max { Err(Limit::Dictionary) } else { Ok(()) }
    }

    /// Whether the CPU time is used up.
    ///
    /// # Errors
    /// When it is.
    pub fn time(&self) -> Result<(), Limit> {
        if (self.clock)().saturating_sub(self.start) > self.limits.cpu { Err(Limit::Cpu) } else { Ok(()) }
    }
}
