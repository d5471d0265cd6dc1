// SPDX-License-Identifier: Apache-2.0
//! Pairs of bound sockets: RTP on an even port, RTCP on the odd one above it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use media_core::{Component, PortPool};

use crate::error::EngineError;
use crate::options::EngineOptions;
use crate::sys;

/// The two sockets of a session.
#[derive(Debug)]
pub(crate) struct SocketPair {
    rtp: OwnedFd,
    rtcp: OwnedFd,
}

impl SocketPair {
    fn bind(options: &EngineOptions, port: u16) -> io::Result<Self> {
        let open = |port: u16| -> io::Result<OwnedFd> {
            let socket = UdpSocket::bind(SocketAddr::new(options.bind_ip, port))?;
            let is_ipv6 = options.bind_ip.is_ipv6();
            sys::tune_socket(socket.as_raw_fd(), is_ipv6, options.receive_buffer, options.dscp)?;
            Ok(socket.into())
        };
        // The pool gives out only pairs whose upper port is in the range, so the sum fits.
        Ok(Self { rtp: open(port)?, rtcp: open(port + 1)? })
    }

    pub(crate) fn fd(&self, component: Component) -> RawFd {
        match component {
            Component::Rtp => self.rtp.as_raw_fd(),
            Component::Rtcp => self.rtcp.as_raw_fd(),
        }
    }
}

/// Takes the next pair that can be bound, skipping ports that other programs hold.
pub(crate) fn bind_pair(
    pool: &mut PortPool,
    options: &EngineOptions,
    now_us: u64,
) -> Result<(u16, SocketPair), EngineError> {
    let mut held = Vec::new();
    let mut outcome = Err(EngineError::PortsExhausted);
    while let Some(port) = pool.take(now_us) {
        match SocketPair::bind(options, port) {
            Ok(pair) => {
                outcome = Ok((port, pair));
                break;
            }
            Err(error) => {
                held.push(port);
                if !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) {
                    outcome = Err(error.into());
                    break;
                }
            }
        }
    }
    for port in held {
        pool.put_back(port);
    }
    outcome
}
