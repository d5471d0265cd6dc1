// SPDX-License-Identifier: Apache-2.0
//! Checks and decrypts what one remote sends.
//!
//! A remote whose session moved here from another node may have wrapped its sequence numbers before: the
//! roll-over counter is not in the packets and its last node may be gone. So until a stream has had an authentic
//! packet, its packets are tried with some later counters too; never with earlier ones than the estimated one, which
//! would let old packets in again.

use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::index::Indices;
use super::keys::{MasterKey, Purpose, RTCP_TAG_LEN, SessionKeys};
use crate::datagram::Datagram;
use crate::rtcp;
use crate::rtp;

/// Streams whose indices are remembered; only who has the key can make one.
const MAX_STREAMS: usize = 64;
/// Roll-over counters tried for a new stream: the estimated one and those after it. Sixteen are 5.8 hours of 20 ms packets.
const COUNTERS_TRIED: u64 = 16;
const ROLL_OVER: u64 = 1 << 16;
const RTCP_INDEX_LEN: usize = 4;
const ENCRYPTED: u32 = 1 << 31;

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// It is too short, or no RTP or RTCP.
    Malformed,
    /// Its tag is wrong: another key, or it was changed on its way.
    Unauthenticated,
    /// It was taken before, or is too old to tell.
    Replayed,
}

/// One direction of one leg.
#[derive(Debug)]
pub struct Receiver {
    master: MasterKey,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

impl Receiver {
    /// A receiver that has received nothing.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self {
            rtp: SessionKeys::new(master, Purpose::Rtp),
            rtcp: SessionKeys::new(master, Purpose::Rtcp),
            master: master.clone(),
            rtp_streams: Streams::default(),
            rtcp_streams: Streams::default(),
        }
    }

    /// Whether a key is the one in use.
    #[must_use]
    pub fn uses(&self, master: &MasterKey) -> bool {
        self.master == *master
    }

    /// Checks an SRTP packet, decrypts it in place and takes its tag off.
    ///
    /// # Errors
    /// `Rejected`; nothing is changed then.
    pub fn open_rtp(&mut self, datagram: &mut Datagram<'_>) -> Result<(), Rejected> {
        let tag_len = self.master.suite().rtp_tag_len();
        let body_len = datagram.len().checked_sub(tag_len).ok_or(Rejected::Malformed)?;
        let (body, tag) = datagram.octets().split_at(body_len);
        let clear = rtp::ClearPart::parse(body).map_err(|_| Rejected::Malformed)?;
        let indices = self.rtp_streams.indices_of(clear.ssrc);
        let estimated = indices.estimate(clear.sequence).ok_or(Rejected::Replayed)?;
        if !indices.is_fresh(estimated) {
            return Err(Rejected::Replayed);
        }
        let mac = self.rtp.tag_over(body);
        let tried = if indices.is_new() { COUNTERS_TRIED } else { 1 };
        let index = (0..tried)
            .map(|later| estimated + later * ROLL_OVER)
            .find(|index| indices.is_fresh(*index) && fits(&mac, *index, tag))
            .ok_or(Rejected::Unauthenticated)?;
        self.rtp_streams.note(clear.ssrc, index);
        datagram.truncate(body_len);
        self.rtp.apply_key_stream(clear.ssrc, index, &mut datagram.octets_mut()[clear.len..]);
        Ok(())
    }

    /// Checks an SRTCP packet, decrypts it in place and takes index and tag off.
    ///
    /// # Errors
    /// `Rejected`; nothing is changed then.
    pub fn open_rtcp(&mut self, datagram: &mut Datagram<'_>) -> Result<(), Rejected> {
        let signed_len = datagram.len().checked_sub(RTCP_TAG_LEN).ok_or(Rejected::Malformed)?;
        let (signed, tag) = datagram.octets().split_at(signed_len);
        let body_len = signed_len.checked_sub(RTCP_INDEX_LEN).ok_or(Rejected::Malformed)?;
        let (body, word) = signed.split_at(body_len);
        let ssrc = rtcp::sender_ssrc(body).ok_or(Rejected::Malformed)?;
        let word: [u8; RTCP_INDEX_LEN] = word.try_into().map_err(|_| Rejected::Malformed)?;
        let word = u32::from_be_bytes(word);
        let index = u64::from(word & !ENCRYPTED);
        if !self.rtcp_streams.indices_of(ssrc).is_fresh(index) {
            return Err(Rejected::Replayed);
        }
        self.rtcp.tag_over(signed).verify_truncated_left(tag).map_err(|_| Rejected::Unauthenticated)?;
        self.rtcp_streams.note(ssrc, index);
        datagram.truncate(body_len);
        if word & ENCRYPTED != 0 {
            let body = &mut datagram.octets_mut()[rtcp::CLEAR_LEN..];
            self.rtcp.apply_key_stream(ssrc, index, body);
        }
        Ok(())
    }
}

/// Whether a tag is right for the roll-over counter of an index; takes the same time whatever the tag.
fn fits(mac: &Hmac<Sha1>, index: u64, tag: &[u8]) -> bool {
    let mut mac = mac.clone();
    mac.update(&((index >> 16) as u32).to_be_bytes());
    mac.verify_truncated_left(tag).is_ok()
}

/// The streams of a remote, the one in use first.
#[derive(Debug, Default)]
struct Streams(Vec<(u32, Indices)>);

impl Streams {
    /// The indices of a stream; those of a new one are not kept before a packet of it was authenticated.
    fn indices_of(&self, ssrc: u32) -> Indices {
        self.0.iter().find(|stream| stream.0 == ssrc).map(|stream| stream.1).unwrap_or_default()
    }

    fn note(&mut self, ssrc: u32, index: u64) {
        let position = self.0.iter().position(|stream| stream.0 == ssrc).unwrap_or_else(|| {
            self.0.truncate(MAX_STREAMS - 1);
            self.0.push((ssrc, Indices::default()));
            self.0.len() - 1
        });
        self.0.swap(0, position);
        self.0[0].1.note(index);
    }
}
