//! Single values: how each type is written, and what to write when it was not understood.
//!
//! One small implementation per type, so that a number means the same in a file, a variable and a flag.

use std::path::PathBuf;
use std::time::Duration;

use proto::Endpoint;

use super::units::{DURATION_EXPECTED, SIZE_EXPECTED, parse_duration, parse_size, show_duration, show_size};

/// A value that is one word.
pub(crate) trait Word: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What to write instead.
    fn parse(text: &str) -> Result<Self, String>;

    /// As it would stand in a file.
    fn to_toml(&self) -> String;
}

/// A quoted TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Finds `text` among named values.
pub(crate) fn choose<T: Copy>(text: &str, choices: &[(&'static str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

impl Word for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected true or false".into())
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Word for $number {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("expected a whole number from {} to {}", Self::MIN, Self::MAX))
            }

            fn to_toml(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
whole_numbers!(u8, u16, u32, u64, usize);

impl Word for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a text that is not empty".into());
        }
        Ok(text.to_owned())
    }

    fn to_toml(&self) -> String {
        quoted(self)
    }
}

impl Word for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a path".into());
        }
        Ok(text.into())
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Word for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text).ok_or_else(|| format!("expected {DURATION_EXPECTED}"))
    }

    fn to_toml(&self) -> String {
        quoted(&show_duration(*self))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Word for Size {
    fn parse(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self).ok_or_else(|| format!("expected {SIZE_EXPECTED}"))
    }

    fn to_toml(&self) -> String {
        quoted(&show_size(self.0))
    }
}

impl Word for Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected HOST:PORT or unix:/PATH".into())
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}
