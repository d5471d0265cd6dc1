// SPDX-License-Identifier: Apache-2.0
//! What a session with keys does with each datagram, and what it counts. Without keys it lets everything through.

use crate::datagram::Datagram;
use crate::session::Session;
use crate::srtp::{Receiver, Rejected, Srtp, SrtpKeys};

impl Session {
    /// Has the remote's media encrypted and authenticated from now on; `None`: plain.
    ///
    /// What goes plain is set aside and not dropped: the same keys may come back, and must not begin anew.
    pub(crate) fn set_srtp(&mut self, keys: Option<&SrtpKeys>) {
        let known = self.srtp.take().or_else(|| self.parked_srtp.take());
        match (keys, known) {
            (Some(keys), Some(mut srtp)) => {
                srtp.rekey(keys);
                self.srtp = Some(srtp);
            }
            (Some(keys), None) => self.srtp = Some(Box::new(Srtp::new(keys))),
            (None, known) => self.parked_srtp = known,
        }
    }

    /// Opens what the remote protected, and counts what it did not; false when it must be dropped.
    pub(crate) fn open(
        &mut self,
        datagram: &mut Datagram<'_>,
        open: fn(&mut Receiver, &mut Datagram<'_>) -> Result<(), Rejected>,
    ) -> bool {
        let Some(srtp) = &mut self.srtp else { return true };
        let counter = match open(&mut srtp.receiver, datagram) {
            Ok(()) => return true,
            Err(Rejected::Malformed) => &mut self.counters.dropped_invalid,
            Err(Rejected::Unauthenticated) => &mut self.counters.dropped_unauthenticated,
            Err(Rejected::Replayed) => &mut self.counters.dropped_replayed,
        };
        *counter += 1;
        false
    }

    /// Whether what goes to the remote has to be protected, which takes room behind it.
    pub(crate) fn is_srtp(&self) -> bool {
        self.srtp.is_some()
    }

    /// Protects what goes to the remote; false, and counted, when it must not go.
    pub(crate) fn protect_rtp(&mut self, datagram: &mut Datagram<'_>) -> bool {
        let is_ready = self.srtp.as_mut().is_none_or(|srtp| srtp.sender.protect_rtp(datagram));
        self.counters.send_errors += u64::from(!is_ready);
        is_ready
    }

    /// Protects a report that goes to the remote; false, and counted, when it must not go.
    pub(crate) fn protect_rtcp(&mut self, datagram: &mut Datagram<'_>) -> bool {
        let is_ready = self.srtp.as_mut().is_none_or(|srtp| srtp.sender.protect_rtcp(datagram));
        self.counters.send_errors += u64::from(!is_ready);
        is_ready
    }
}
