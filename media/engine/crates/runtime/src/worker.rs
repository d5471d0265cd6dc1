// SPDX-License-Identifier: Apache-2.0
//! One thread that relays: waits for readable sockets, takes the lock, handles a batch, lets the lock go.
//!
//! Above a load threshold it sleeps for a tick between batches instead of waking for each packet. A thread
//! that fails is reported as `fatal`, never silently gone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use media_core::{AdaptiveTick, Component, Forward, Relay, RelayConfig, Session, SessionKey};

use crate::address::RawAddress;
use crate::clock::Clock;
use crate::error::EngineError;
use crate::events::EventQueue;
use crate::options::EngineOptions;
use crate::ports::SocketPair;
use crate::sys::{self, Epoll, EventFd, NO_READINESS, Readiness};

/// Datagrams handled under one hold of the lock: about a millisecond of work at most.
const BATCH: usize = 256;
/// The largest datagram that is relayed; RTP stays below the path MTU.
const BUFFER_LEN: usize = 4096;
const WAKE_TOKEN: u64 = u64::MAX;
/// How often a worker lets waiting control calls go first before it takes the lock anyway, and for how long.
const YIELDS: usize = 5;
const YIELD_TIME: Duration = Duration::from_micros(20);

/// What a worker's lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) relay: Relay,
    /// By slot of the session, with the generation that the slot had.
    sockets: Vec<Option<(u32, SocketPair)>>,
    /// When the thread will next look at its deadlines by itself.
    wakes_at_us: u64,
    is_ipv6: bool,
}

/// A worker as the engine sees it.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    state: Mutex<State>,
    waiting_calls: AtomicUsize,
    epoll: Epoll,
    wake: EventFd,
    stopping: AtomicBool,
    failed: AtomicBool,
    events: Arc<EventQueue>,
    clock: Clock,
    tick: Duration,
    tick_above_pps: u64,
}

fn token(key: SessionKey, component: Component) -> u64 {
    let odd = u64::from(component == Component::Rtcp);
    u64::from(key.generation) << 33 | u64::from(key.slot) << 1 | odd
}

fn from_token(token: u64) -> (SessionKey, Component) {
    let key = SessionKey { slot: (token >> 1) as u32, generation: (token >> 33) as u32 };
    (key, if token & 1 == 0 { Component::Rtp } else { Component::Rtcp })
}

impl State {
    fn sockets(&self, key: SessionKey) -> Option<&SocketPair> {
        let (generation, pair) = self.sockets.get(key.slot as usize)?.as_ref()?;
        (*generation == key.generation).then_some(pair)
    }

    fn receive_one(&mut self, key: SessionKey, component: Component, buffer: &mut [u8], now_us: u64) {
        let Some(pair) = self.sockets(key) else { return };
        // Nothing to read, or an error that an earlier send left behind: level triggering comes back.
        let Ok((length, Some(source))) = sys::receive(pair.fd(component), buffer) else { return };
        let Some(packet) = buffer.get_mut(..length) else {
            return self.relay.record_oversized(key);
        };
        if let Some(forward) = self.relay.receive(key, component, packet, source, now_us) {
            self.send(&forward, length, buffer);
        }
    }

    fn send(&mut self, forward: &Forward, length: usize, buffer: &[u8]) {
        let destination = RawAddress::new(forward.destination, self.is_ipv6);
        let Some(pair) = self.sockets(forward.key) else { return };
        if sys::send(pair.fd(forward.component), &buffer[..length], &destination).is_err() {
            self.relay.record_send_error(forward.key);
        }
    }

    /// Sends what is due and gives the number of datagrams.
    fn handle_timer(&mut self, now_us: u64) -> usize {
        let Self { relay, sockets, is_ipv6, .. } = self;
        let (mut sent, mut failed) = (0, Vec::new());
        relay.handle_timer(now_us, &mut |transmit| {
            sent += 1;
            let forward = transmit.forward;
            let destination = RawAddress::new(forward.destination, *is_ipv6);
            let Some(Some((_, pair))) = sockets.get(forward.key.slot as usize) else { return };
            if sys::send(pair.fd(forward.component), transmit.packet, &destination).is_err() {
                failed.push(forward.key);
            }
        });
        for key in failed {
            self.relay.record_send_error(key);
        }
        sent
    }
}

impl Worker {
    pub(crate) fn new(
        number: usize,
        options: &EngineOptions,
        relay: RelayConfig,
        clock: Clock,
        events: Arc<EventQueue>,
    ) -> io::Result<Self> {
        let (epoll, wake) = (Epoll::new()?, EventFd::new()?);
        epoll.add(wake.fd(), WAKE_TOKEN)?;
        let is_ipv6 = options.bind_ip.is_ipv6();
        let state = State { relay: Relay::new(relay), sockets: Vec::new(), wakes_at_us: u64::MAX, is_ipv6 };
        Ok(Self {
            number,
            state: Mutex::new(state),
            waiting_calls: AtomicUsize::new(0),
            epoll,
            wake,
            stopping: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            events,
            clock,
            tick: Duration::from_micros(options.tick_us),
            tick_above_pps: if options.tick_us == 0 { u64::MAX } else { options.tick_above_pps },
        })
    }

