// SPDX-License-Identifier: Apache-2.0
//! Socket addresses in the kernel's form. An IPv6 socket speaks to IPv4 hosts by mapped addresses; the rest of
//! the engine sees such hosts as IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A `sockaddr` of either family.
#[derive(Clone, Copy)]
pub(crate) union RawAddress {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    /// A buffer for the kernel to fill.
    pub(crate) fn empty() -> Self {
        Self {
            v6: libc::sockaddr_in6 {
                sin6_family: libc::AF_UNSPEC as libc::sa_family_t,
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
                sin6_scope_id: 0,
            },
        }
    }

    /// The kernel's form of `address`, for a socket of the given family.
    pub(crate) fn new(address: SocketAddr, is_ipv6_socket: bool) -> Self {
        match address {
            SocketAddr::V4(v4) if !is_ipv6_socket => Self::from_v4(*v4.ip(), v4.port()),
            SocketAddr::V4(v4) => Self::from_v6(v4.ip().to_ipv6_mapped(), v4.port(), 0),
            SocketAddr::V6(v6) => Self::from_v6(*v6.ip(), v6.port(), v6.scope_id()),
        }
    }

    fn from_v4(ip: Ipv4Addr, port: u16) -> Self {
        let mut address = Self::empty();
        address.v4 = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from(ip).to_be() },
            sin_zero: [0; 8],
        };
        address
    }

    fn from_v6(ip: Ipv6Addr, port: u16, scope_id: u32) -> Self {
        Self {
            v6: libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: port.to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                sin6_scope_id: scope_id,
            },
        }
    }

    fn family(&self) -> i32 {
        // SAFETY: `empty` initialises all octets, and both members begin with the family.
        i32::from(unsafe { self.v4.sin_family })
    }

    /// The address as the engine sees it; `None` when the kernel gave no internet address.
    pub(crate) fn to_socket_addr(self) -> Option<SocketAddr> {
        match self.family() {
            libc::AF_INET => {
                // SAFETY: the family says that this member was written.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: the family says that this member was written.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddr::new(ip.to_canonical(), u16::from_be(v6.sin6_port)))
            }
            _ => None,
        }
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const *self).cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut *self).cast()
    }

    /// Octets of the address that is held.
    pub(crate) fn len(&self) -> libc::socklen_t {
        let size = if self.family() == libc::AF_INET {
            size_of::<libc::sockaddr_in>()
        } else {
            size_of::<libc::sockaddr_in6>()
        };
        size as libc::socklen_t
    }

    /// Octets that the kernel may write.
    pub(crate) fn capacity(&self) -> libc::socklen_t {
        size_of::<Self>() as libc::socklen_t
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_addresses_of_both_families() {
        for text in ["192.0.2.1:4000", "[2001:db8::1]:4000"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddress::new(address, address.is_ipv6()).to_socket_addr(), Some(address));
        }
    }

    #[test]
    fn it_speaks_to_ipv4_hosts_through_an_ipv6_socket() {
        let address: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let raw = RawAddress::new(address, true);
        assert_eq!(raw.len() as usize, size_of::<libc::sockaddr_in6>());
        assert_eq!(raw.to_socket_addr(), Some(address));
    }

    #[test]
    fn it_reads_nothing_from_an_empty_address() {
        assert_eq!(RawAddress::empty().to_socket_addr(), None);
    }
}
