//! Where a socket is: `HOST:PORT` or `unix:PATH`, as flags, configuration and logs write it.
//!
//! Only the text form; resolving names and opening sockets is for those who do IO.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// No port, or a port that is no number up to 65535.
    #[error("`{0}` is not HOST:PORT or unix:PATH")]
    Syntax(String),
    /// `unix:` with nothing or a relative path behind it.
    #[error("`{0}` needs an absolute path behind `unix:`")]
    RelativePath(String),
}

/// A TCP or unix socket address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// A host name or address literal (IPv6 without brackets), and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A unix socket's absolute path.
    Unix(PathBuf),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(EndpointError::RelativePath(text.into()))
            };
        }
        let syntax = || EndpointError::Syntax(text.into());
        let (host, port) = text.rsplit_once(':').ok_or_else(syntax)?;
        let port = port.parse().map_err(|_| syntax())?;
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let is_bare_v6 = bracketed.is_none() && host.contains(':');
        if host.is_empty() || is_bare_v6 || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(syntax());
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_text_and_back() {
        for text in ["127.0.0.1:20024", "[::1]:25", "mx.example.org:25", "unix:/run/mailweir/lmtp"] {
            assert_eq!(text.parse::<Endpoint>().map(|e| e.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_endpoint_says_so() {
        for text in ["", "localhost", ":25", "::1:25", "a:65536", "a b:25", "unix:", "unix:run/x"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
