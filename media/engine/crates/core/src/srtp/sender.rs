// SPDX-License-Identifier: Apache-2.0
//! Protects what is sent to one remote.

use hmac::Mac;

use super::keys::{MasterKey, Purpose, RTCP_TAG_LEN, SessionKeys};
use super::sent::SentStreams;
use crate::datagram::Datagram;
use crate::rtcp;
use crate::rtp;

/// The bit that says that an RTCP packet is encrypted (RFC 3711 3.4).
const ENCRYPTED: u32 = 1 << 31;

/// One direction of one leg.
#[derive(Debug)]
pub struct Sender {
    master: MasterKey,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    streams: SentStreams,
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
            streams: SentStreams::new(master.first_ssrc()),
            master: master.clone(),
            rtcp_index: 1,
        }
    }

    /// Whether a key is the one in use.
    #[must_use]
    pub fn uses(&self, master: &MasterKey) -> bool {
        self.master == *master
    }

    /// Encrypts a valid RTP packet in place and appends its tag; a stream that began anew gets another SSRC.
    ///
    /// False when it must not be sent: its sequence number was used already or does not fit the stream, or the
    /// buffer has no room.
    #[must_use]
    pub fn protect_rtp(&mut self, datagram: &mut Datagram<'_>) -> bool {
        let Ok(clear) = rtp::ClearPart::parse(datagram.octets()) else { return false };
        let Some((ssrc, index)) = self.streams.place(clear.ssrc, clear.sequence) else { return false };
        if ssrc != clear.ssrc {
            rtp::set_ssrc(datagram.octets_mut(), ssrc);
        }
        self.rtp.apply_key_stream(ssrc, index, &mut datagram.octets_mut()[clear.len..]);
        let mut mac = self.rtp.tag_over(datagram.octets());
        mac.update(&((index >> 16) as u32).to_be_bytes());
        datagram.extend(&mac.finalize().into_bytes()[..self.master.suite().rtp_tag_len()])
    }

    /// Encrypts a valid RTCP compound in place and appends its index and tag; it names the SSRC that the packets
    /// of its sender have.
    ///
    /// False when it must not be sent: the key is used up, or the buffer has no room.
    #[must_use]
    pub fn protect_rtcp(&mut self, datagram: &mut Datagram<'_>) -> bool {
        let Some(source) = rtcp::sender_ssrc(datagram.octets()) else { return false };
        let index = self.rtcp_index;
        if index & ENCRYPTED != 0 {
            return false;
        }
        self.rtcp_index += 1;
        let ssrc = self.streams.sent_under(source);
        if ssrc != source {
            rtcp::replace_sender(datagram.octets_mut(), source, ssrc);
        }
        let body = &mut datagram.octets_mut()[rtcp::CLEAR_LEN..];
        self.rtcp.apply_key_stream(ssrc, u64::from(index), body);
        if !datagram.extend(&(index | ENCRYPTED).to_be_bytes()) {
            return false;
        }
        let mac = self.rtcp.tag_over(datagram.octets());
        datagram.extend(&mac.finalize().into_bytes()[..RTCP_TAG_LEN])
    }
}
