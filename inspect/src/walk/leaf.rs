//! A part of a mail that holds no other parts: judged by its name, its declared type and its content, and opened later
//! where it can be.

use std::borrow::Cow;
use std::rc::Rc;

use super::headers::Headers;
use super::look::{self, Look};
use super::place::{Place, has_extension, shorten};
use super::queue::Opening;
use super::views::views;
use super::{Walk, feed};
use crate::attachments::signatures::{self, PREFIX_BYTES};
use crate::banned::{Attributes, Node};

/// Most bytes of a part that are decoded to see what it is, where there is no budget for more; encodings take up to
/// three bytes for one.
const ENCODED_PREFIX_BYTES: usize = 3 * PREFIX_BYTES;
/// Extensions of files that are mails.
const MAIL_EXTENSIONS: [&str; 4] = ["eml", "mht", "mhtml", "nws"];

/// Whether it is called like a mail.
pub(super) fn is_mail_file(node: &Node) -> bool {
    MAIL_EXTENSIONS.iter().any(|extension| has_extension(node, extension))
}

/// Where a part comes.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) parent: Rc<Place>,
    /// Multiparts and messages around it.
    pub(super) depth: usize,
    /// Its place among its neighbours, from 1; 0 where that is not known.
    pub(super) position: usize,
    /// Whether it is in something that not every reader looks into.
    pub(super) is_hidden: bool,
}

impl Site {
    /// Somewhere in `parent`, as deep as it is.
    pub(super) fn within(parent: &Rc<Place>) -> Self {
        Self { parent: Rc::clone(parent), depth: parent.depth, position: 0, is_hidden: false }
    }

    /// The first in the part that is here and has that place.
    pub(super) fn below(&self, parent: Rc<Place>, is_hidden: bool) -> Self {
        Self { parent, depth: self.depth + 1, position: 1, is_hidden: self.is_hidden || is_hidden }
    }
}

impl Walk<'_> {
    /// Judges a part with that body.
    pub(super) fn leaf(&mut self, site: &Site, headers: &Headers, body: &[u8]) {
        let (views, is_whole) = match self.decoded(body, headers) {
            Some(views) => (views, true),
            None => {
                let start = body.get(..ENCODED_PREFIX_BYTES).unwrap_or(body);
                (views(start, headers, PREFIX_BYTES), false)
            }
        };
        let looks: Vec<Look> = views.iter().map(|view| Look::at(view)).collect();
        let place = self.place(site, headers, &looks, &views);
        if !is_whole {
            return;
        }
        if headers.is_text()
            && let Some(text) = views.last()
        {
            let is_html = headers.kinds.contains("text/html");
            self.texts.add(text, headers.charset.as_deref().unwrap_or_default(), is_html);
        }
        let readings = views.len();
        for (view, look) in views.into_iter().zip(looks) {
            let is_decoded = matches!(view, Cow::Owned(_));
            if let Some(is_hidden) = feed::of_part(headers, body, is_decoded, &look, readings) {
                // Where the place is not known, no reader takes it for a part, or only some.
                self.feed(&view, is_hidden || self.is_hidden || site.is_hidden || site.position == 0);
            }
            self.open_view(view, look, headers, &place);
        }
    }

    fn open_view(&mut self, view: Cow<'_, [u8]>, look: Look, headers: &Headers, place: &Rc<Place>) {
        let is_mail = headers.is_message()
            || (headers.kinds.is_empty() && place.is_in_digest())
            || is_mail_file(&place.node)
            || (!headers.is_text() && look::is_mail(&view));
        if is_mail {
            self.open_later(view.as_ref(), Opening::Mail, place);
        }
        if !look.formats.is_empty() {
            self.open_later(view, Opening::Archive(look.formats), place);
        }
    }

    /// The place of a part, judged.
    pub(super) fn place(
        &mut self,
        site: &Site,
        headers: &Headers,
        looks: &[Look],
        views: &[Cow<'_, [u8]>],
    ) -> Rc<Place> {
        if headers.is_over_limit {
            self.findings.over_limit("header parameters");
        }
        let mut types: Vec<String> = Vec::new();
        for label in looks.iter().flat_map(|look| &look.labels) {
            if !types.iter().any(|known| known == label) {
                types.push((*label).to_owned());
            }
        }
        let mut names: Vec<Vec<u8>> = headers.names.iter().map(|name| name.as_bytes().to_vec()).collect();
        for name in &mut names {
            shorten(name);
        }
        let node = Node {
            position: site.position,
            number: self.next_number(),
            mime_types: headers.kinds.iter().filter(|kind| !kind.is_empty()).cloned().collect(),
            types,
            names,
            attributes: Attributes { is_ambiguous: headers.is_ambiguous, ..Attributes::default() },
            ..Node::default()
        };
        let place = Place::part(&site.parent, site.depth, node);
        self.judge(&place, || {
            let with_labels = looks.iter().zip(views).find(|(look, _)| !look.labels.is_empty());
            with_labels.map(|(_, view)| signatures::readable(view)).unwrap_or_default()
        });
        place
    }

    /// The body in every reading of its encoding, charged; nothing when that is beyond the limit.
    pub(super) fn decoded<'b>(&mut self, body: &'b [u8], headers: &Headers) -> Option<Vec<Cow<'b, [u8]>>> {
        let views = views(body, headers, self.budget.decoded_bytes.saturating_add(1));
        let bytes = views.iter().filter(|view| matches!(view, Cow::Owned(_))).map(|view| view.len()).sum();
        match self.budget.decoded_bytes.checked_sub(bytes) {
            Some(left) => {
                self.budget.decoded_bytes = left;
                Some(views)
            }
            None => {
                self.findings.over_limit("decoded bytes");
                None
            }
        }
    }
}
