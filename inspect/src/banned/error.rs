//! What is wrong with a rule, and where it stands.

use thiserror::Error;

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{why}", place(.number, .at))]
pub struct RuleError {
    /// The set that the rule is in.
    pub set: String,
    /// Which rule of the set, counted from 1; 0 is the set itself.
    pub number: usize,
    /// The character of the rule where it goes wrong, counted from 1; 0 is the rule as a whole.
    pub at: usize,
    /// What is wrong.
    pub why: Why,
}

fn place(number: &usize, at: &usize) -> String {
    match (number, at) {
        (0, _) => String::new(),
        (number, 0) => format!("rule {number}: "),
        (number, at) => format!("rule {number}, character {at}: "),
    }
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// It begins with another word.
    #[error("a rule begins with `ban`, `allow` or `use`, not `{0}`")]
    Action(String),
    /// Not a kind of test.
    #[error(
        "expected extension, double_extension, mime, type, name, attribute, path or a regular expression \
         (/…/i or qr/…/i), not `{0}`"
    )]
    Test(String),
    /// Nothing to compare with.
    #[error("there is nothing to compare with")]
    NoValues,
    /// More than there should be.
    #[error("`{0}` is too much")]
    Trailing(String),
    /// A quote or a delimiter that is not closed.
    #[error("`{0}` is not closed")]
    Unclosed(char),
    /// A condition of a path that is none.
    #[error("a step of a path is made of P=, L=, M=, T=, N= and A=, not `{0}`")]
    Condition(String),
    /// `>` at an end, or twice.
    #[error("there is no step beside `>`")]
    NoStep,
    /// An attribute that amavis does not have.
    #[error("attributes are B, C, D, L, S and U, not `{0}`")]
    Attribute(String),
    /// An extension as it cannot be.
    #[error("an extension is written without the dot and has none in it: `{0}`")]
    Extension(String),
    /// Look-ahead or look-behind.
    #[error("look-around is not supported: it cannot be matched in linear time; use an `allow` rule before")]
    LookAround,
    /// A back reference or a recursion.
    #[error("back references and recursion are not supported: they cannot be matched in linear time")]
    BackReference,
    /// Something else of Perl's.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// Behind a regular expression.
    #[error("flags are i, m, s, x and o, not `{0}`")]
    Flag(char),
    /// What the compiler of regular expressions says.
    #[error("{0}")]
    Regex(String),
    /// A rule that is too long.
    #[error("a rule has at most {RULE_BYTES_MAX} bytes")]
    TooLong,
    /// Too many of them.
    #[error("there are at most {RULES_MAX} rules in a set, those of the sets that it uses included")]
    TooMany,
    /// All patterns together.
    #[error("all patterns together are too large")]
    TooLarge,
    /// `use` of, or the site has, a set that is not there.
    #[error("there is no set `{0}`")]
    UnknownSet(String),
    /// A set that uses itself, directly or not.
    #[error("the set uses itself through `{0}`")]
    Circle(String),
    /// The lists of the attachment rule have that name.
    #[error("`default` is what [attachments] says; call the set otherwise")]
    DefaultIsTaken,
}

/// Longest rule, in bytes.
pub const RULE_BYTES_MAX: usize = 8 * 1024;
/// Most rules of a set, with those of the sets that it uses.
pub const RULES_MAX: usize = 1_000;

/// What is wrong with one rule, before it is known which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Counted from 1; 0 is the rule as a whole.
    pub(super) at: usize,
    pub(super) why: Why,
}

impl Fault {
    /// At that byte of the rule `text`.
    pub(super) fn new(text: &str, byte: usize, why: Why) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        Self { at: before.chars().count() + 1, why }
    }

    /// Of the rule as a whole.
    pub(super) fn whole(why: Why) -> Self {
        Self { at: 0, why }
    }
}