    /// Runs one command under the lock, passes its events on and wakes the thread for an earlier deadline.
    pub(crate) fn command<T>(&self, run: impl FnOnce(&mut State, u64) -> T) -> Result<T, EngineError> {
        self.waiting_calls.fetch_add(1, Ordering::Relaxed);
        let locked = self.state.lock();
        self.waiting_calls.fetch_sub(1, Ordering::Relaxed);
        let mut state = locked.map_err(|_| EngineError::WorkerFailed(self.number))?;
        if self.failed.load(Ordering::Acquire) {
            return Err(EngineError::WorkerFailed(self.number));
        }
        let result = run(&mut state, self.clock.now_us());
        self.events.extend(|| state.relay.next_event());
        if state.relay.next_deadline().is_some_and(|due_us| due_us < state.wakes_at_us) {
            self.wake.signal();
        }
        Ok(result)
    }

    /// Adds a session and watches its sockets.
    pub(crate) fn adopt(
        &self,
        state: &mut State,
        session: Box<Session>,
        pair: SocketPair,
        now_us: u64,
    ) -> io::Result<SessionKey> {
        let (rtp, rtcp) = (pair.fd(Component::Rtp), pair.fd(Component::Rtcp));
        let key = state.relay.insert(session, now_us);
        let slot = key.slot as usize;
        if state.sockets.len() <= slot {
            state.sockets.resize_with(slot + 1, || None);
        }
        state.sockets[slot] = Some((key.generation, pair));
        let watched = self
            .epoll
            .add(rtp, token(key, Component::Rtp))
            .and_then(|()| self.epoll.add(rtcp, token(key, Component::Rtcp)));
        if let Err(error) = watched {
            state.relay.remove(key);
            state.sockets[slot] = None;
            return Err(error);
        }
        Ok(key)
    }

    /// Takes the sockets of a session out of the watch; the caller closes or moves them.
    pub(crate) fn release_sockets(&self, state: &mut State, key: SessionKey) -> Option<SocketPair> {
        let entry = state.sockets.get_mut(key.slot as usize)?;
        let (_, pair) = entry.take_if(|(generation, _)| *generation == key.generation)?;
        for component in [Component::Rtp, Component::Rtcp] {
            // Explicit, because a forked child that still holds the descriptor would keep the watch alive. It
            // can fail only for a descriptor that is not watched, which is the aim.
            let _ = self.epoll.remove(pair.fd(component));
        }
        Some(pair)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.signal();
    }

    /// Starts the thread.
    pub(crate) fn spawn(self: &Arc<Self>) -> io::Result<thread::JoinHandle<()>> {
        let worker = Arc::clone(self);
        thread::Builder::new().name(format!("rtp-worker-{}", self.number)).spawn(move || worker.supervise())
    }

    fn supervise(&self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run()));
        let detail = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic_message(panic.as_ref()),
        };
        self.failed.store(true, Ordering::Release);
        self.events.push_fatal(self.number, detail);
    }

    fn run(&self) -> io::Result<()> {
        let mut ready = [NO_READINESS; BATCH];
        let mut buffer = [0; BUFFER_LEN];
        let mut tick = AdaptiveTick::new(self.tick_above_pps, self.clock.now_us());
        let mut timeout_ms = 0;
        while !self.stopping.load(Ordering::Acquire) {
            let batch = self.epoll.wait(&mut ready, timeout_ms)?;
            let is_full = batch.len() == BATCH;
            let now_us = self.clock.now_us();
            let mut state = self.lock_politely()?;
            for readiness in batch {
                self.handle_readiness(&mut state, *readiness, &mut buffer, now_us);
            }
            let packets = batch.len() + state.handle_timer(now_us);
            self.events.extend(|| state.relay.next_event());
            let is_ticking = tick.record(packets, now_us);
            timeout_ms = if is_ticking || is_full { 0 } else { self.timeout_ms(&mut state) };
            drop(state);
            if is_ticking && !is_full {
                thread::sleep(self.tick);
            }
        }
        Ok(())
    }

    fn handle_readiness(&self, state: &mut State, ready: Readiness, buffer: &mut [u8], now_us: u64) {
        if ready.u64 == WAKE_TOKEN {
            self.wake.clear();
        } else {
            let (key, component) = from_token(ready.u64);
            state.receive_one(key, component, buffer, now_us);
        }
    }

    /// The lock is not fair: a saturated worker would take it again before a woken call gets it.
    fn lock_politely(&self) -> io::Result<MutexGuard<'_, State>> {
        for _ in 0..YIELDS {
            if self.waiting_calls.load(Ordering::Relaxed) == 0 {
                break;
            }
            thread::sleep(YIELD_TIME);
        }
        self.state.lock().map_err(|_| io::Error::other("a control call panicked"))
    }

    /// Milliseconds until the next deadline, rounded up, and notes it for control calls.
    fn timeout_ms(&self, state: &mut State) -> i32 {
        let Some(due_us) = state.relay.next_deadline() else {
            state.wakes_at_us = u64::MAX;
            return -1;
        };
        state.wakes_at_us = due_us;
        let wait_us = due_us.saturating_sub(self.clock.now_us());
        i32::try_from(wait_us.div_ceil(1000)).unwrap_or(i32::MAX)
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into())
}
