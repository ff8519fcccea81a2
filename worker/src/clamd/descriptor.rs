//! What goes to clamd for one scan where it is on the same machine: command and a file in memory that holds the content.
//!
//! clamd takes a stream in pieces of 4 KiB, in one thread for all its connections, and writes it to a file of its own
//! before it scans. A file that is handed over (FILDES, clamd(8)) spares it that. Deliberately absent: names and
//! paths; clamd learns nothing but the content.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;

/// Larger contents are copied by a thread that may take its time.
const INLINE_BYTES_MAX: usize = 256 * 1024;

/// A file that is in no directory and gone when the last has closed it.
pub(super) async fn file_of(content: &Bytes) -> io::Result<File> {
    if content.len() <= INLINE_BYTES_MAX {
        return write(content);
    }
    let content = content.clone();
    spawn_blocking(move || write(&content)).await?
}

fn write(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("mailweir-scan", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    Ok(file)
}

/// Sends `command`, and `file` with its first byte.
pub(super) async fn send(socket: &UnixStream, command: &[u8], file: &File) -> io::Result<()> {
    let files = [file.as_fd()];
    let sent = socket.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        Ok(sendmsg(socket, &[IoSlice::new(command)], &mut control, SendFlags::NOSIGNAL)?)
    });
    // Few bytes into a buffer that is empty between two requests: all of them or none.
    if sent.await? == command.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}
