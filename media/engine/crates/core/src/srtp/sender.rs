// SPDX-License-Identifier: Apache-2.0
//! Protects what is sent to one remote.

use hmac::Mac;

use super::index::Indices;
use super::keys::{MasterKey, Purpose, RTCP_TAG_LEN, SessionKeys};
use crate::datagram::Datagram;
use crate::rtcp;
use crate::rtp;

/// Streams that one key may encrypt. More are refused: one that is forgotten could use its indices again.
const MAX_STREAMS: usize = 256;
/// The bit that says that an RTCP packet is encrypted (RFC 3711 3.4).
const ENCRYPTED: u32 = 1 << 31;

/// One direction of one leg.
#[derive(Debug)]
pub struct Sender {
    master: MasterKey,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    /// By SSRC, the one in use first.
    streams: Vec<(u32, Indices)>,
    /// Of the next RTCP packet, of whatever stream: so none is used twice.
    rtcp_index: u32,
}

impl Sender {
    /// A sender that has sent nothing.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self {
            rtp: SessionKeys::new(master, Purpose::Rtp),
            rtcp: SessionKeys::new(master, Purpose::Rtcp),
            master: master.clone(),
            streams: Vec::new(),
            rtcp_index: 1,
        }
    }

    /// Whether a key is the one in use.
    #[must_use]
    pub fn uses(&self, master: &MasterKey) -> bool {
        self.master == *master
    }

    /// Encrypts a valid RTP packet in place and appends its tag.
    ///
    /// False when it must not be sent: its sequence number was used already, there are too many streams, or the
    /// buffer has no room.
    #[must_use]
    pub fn protect_rtp(&mut self, datagram: &mut Datagram<'_>) -> bool {
        let Ok(clear) = rtp::ClearPart::parse(datagram.octets()) else { return false };
        let Some(indices) = self.indices_of(clear.ssrc) else { return false };
        let Some(index) = indices.estimate(clear.sequence).filter(|&index| indices.is_fresh(index)) else {
            return false;
        };
        indices.note(index);
        self.rtp.apply_key_stream(clear.ssrc, index, &mut datagram.octets_mut()[clear.len..]);
        let mut mac = self.rtp.tag_over(datagram.octets());
        mac.update(&((index >> 16) as u32).to_be_bytes());
        datagram.extend(&mac.finalize().into_bytes()[..self.master.suite().rtp_tag_len()])
    }

    /// Encrypts a valid RTCP compound in place and appends its index and tag.
    ///
    /// False when it must not be sent: the key is used up, or the buffer has no room.
    #[must_use]
    pub fn protect_rtcp(&mut self, datagram: &mut Datagram<'_>) -> bool {
        let Some(ssrc) = rtcp::sender_ssrc(datagram.octets()) else { return false };
        let index = self.rtcp_index;
        if index & ENCRYPTED != 0 {
            return false;
        }
        self.rtcp_index += 1;
        let body = &mut datagram.octets_mut()[rtcp::CLEAR_LEN..];
        self.rtcp.apply_key_stream(ssrc, u64::from(index), body);
        if !datagram.extend(&(index | ENCRYPTED).to_be_bytes()) {
            return false;
        }
        let mac = self.rtcp.tag_over(datagram.octets());
        datagram.extend(&mac.finalize().into_bytes()[..RTCP_TAG_LEN])
    }

    fn indices_of(&mut self, ssrc: u32) -> Option<&mut Indices> {
        if let Some(position) = self.streams.iter().position(|stream| stream.0 == ssrc) {
            self.streams.swap(0, position);
        } else if self.streams.len() < MAX_STREAMS {
            self.streams.insert(0, (ssrc, Indices::default()));
        } else {
            return None;
        }
        self.streams.first_mut().map(|stream| &mut stream.1)
    }
}
