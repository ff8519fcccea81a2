//! What waits to be opened. Mails come before archives, since their text may hold the passwords of these; of each the
//! last first, so that what is deep is done with and freed before its neighbours.

use std::collections::HashMap;
use std::rc::Rc;

use unpack::Format;

use super::place::Place;

/// How to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Mail,
    /// As each of these.
    Archive(Vec<Format>),
}

/// Something that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) content: Vec<u8>,
    pub(super) opening: Opening,
    pub(super) place: Rc<Place>,
}

/// Why something does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The same bytes were opened at the same path, at least as far from the limits of depth.
    Known,
    /// It is in itself.
    Endless,
    /// Too much waits already.
    TooMuch,
}

/// All that waits.
#[derive(Debug)]
pub(super) struct Queue {
    mails: Vec<Job>,
    archives: Vec<Job>,
    held_bytes: usize,
    held_bytes_max: usize,
    /// Depths at which a content was opened, by digest.
    opened: HashMap<[u8; 32], (usize, usize)>,
}

impl Queue {
    pub(super) fn new(held_bytes_max: usize) -> Self {
        let (mails, archives) = (Vec::new(), Vec::new());
        Self { mails, archives, held_bytes: 0, held_bytes_max, opened: HashMap::new() }
    }

    /// Takes it, unless there is no use or no room.
    pub(super) fn push(
        &mut self,
        content: impl Into<Vec<u8>> + AsRef<[u8]>,
        opening: Opening,
        place: &Rc<Place>,
    ) -> Result<(), Refused> {
        let digest = *blake3::hash(content.as_ref()).as_bytes();
        if place.is_within(&digest) {
            return Err(Refused::Endless);
        }
        let key = key(&digest, &opening, place);
        let depths = (place.depth, place.archive_depth);
        if self.opened.get(&key).is_some_and(|known| known.0 <= depths.0 && known.1 <= depths.1) {
            return Err(Refused::Known);
        }
        let held = self.held_bytes.saturating_add(content.as_ref().len());
        if held > self.held_bytes_max {
            return Err(Refused::TooMuch);
        }
        self.held_bytes = held;
        self.opened.insert(key, depths);
        place.note_digest(digest);
        let job = Job { content: content.into(), opening, place: Rc::clone(place) };
        match job.opening {
            Opening::Mail => self.mails.push(job),
            Opening::Archive(_) => self.archives.push(job),
        }
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        let job = self.mails.pop().or_else(|| self.archives.pop())?;
        self.held_bytes -= job.content.len();
        Some(job)
    }

    /// Gives up all archives; tells whether there were any.
    pub(super) fn drop_archives(&mut self) {
        for job in std::mem::take(&mut self.archives) {
            self.held_bytes -= job.content.len();
        }
    }
}

/// Of a content that is opened so at that path: rules may judge what is in it by the names of what it is in.
fn key(digest: &[u8; 32], opening: &Opening, place: &Place) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(digest);
    hasher.update(&[u8::from(*opening == Opening::Mail)]);
    for node in place.path() {
        let words = node.names.iter().map(Vec::as_slice).chain(node.mime_types.iter().map(String::as_bytes));
        for word in words {
            hasher.update(&word.len().to_le_bytes());
            hasher.update(word);
        }
        hasher.update(b"/");
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::banned::Node;

    fn named(name: &str) -> Node {
        Node { names: vec![name.into()], ..Node::default() }
    }

    fn archive() -> Opening {
        Opening::Archive(vec![Format::Zip])
    }

    #[test]
    fn the_same_is_opened_once_at_a_path_and_again_where_it_is_less_deep() {
        let mut queue = Queue::new(100);
        let mail = Place::mail();
        let deep = Place::part(&mail, 5, named("a"));
        assert_eq!(queue.push(*b"x", archive(), &deep), Ok(()));
        assert_eq!(queue.push(*b"x", archive(), &Place::part(&mail, 5, named("a"))), Err(Refused::Known));
        assert_eq!(queue.push(*b"x", archive(), &Place::part(&mail, 6, named("a"))), Err(Refused::Known));
        assert_eq!(queue.push(*b"x", archive(), &Place::part(&mail, 4, named("a"))), Ok(()));
        assert_eq!(queue.push(*b"x", archive(), &Place::part(&mail, 5, named("b"))), Ok(()));
        assert_eq!(queue.push(*b"x", Opening::Mail, &deep), Ok(()));
    }

    #[test]
    fn what_is_in_itself_is_told() {
        let mut queue = Queue::new(100);
        let outer = Place::part(&Place::mail(), 0, named("a"));
        assert_eq!(queue.push(*b"quine", archive(), &outer), Ok(()));
        let between = Place::member(&outer, named("b"));
        assert_eq!(queue.push(*b"other", archive(), &between), Ok(()));
        let inner = Place::member(&between, named("c"));
        assert_eq!(queue.push(*b"quine", archive(), &inner), Err(Refused::Endless));
    }

    #[test]
    fn mails_come_first_the_last_of_each_before_the_others_and_all_within_the_limit() {
        let mut queue = Queue::new(3);
        let place = Place::mail();
        for (content, opening) in [(b"1", archive()), (b"2", Opening::Mail), (b"3", archive())] {
            assert_eq!(queue.push(*content, opening, &place), Ok(()));
        }
        assert_eq!(queue.push(*b"4", archive(), &place), Err(Refused::TooMuch));
        let order: Vec<Vec<u8>> = std::iter::from_fn(|| queue.pop()).map(|job| job.content).collect();
        assert_eq!(order, [b"2", b"3", b"1"]);
        assert_eq!(queue.push(*b"567", archive(), &place), Ok(()));
        queue.drop_archives();
        assert_eq!(queue.push(*b"890", archive(), &place), Ok(()));
    }
}
