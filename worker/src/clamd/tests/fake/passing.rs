//! The reading half of a unix socket, which keeps the files that come with its bytes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::unix::OwnedReadHalf;

/// Those that came and were not taken yet.
#[derive(Clone, Default)]
pub(super) struct Files(Arc<Mutex<VecDeque<File>>>);

impl Files {
    /// What the next one holds, as one reads it that did not open it.
    pub(super) fn next(&self) -> Vec<u8> {
        let file = self.0.lock().unwrap().pop_front().expect("a file came with the command");
        let (mut content, mut at) = (Vec::new(), 0);
        let mut piece = [0; 65536];
        loop {
            let read = file.read_at(&mut piece, at).unwrap();
            if read == 0 {
                return content;
            }
            content.extend_from_slice(&piece[..read]);
            at += read as u64;
        }
    }
}

/// The half.
pub(super) struct Passing {
    socket: OwnedReadHalf,
    files: Files,
}

impl Passing {
    pub(super) fn new(socket: OwnedReadHalf) -> (Self, Files) {
        let files = Files::default();
        (Self { socket, files: files.clone() }, files)
    }

    fn receive(&self, to: &mut ReadBuf<'_>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(to.initialize_unfilled())];
        let received = recvmsg(self.socket.as_ref(), &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                self.files.0.lock().unwrap().extend(files.map(File::from));
            }
        }
        to.advance(received.bytes);
        Ok(())
    }
}

impl AsyncRead for Passing {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.as_ref().poll_read_ready(context))?;
            match self.socket.as_ref().try_io(Interest::READABLE, || self.receive(to)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}
