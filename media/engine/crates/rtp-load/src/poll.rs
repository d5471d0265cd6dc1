// SPDX-License-Identifier: Apache-2.0
//! Waiting for many sockets with a deadline finer than epoll's milliseconds.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Sockets reported at once.
pub(crate) const BATCH: usize = 512;

/// An epoll instance that reports indices.
pub(crate) struct Poll {
    epoll: OwnedFd,
    ready: Vec<libc::epoll_event>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and owned by nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, ready: vec![libc::epoll_event { events: 0, u64: 0 }; BATCH] })
    }

    pub(crate) fn add(&self, socket: &UdpSocket, index: usize) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: index as u64 };
        let (epoll, fd): (RawFd, RawFd) = (self.epoll.as_raw_fd(), socket.as_raw_fd());
        // SAFETY: `event` outlives the call.
        let result = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Indices of the readable sockets; waits up to `timeout` for the first.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<impl Iterator<Item = usize>> {
        if !timeout.is_zero() {
            self.sleep_until_readable(timeout)?;
        }
        // SAFETY: the buffer holds BATCH entries and outlives the call.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.ready.as_mut_ptr(), BATCH as i32, 0) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.ready[..count].iter().map(|event| event.u64 as usize))
    }

    fn sleep_until_readable(&self, timeout: Duration) -> io::Result<()> {
        let mut descriptor = libc::pollfd { fd: self.epoll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let time = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
        };
        // SAFETY: both structures outlive the call; no signal mask is given.
        let result = unsafe { libc::ppoll(&raw mut descriptor, 1, &raw const time, std::ptr::null()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
