//! TNEF, as Outlook sends it in `winmail.dat`: a flat list of attributes. Attachments have their names and data in
//! attributes of their own or in a block of MAPI properties; both are given.
//!
//! Absent: recipients, and properties that hold no content.

mod attribute;
mod properties;
mod rtf;

use crate::bytes::u32_le;
use crate::listing::{Listing, nothing};
use crate::names::until_nul;
use crate::output::stored;
use crate::{Budget, Kind, Limit, Member, Passwords, Trouble};
use attribute::{Attribute, Attributes};
use properties::{Found, Kind as Part};

const MAGIC: u32 = 0x223e_9f78;
const HEADER_BYTES: usize = 6;

/// An attachment begins.
const ATTACH_REND_DATA: u16 = 0x9002;
const ATTACH_TITLE: u16 = 0x8010;
const ATTACH_TRANSPORT_NAME: u16 = 0x9001;
const ATTACH_DATA: u16 = 0x800f;
const ATTACH_META_FILE: u16 = 0x8011;
/// Its MAPI properties.
const ATTACHMENT: u16 = 0x9005;
const MESSAGE_PROPERTIES: u16 = 0x9003;
const BODY: u16 = 0x800c;

const NAMES_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 4096;

pub(crate) fn is(content: &[u8]) -> bool {
    u32_le(content, 0) == Some(MAGIC)
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut listing = Listing::new(budget, visit);
    let end = members(content, &mut listing);
    listing.finish(end)
}

/// What is known of the attachment that is being read; its parts come in any order.
#[derive(Default)]
struct Attachment<'a> {
    names: Vec<Vec<u8>>,
    parts: Vec<Found<'a>>,
    /// Its icon: not under its name.
    icon: Option<&'a [u8]>,
}

fn members(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    let mut attributes = Attributes::new(content.get(HEADER_BYTES..).unwrap_or_default());
    let mut attachment = Attachment::default();
    for attribute in &mut attributes {
        if !attribute.is_sum_right {
            listing.trouble(Trouble::Damaged("checksum"));
        }
        match attribute.id {
            MESSAGE_PROPERTIES => {
                let (parts, _, is_whole) = properties::read(attribute.data);
                if !is_whole {
                    listing.trouble(Trouble::Damaged("MAPI properties"));
                }
                for part in parts {
                    give(Vec::new(), &part, listing)?;
                }
            }
            BODY => give(Vec::new(), &Found::attribute(attribute.data), listing)?,
            ATTACH_REND_DATA => {
                give_attachment(std::mem::take(&mut attachment), listing)?;
            }
            _ => {
                if !attachment.take(&attribute) {
                    listing.trouble(Trouble::Damaged("attributes of an attachment"));
                }
            }
        }
    }
    give_attachment(attachment, listing)?;
    if !attributes.is_at_end() {
        listing.trouble(Trouble::Damaged("truncated"));
    }
    Ok(())
}

impl<'a> Attachment<'a> {
    /// False when it is broken.
    fn take(&mut self, attribute: &Attribute<'a>) -> bool {
        match attribute.id {
            ATTACH_TITLE | ATTACH_TRANSPORT_NAME => return self.add(until_nul(attribute.data)),
            ATTACH_DATA => self.parts.push(Found::attribute(attribute.data)),
            ATTACH_META_FILE => self.icon = Some(attribute.data),
            ATTACHMENT => {
                let (parts, names, is_whole) = properties::read(attribute.data);
                self.parts.extend(parts);
                return names.iter().fold(is_whole, |is_whole, name| self.add(name) && is_whole);
            }
            _ => {}
        }
        true
    }

    /// False when there are more than an attachment has, or a longer one: each of its parts is given with all.
    fn add(&mut self, name: &[u8]) -> bool {
        let is_kept = self.names.len() < NAMES_MAX;
        self.names.extend(name.get(..NAME_BYTES_MAX.min(name.len())).filter(|_| is_kept).map(<[u8]>::to_vec));
        is_kept && name.len() <= NAME_BYTES_MAX
    }
}

fn give_attachment(attachment: Attachment<'_>, listing: &mut Listing<'_>) -> Result<(), Limit> {
    let Attachment { names, parts, icon } = attachment;
    if let Some(data) = icon {
        give(Vec::new(), &Found::attribute(data), listing)?;
    }
    if parts.is_empty() && !names.is_empty() {
        return listing.give(names, Kind::File, false, |_| nothing(None));
    }
    for part in parts {
        give(names.clone(), &part, listing)?;
    }
    Ok(())
}

fn give(names: Vec<Vec<u8>>, part: &Found<'_>, listing: &mut Listing<'_>) -> Result<(), Limit> {
    listing.rare(part.is_property);
    listing.give(names, Kind::File, false, |budget| match part.kind {
        Part::Bytes => stored(part.data, budget),
        Part::Rtf => rtf::unpack(part.data, budget),
    })
}
