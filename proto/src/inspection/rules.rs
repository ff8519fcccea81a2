//! What an operator can set of the attachment rule: what is banned, and how much is looked into.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::BannedRules;

/// The attachment rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentRules {
    /// Last extensions of a name that are banned, without dot, compared without case; `{clsid}` is any class id in
    /// braces. Default: what Windows starts by a double click.
    pub extensions: Vec<String>,
    /// Last extensions that are banned behind another one (`invoice.pdf.exe`), also where `extensions` does not name
    /// them. Default: exe, vbs, pif, scr, bat, cmd, com, cpl, dll (amavis).
    pub double_extensions: Vec<String>,
    /// Declared media types that are banned, compared without case. Default: application/x-msdownload,
    /// application/x-msdos-program, application/hta, message/partial.
    pub mime_types: Vec<String>,
    /// Types by content that are banned, by amavis' short names: exe (of any system; exe-ms, exe-unix and exe-mac tell
    /// them apart), dll, lnk, hta, chm, zip, rar, 7z, cab, iso, ole, pdf, swf and so on, as the table in
    /// `signatures.rs` has them. Default: exe, dll, lnk, hta, chm.
    pub types: Vec<String>,
    /// Whole names that are exempt from the rules about names, compared without case. They are not exempt from the
    /// rules about types. Default: none.
    pub allowed_names: Vec<String>,
    /// Passwords that are tried on encrypted archives, before the words of the mail's own text. Default: none.
    pub passwords: Vec<String>,
    /// Sets of rules beside these lists. Default: none.
    pub banned: BannedRules,
    /// What is looked into at all.
    pub limits: Limits,
}

/// Bounds on what is parsed. A mail beyond one of them is unchecked: over-limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest mail that is parsed, in bytes. Default: 50 MiB.
    pub content_bytes_max: usize,
    /// Deepest nesting of multiparts and messages, the mail itself being 0. Default: 20.
    pub depth_max: usize,
    /// Most parts, those of nested messages and the containers themselves included. Default: 1 000.
    pub parts_max: usize,
    /// All header sections together, in bytes. Default: 1 MiB.
    pub header_bytes_max: usize,
    /// All header lines together. Default: 20 000.
    pub header_lines_max: usize,
    /// All bytes that transfer encodings gave, in every reading, together. Default: 200 MiB.
    pub decoded_bytes_max: usize,
    /// Decoded messages and archives that wait for their turn in memory, together, in bytes. Default: 256 MiB.
    pub held_bytes_max: usize,
    /// Deepest nesting of archives; what is in an archive in the mail is at 1. Default: 8.
    pub archive_depth_max: usize,
    /// Most members of all archives together. Default: 5 000.
    pub members_max: u64,
    /// All that archives unpack to, together, in bytes. Default: 500 MiB.
    pub out_bytes_max: usize,
    /// Largest member of an archive, in bytes; it is held in memory. Default: 100 MiB.
    pub member_bytes_max: usize,
    /// Most bytes of a member for each of its packed bytes, where it is larger than 1 MiB. Default: 100.
    pub ratio_max: u64,
    /// Largest dictionary or window that an archive may ask for, in bytes. Default: 128 MiB.
    pub dictionary_bytes_max: usize,
    /// CPU time for the archives of one mail. Default: 20 s.
    pub archive_cpu_max: Duration,
    /// Contents that are handed to virus scanners one by one, together, in bytes. Default: 50 MiB.
    pub feed_bytes_max: usize,
    /// Most such contents. Default: 500.
    pub feed_parts_max: usize,
    /// Words of the mail's text that are tried as passwords of an encrypted archive. Default: 200.
    pub password_words_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            content_bytes_max: 50 * 1024 * 1024,
            depth_max: 20,
            parts_max: 1_000,
            header_bytes_max: 1024 * 1024,
            header_lines_max: 20_000,
            decoded_bytes_max: 200 * 1024 * 1024,
            held_bytes_max: 256 * 1024 * 1024,
            archive_depth_max: 8,
            members_max: 5_000,
            out_bytes_max: 500 * 1024 * 1024,
            member_bytes_max: 100 * 1024 * 1024,
            ratio_max: 100,
            dictionary_bytes_max: 128 * 1024 * 1024,
            archive_cpu_max: Duration::from_secs(20),
            feed_bytes_max: 50 * 1024 * 1024,
            feed_parts_max: 500,
            password_words_max: 200,
        }
    }
}

impl Default for AttachmentRules {
    fn default() -> Self {
        let list = |words: &str| words.split_ascii_whitespace().map(str::to_owned).collect();
        Self {
            extensions: list(
                "exe com scr pif bat cmd cpl dll vbs vbe js jse ws wsf wsh wsc sct hta msi msp mst lnk chm hlp \
                 reg ps1 psm1 jar scf url vb ocx sys gadget application appref-ms msc inf ade adp {clsid}",
            ),
            double_extensions: list("exe vbs pif scr bat cmd com cpl dll"),
            mime_types: list(
                "application/x-msdownload application/x-msdos-program application/hta message/partial",
            ),
            types: list("exe dll lnk hta chm"),
            allowed_names: Vec::new(),
            passwords: Vec::new(),
            banned: BannedRules::default(),
            limits: Limits::default(),
        }
    }
}
