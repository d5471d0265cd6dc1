// SPDX-License-Identifier: Apache-2.0
//! Which source address may speak, and where packets are sent: the defence against RTP bleed and injection.
//!
//! It must not know packets: callers validate a packet before they let it teach an address.
//!
//! Rules, per call of `set_remote`:
//! 1. The address of the SDP is always accepted, and as soon as it speaks it wins for good.
//! 2. Only while it has been silent, one other address may be learned, and only when its host is the SDP's
//!    host or the host that signals. A third host is never accepted and never sent to.
//! 3. Packets go to the learned address if there is one, else to the SDP's.

use std::net::{IpAddr, SocketAddr};

/// Ports below this are never learned: services there would be the victims of a forged source.
const LOWEST_LEARNED_PORT: u16 = 1024;

/// The answer to "may this source speak?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The SDP address itself.
    Signalled,
    /// The address learned before.
    Learned,
    /// An address that would be learned if the packet is valid.
    Learnable,
    /// Nobody known; the packet must be dropped.
    Stranger,
}

/// The source filter and destination of one component (RTP or RTCP) of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    signaling_ip: Option<IpAddr>,
    learned: Option<SocketAddr>,
    may_learn: bool,
}

impl Latch {
    /// Sets the SDP address and arms learning once.
    ///
    /// An unchanged address keeps what was learned: a re-INVITE that refreshes a session must not send audio
    /// to an unreachable private address until the phone speaks again.
    pub fn set_remote(&mut self, signalled: Option<SocketAddr>, signaling_ip: Option<IpAddr>) {
        if self.signalled != signalled || self.signaling_ip != signaling_ip {
            self.learned = None;
        }
        self.signalled = signalled;
        self.signaling_ip = signaling_ip;
        self.may_learn = signalled.is_some();
    }

    /// What to do with a packet from `source`; changes nothing.
    #[must_use]
    pub fn check(&self, source: SocketAddr) -> Admission {
        let Some(signalled) = self.signalled else {
            return Admission::Stranger;
        };
        if source == signalled {
            Admission::Signalled
        } else if self.learned == Some(source) {
            Admission::Learned
        } else if self.may_learn && self.is_known_host(source, signalled) {
            Admission::Learnable
        } else {
            Admission::Stranger
        }
    }

    /// Records that a valid packet came from `source`, which `check` admitted as `admission`.
    pub fn commit(&mut self, source: SocketAddr, admission: Admission) {
        match admission {
            Admission::Signalled => {
                self.learned = None;
                self.may_learn = false;
            }
            Admission::Learnable => {
                self.learned = Some(source);
                self.may_learn = false;
            }
            Admission::Learned | Admission::Stranger => {}
        }
    }

    /// Where packets are sent; `None` means nothing may be sent.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.learned.or(self.signalled)
    }

    /// The address learned from packets, if it is in use.
    #[must_use]
    pub fn learned(&self) -> Option<SocketAddr> {
        self.learned
    }

    fn is_known_host(&self, source: SocketAddr, signalled: SocketAddr) -> bool {
        source.port() >= LOWEST_LEARNED_PORT
            && (source.ip() == signalled.ip() || Some(source.ip()) == self.signaling_ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "192.0.2.10:4000";
    const SAME_HOST: &str = "192.0.2.10:4444";
    const SIGNALING_HOST: &str = "198.51.100.7:5555";
    const THIRD_HOST: &str = "203.0.113.66:4000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch() -> Latch {
        let mut latch = Latch::default();
        latch.set_remote(Some(address(SDP)), Some(address(SIGNALING_HOST).ip()));
        latch
    }

    /// Offers a valid packet and tells whether it was accepted.
    fn offer(latch: &mut Latch, source: &str) -> bool {
        let admission = latch.check(address(source));
        latch.commit(address(source), admission);
        admission != Admission::Stranger
    }

    #[test]
    fn it_accepts_nobody_before_the_remote_is_known() {
        let mut latch = Latch::default();
        assert!(!offer(&mut latch, SDP));
        assert_eq!(latch.destination(), None);
    }

    #[test]
    fn it_never_accepts_a_third_host() {
        let mut latch = latch();
        assert!(!offer(&mut latch, THIRD_HOST), "before anybody spoke");
        assert!(offer(&mut latch, SAME_HOST));
        assert!(!offer(&mut latch, THIRD_HOST), "after learning");
        assert_eq!(latch.destination(), Some(address(SAME_HOST)));
    }

    #[test]
    fn it_learns_once_from_the_signaling_host() {
        let mut latch = latch();
        assert!(offer(&mut latch, SIGNALING_HOST));
        assert!(offer(&mut latch, SIGNALING_HOST), "the learned address may go on");
        assert!(!offer(&mut latch, SAME_HOST), "a second address is not learned");
        assert!(!offer(&mut latch, "198.51.100.7:6000"), "nor another port of the learned host");
    }

    #[test]
    fn it_learns_nothing_once_the_sdp_address_has_spoken() {
        let mut latch = latch();
        assert!(offer(&mut latch, SDP));
        assert!(!offer(&mut latch, SAME_HOST));
        assert!(!offer(&mut latch, SIGNALING_HOST));
    }

    #[test]
    fn it_prefers_the_sdp_address_when_it_speaks_late() {
        let mut latch = latch();
        assert!(offer(&mut latch, SIGNALING_HOST));
        assert!(offer(&mut latch, SDP));
        assert_eq!(latch.destination(), Some(address(SDP)));
        assert!(!offer(&mut latch, SIGNALING_HOST), "the learned address is out for good");
    }

    #[test]
    fn it_does_not_learn_a_port_of_a_system_service() {
        assert!(!offer(&mut latch(), "192.0.2.10:53"));
    }

    #[test]
    fn it_keeps_the_learned_address_over_a_refresh_and_learns_once_more() {
        let mut latch = latch();
        assert!(offer(&mut latch, SAME_HOST));
        latch.set_remote(Some(address(SDP)), Some(address(SIGNALING_HOST).ip()));
        assert_eq!(latch.destination(), Some(address(SAME_HOST)));
        assert!(offer(&mut latch, SIGNALING_HOST), "armed again");
        assert!(!offer(&mut latch, SAME_HOST));
    }

    #[test]
    fn it_forgets_the_learned_address_when_the_remote_changes_or_holds() {
        let mut latch = latch();
        assert!(offer(&mut latch, SAME_HOST));
        latch.set_remote(Some(address("192.0.2.10:4002")), None);
        assert_eq!(latch.destination(), Some(address("192.0.2.10:4002")));
        latch.set_remote(None, None);
        assert_eq!(latch.destination(), None);
        assert!(!offer(&mut latch, SDP));
    }
}
