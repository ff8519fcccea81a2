//! A command line taken apart: verb and argument, nothing of what they mean.

use proto::With;

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// LHLO, EHLO or HELO with the client's name.
    Hello(With, &'a str),
    /// What follows `MAIL FROM:`.
    Mail(&'a str),
    /// What follows `RCPT TO:`.
    Rcpt(&'a str),
    Data,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    /// The attributes.
    Xforward(&'a str),
    /// Not offered, and followed by content that is no command.
    Bdat,
    /// A command of some standard that we did not announce.
    NotOffered,
    /// A command of ours with an argument that it does not take, or without one that it needs.
    BadArgument,
    Unknown,
}

impl<'a> Command<'a> {
    /// Reads one line without line end.
    pub(super) fn parse(line: &'a str) -> Self {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim_matches(' ');
        let bare = |command| {
            if argument.is_empty() { command } else { Self::BadArgument }
        };
        let mut upper = [0; 8];
        match uppercase(verb, &mut upper) {
            "LHLO" => Self::Hello(With::Lmtp, argument),
            "EHLO" => Self::Hello(With::Esmtp, argument),
            "HELO" => Self::Hello(With::Smtp, argument),
            "MAIL" => behind(argument, "FROM:").map_or(Self::BadArgument, Self::Mail),
            "RCPT" => behind(argument, "TO:").map_or(Self::BadArgument, Self::Rcpt),
            "DATA" => bare(Self::Data),
            "RSET" => bare(Self::Rset),
            "QUIT" => bare(Self::Quit),
            "NOOP" => Self::Noop,
            "VRFY" => Self::Vrfy,
            "HELP" => Self::Help,
            "XFORWARD" => Self::Xforward(argument),
            "BDAT" => Self::Bdat,
            "STARTTLS" | "AUTH" | "XCLIENT" | "ETRN" | "EXPN" | "TURN" | "SEND" | "SOML" | "SAML"
            | "BURL" => Self::NotOffered,
            _ => Self::Unknown,
        }
    }
}

/// The verb in upper case, without allocating; empty when it is longer than any verb.
fn uppercase<'b>(verb: &str, buffer: &'b mut [u8; 8]) -> &'b str {
    let Some(upper) = buffer.get_mut(..verb.len()) else {
        return "";
    };
    upper.copy_from_slice(verb.as_bytes());
    upper.make_ascii_uppercase();
    str::from_utf8(upper).unwrap_or("")
}

/// What follows `keyword` in `argument`, blanks in between forgiven.
fn behind<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, tail) = argument.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| tail.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart() {
        for (line, expected) in [
            ("LHLO mx.example", Command::Hello(With::Lmtp, "mx.example")),
            ("ehlo mx", Command::Hello(With::Esmtp, "mx")),
            ("HELO", Command::Hello(With::Smtp, "")),
            ("MAIL FROM:<a@b> SIZE=1", Command::Mail("<a@b> SIZE=1")),
            ("mail from: <>", Command::Mail("<>")),
            ("MAIL <a@b>", Command::BadArgument),
            ("MAIL", Command::BadArgument),
            ("RCPT TO:<a@b>", Command::Rcpt("<a@b>")),
            ("RCPT FROM:<a@b>", Command::BadArgument),
            ("DATA ", Command::Data),
            ("DATA 1", Command::BadArgument),
            ("NOOP whatever", Command::Noop),
            ("XFORWARD NAME=a", Command::Xforward("NAME=a")),
            ("BDAT 5 LAST", Command::Bdat),
            ("STARTTLS", Command::NotOffered),
            ("", Command::Unknown),
            (" NOOP", Command::Unknown),
            ("NOOP\t", Command::Unknown),
            ("NOOPNOOPNOOP", Command::Unknown),
            ("GET / HTTP/1.1", Command::Unknown),
            ("é", Command::Unknown),
            ("MAIL FROMé<a@b>", Command::BadArgument),
        ] {
            assert_eq!(Command::parse(line), expected, "{line}");
        }
    }
}
