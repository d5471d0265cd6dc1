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

use media_core::{AdaptiveTick, Relay, RelayConfig, Session, SessionKey};

use crate::batch::Batch;
use crate::clock::Clock;
use crate::error::EngineError;
use crate::events::EventQueue;
use crate::options::EngineOptions;
use crate::ports::SocketPair;
use crate::sockets::{Sockets, from_token};
use crate::sys::{Epoll, EventFd, NO_READINESS, Readiness, block_signals};

/// Datagrams handled under one hold of the lock: about a millisecond of work at most.
const BATCH: usize = 256;
const WAKE_TOKEN: u64 = u64::MAX;
/// How often a worker lets waiting control calls go first before it takes the lock anyway, and for how long.
const YIELDS: usize = 5;
const YIELD_TIME: Duration = Duration::from_micros(20);

/// What a worker's lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) relay: Relay,
    pub(crate) sockets: Sockets,
    /// When the thread will next look at its deadlines by itself.
    wakes_at_us: u64,
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

impl State {
    /// Sends what is due and gives the number of datagrams.
    fn handle_timer(&mut self, now_us: u64) -> usize {
        let Self { relay, sockets, .. } = self;
        let (mut sent, mut failed) = (0, Vec::new());
        relay.handle_timer(now_us, &mut |transmit| {
            sent += 1;
            if !sockets.send(&transmit.forward, transmit.packet) {
                failed.push(transmit.forward.key);
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
        let sockets = Sockets::new(options.bind_ip.is_ipv6());
        let state = State { relay: Relay::new(relay), sockets, wakes_at_us: u64::MAX };
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
        let mut state = locked.map_err(|_| {
            // The thread may be asleep; woken, it finds the same and reports it.
            self.wake.signal();
            EngineError::WorkerFailed(self.number)
        })?;
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
        let key = state.relay.insert(session, now_us);
        let watched = state.sockets.insert(&self.epoll, key, pair);
        if watched.is_err() {
            state.relay.remove(key);
        }
        watched.map(|()| key)
    }

    /// Takes the sockets of a session out of the watch; the caller closes or moves them.
    pub(crate) fn release_sockets(&self, state: &mut State, key: SessionKey) -> Option<SocketPair> {
        state.sockets.remove(&self.epoll, key)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.signal();
    }

    /// Starts the thread.
    pub(crate) fn spawn(self: &Arc<Self>) -> io::Result<thread::JoinHandle<()>> {
        let worker = Arc::clone(self);
        thread::Builder::new().name(format!("rtp-worker-{}", self.number)).spawn(move || {
            block_signals();
            worker.supervise(|| worker.run());
        })
    }

    /// Runs `run` to its end and reports any end but a good one.
    fn supervise(&self, run: impl FnOnce() -> io::Result<()>) {
        let outcome = catch_unwind(AssertUnwindSafe(run));
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
        let mut batch = Batch::new();
        let mut tick = AdaptiveTick::new(self.tick_above_pps, self.clock.now_us());
        let mut timeout_ms = 0;
        while !self.stopping.load(Ordering::Acquire) {
            let ready = self.epoll.wait(&mut ready, timeout_ms)?;
            let is_full = ready.len() == BATCH;
            let mut state = self.lock_politely()?;
            let now_us = self.clock.now_us();
            let packets = self.handle_batch(&mut state, ready, &mut batch, now_us);
            let is_ticking = tick.record(packets, now_us);
            timeout_ms = if is_ticking || is_full { 0 } else { self.timeout_ms(&mut state) };
            drop(state);
            if is_ticking && !is_full {
                // Batches begin a tick apart: the work of one does not add to the delay of the next.
                let spent = Duration::from_micros(self.clock.now_us() - now_us);
                thread::sleep(self.tick.saturating_sub(spent));
            }
        }
        Ok(())
    }

    /// Relays what is readable, sends what is due and gives the number of datagrams.
    fn handle_batch(&self, state: &mut State, ready: &[Readiness], batch: &mut Batch, now_us: u64) -> usize {
        for readiness in ready {
            if readiness.u64 == WAKE_TOKEN {
                self.wake.clear();
                continue;
            }
            let (key, component) = from_token(readiness.u64);
            batch.receive(&mut state.relay, &state.sockets, key, component);
        }
        batch.forward(&mut state.relay, &state.sockets, now_us);
        let sent = state.handle_timer(now_us);
        self.events.extend(|| state.relay.next_event());
        ready.len() + sent
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

#[cfg(test)]
mod tests {
    use media_core::RelayConfig;

    use super::*;
    use crate::events::EngineEvent;

    fn worker() -> (Arc<Worker>, Arc<EventQueue>) {
        let events = Arc::new(EventQueue::new().unwrap());
        let config = RelayConfig { cname: String::new(), ntp_at_zero: 0 };
        let options = EngineOptions::default();
        let worker = Worker::new(3, &options, config, Clock::start(), events.clone()).unwrap();
        (Arc::new(worker), events)
    }

    #[test]
    fn it_reports_its_own_end_when_the_state_was_left_half_changed() {
        let (worker, events) = worker();
        let thread = worker.spawn().unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| worker.command(|_, _| panic!("half way"))));
        assert!(panicked.is_err());
        assert!(matches!(worker.command(|_, _| ()), Err(EngineError::WorkerFailed(3))));
        thread.join().unwrap();
        let [EngineEvent::Fatal { worker: number, detail }] = &events.drain()[..] else {
            panic!("not one fatal event");
        };
        assert_eq!((*number, detail.as_str()), (3, "a control call panicked"));
    }

    #[test]
    fn it_reports_a_panic_and_refuses_commands_from_then_on() {
        let (worker, events) = worker();
        worker.supervise(|| panic!("broken invariant"));
        assert_eq!(events.drain(), [EngineEvent::Fatal { worker: 3, detail: "broken invariant".into() }]);
        assert!(matches!(worker.command(|_, _| ()), Err(EngineError::WorkerFailed(3))));
    }

    #[test]
    fn it_ends_quietly_when_it_is_stopped() {
        let (worker, events) = worker();
        let thread = worker.spawn().unwrap();
        worker.stop();
        thread.join().unwrap();
        assert_eq!(events.drain(), []);
    }

    #[test]
    fn it_finds_the_message_of_a_panic() {
        assert_eq!(panic_message(&"text"), "text");
        assert_eq!(panic_message(&String::from("owned")), "owned");
        assert_eq!(panic_message(&7), "panic");
    }
}
