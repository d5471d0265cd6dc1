// SPDX-License-Identifier: Apache-2.0
//! System calls that the standard library lacks: epoll, eventfd, socket options, datagrams without copies.
//!
//! All unsafe code of the engine is here; each function is safe to call.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::address::RawAddress;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_len(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// One readiness report of epoll.
pub(crate) type Readiness = libc::epoll_event;

/// An empty report, to fill buffers with.
pub(crate) const NO_READINESS: Readiness = libc::epoll_event { events: 0, u64: 0 };

/// A level-triggered epoll instance for reading.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers; a descriptor that it returns is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Self(fd))
    }

    /// Reports `token` whenever `fd` is readable.
    pub(crate) fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` outlives the call; a bad descriptor is an error, not undefined behaviour.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) })?;
        Ok(())
    }

    /// Forgets `fd`.
    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        // SAFETY: the kernel ignores the event pointer of a removal.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) })?;
        Ok(())
    }

    /// Waits up to `timeout_ms` (-1 for ever, 0 not at all); an interrupted wait reports nothing.
    pub(crate) fn wait<'a>(
        &self,
        ready: &'a mut [Readiness],
        timeout_ms: i32,
    ) -> io::Result<&'a [Readiness]> {
        let capacity = i32::try_from(ready.len()).unwrap_or(i32::MAX);
        // SAFETY: the buffer holds at least `capacity` entries and outlives the call.
        let result =
            unsafe { libc::epoll_wait(self.0.as_raw_fd(), ready.as_mut_ptr(), capacity, timeout_ms) };
        match check(result) {
            Ok(count) => Ok(&ready[..count as usize]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(&[]),
            Err(error) => Err(error),
        }
    }
}

/// A counter that wakes whoever waits for its descriptor.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: the call takes no pointers; a descriptor that it returns is owned by nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(check(libc::eventfd(0, flags))?) }))
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes the descriptor readable.
    pub(crate) fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer holds eight octets. A full counter (EAGAIN) is readable already, so the result
        // carries nothing.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes the descriptor unreadable until the next signal.
    pub(crate) fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the buffer holds eight octets. An empty counter (EAGAIN) is what is wanted.
        unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

fn set_option(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the option value is a c_int of the stated size and outlives the call.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size) })?;
    Ok(())
}

/// Sets buffer size and traffic class of a media socket.
pub(crate) fn tune_socket(fd: RawFd, is_ipv6: bool, receive_buffer: usize, dscp: u8) -> io::Result<()> {
    let octets = i32::try_from(receive_buffer).unwrap_or(i32::MAX);
    set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, octets)?;
    if is_ipv6 {
        set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, i32::from(dscp))
    } else {
        set_option(fd, libc::IPPROTO_IP, libc::IP_TOS, i32::from(dscp))
    }
}

/// Takes one datagram without waiting. The length is the datagram's own, which may exceed the buffer.
pub(crate) fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<(usize, Option<SocketAddr>)> {
    let mut address = RawAddress::empty();
    let mut address_len = address.capacity();
    // SAFETY: both buffers are valid for the stated sizes and outlive the call.
    let length = check_len(unsafe {
        libc::recvfrom(
            fd,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_DONTWAIT | libc::MSG_TRUNC,
            address.as_mut_ptr(),
            &raw mut address_len,
        )
    })?;
    Ok((length, address.to_socket_addr()))
}

/// Sends one datagram without waiting.
pub(crate) fn send(fd: RawFd, packet: &[u8], destination: &RawAddress) -> io::Result<()> {
    // SAFETY: packet and address are valid for the stated sizes and outlive the call.
    check_len(unsafe {
        libc::sendto(
            fd,
            packet.as_ptr().cast(),
            packet.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            destination.as_ptr(),
            destination.len(),
        )
    })?;
    Ok(())
}

/// Keeps all signals away from the calling thread, so that they reach the interpreter's main thread at once.
pub(crate) fn block_signals() {
    // SAFETY: an all-zero set is valid memory for `sigfillset`, which initialises it; the old mask is not asked
    // for. Neither call can fail with these arguments.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

/// Fills `bytes` from the operating system's random source.
pub(crate) fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    // SAFETY: the buffer is valid for its length. Up to 256 octets are never cut short or interrupted.
    let length = check_len(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) })?;
    if length == bytes.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
