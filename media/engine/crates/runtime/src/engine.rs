// SPDX-License-Identifier: Apache-2.0
//! The engine as the control side sees it: sessions by id, spread over workers.
//!
//! One lock orders the control calls; it guards which worker has a session, and the port pool. The order of
//! locks is always registry, then worker, then a second worker.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use media_core::g711::Codec;
use media_core::srtp::SrtpKeys;
use media_core::{
    PayloadMap, PlayRequest, PortPool, RelayConfig, Remote, Session, SessionConfig, SessionKey,
    SessionStatistics,
};

use crate::clock::{Clock, ntp_now};
use crate::error::EngineError;
use crate::events::{EngineEvent, EventQueue};
use crate::options::EngineOptions;
use crate::ports::bind_pair;
use crate::prompts::Prompts;
use crate::random;
use crate::recorder::{RecordOptions, Recorder, RecordingLength, Tap};
use crate::worker::{State, Worker};

/// How to play a prompt.
#[derive(Debug, Clone, Copy)]
pub struct PlayOptions {
    /// What to encode to.
    pub codec: Codec,
    /// Payload type to send, 0 to 127.
    pub payload_type: u8,
    /// Start again at the end, until stopped.
    pub repeat: bool,
}

#[derive(Debug, Clone, Copy)]
struct Placement {
    worker: usize,
    key: SessionKey,
    port: u16,
}

#[derive(Debug)]
struct Registry {
    sessions: HashMap<Arc<str>, Placement>,
    ports: PortPool,
    threads: Vec<JoinHandle<()>>,
    is_closed: bool,
}

/// RTP sessions on a range of ports, relayed by worker threads.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    clock: Clock,
    workers: Vec<Arc<Worker>>,
    registry: Mutex<Registry>,
    events: Arc<EventQueue>,
    prompts: Prompts,
    recorder: Recorder,
}

impl Engine {
    /// Starts the worker threads.
    ///
    /// # Errors
    /// `Invalid` or `Media` for options out of range, `Io` when the system refuses a resource.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        options.check()?;
        let ports = PortPool::new(options.port_min, options.port_max, options.quarantine_ms * 1000)?;
        let (clock, events) = (Clock::start(), Arc::new(EventQueue::new()?));
        let config = RelayConfig { cname: random::cname()?, ntp_at_zero: ntp_now() };
        let workers = (0..options.threads)
            .map(|number| Worker::new(number, &options, config.clone(), clock, events.clone()).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let threads = workers.iter().map(Worker::spawn).collect::<Result<Vec<_>, _>>()?;
        let registry = Registry { sessions: HashMap::new(), ports, threads, is_closed: false };
        let recorder = Recorder::new(clock, events.clone());
        Ok(Self {
            options,
            clock,
            workers,
            registry: Mutex::new(registry),
            events,
            prompts: Prompts::default(),
            recorder,
        })
    }

    /// Entries are written whole after all that can fail, so a poisoned registry is still consistent.
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_registry(&self) -> Result<MutexGuard<'_, Registry>, EngineError> {
        let registry = self.lock();
        if registry.is_closed { Err(EngineError::Closed) } else { Ok(registry) }
    }

    fn worker_for(&self, group: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        group.hash(&mut hasher);
        (hasher.finish() % self.workers.len() as u64) as usize
    }

    /// Runs a command on the worker that has the session.
    fn with_session<T>(
        &self,
        id: &str,
        run: impl FnOnce(&mut State, SessionKey, u64) -> Result<T, media_core::MediaError>,
    ) -> Result<T, EngineError> {
        let registry = self.open_registry()?;
        let placement = registry.placement(id)?;
        let worker = &self.workers[placement.worker];
        Ok(worker.command(|state, now_us| run(state, placement.key, now_us))??)
    }

    /// Binds a pair of ports and gives the RTP port; sessions of one `group` share a worker.
    ///
    /// # Errors
    /// `SessionExists`, `PortsExhausted`, `Io` (no descriptor left), `WorkerFailed`, `Closed`.
    pub fn create_session(
        &self,
        id: &str,
        group: Option<&str>,
        clock_rate_hz: u32,
    ) -> Result<u16, EngineError> {
        let mut registry = self.open_registry()?;
        if registry.sessions.contains_key(id) {
            return Err(EngineError::SessionExists(id.to_owned()));
        }
        let id: Arc<str> = id.into();
        let config = SessionConfig {
            id: id.clone(),
            clock_rate_hz,
            inactivity_us: self.options.inactivity_ms * 1000,
            seed: random::session_seed()?,
        };
        let worker = self.worker_for(group.unwrap_or(&id));
        let (port, pair) = bind_pair(&mut registry.ports, &self.options, self.clock.now_us())?;
        let adopted = self.workers[worker].command(|state, now_us| {
            let session = Box::new(Session::new(config, now_us));
            self.workers[worker].adopt(state, session, pair, now_us)
        });
        match adopted.and_then(|result| result.map_err(EngineError::from)) {
            Ok(key) => {
                registry.sessions.insert(id, Placement { worker, key, port });
                Ok(port)
            }
            Err(error) => {
                registry.ports.put_back(port);
                Err(error)
            }
        }
    }

    /// Sets where the remote is and arms latching once.
    ///
    /// # Errors
    /// `SessionNotFound`, `Invalid` for an IPv6 remote on IPv4 sockets, `WorkerFailed`, `Closed`.
    pub fn set_remote(&self, id: &str, remote: &Remote) -> Result<(), EngineError> {
        let is_foreign = [remote.rtp, remote.rtcp].into_iter().flatten().any(|address| address.is_ipv6());
        if is_foreign && self.options.bind_ip.is_ipv4() {
            return Err(EngineError::Invalid("an IPv4 media socket cannot reach an IPv6 remote"));
        }
        self.with_session(id, |state, key, now_us| state.relay.set_remote(key, remote, now_us))
    }

    /// Sets the keys of a session's remote; `None`: plain RTP. A direction whose key is unchanged goes on.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn set_srtp(&self, id: &str, keys: Option<&SrtpKeys>) -> Result<(), EngineError> {
        self.with_session(id, |state, key, _| state.relay.set_srtp(key, keys))
    }

    /// Sets the payload types of packets sent to this session's remote.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn set_payload_map(&self, id: &str, map: PayloadMap) -> Result<(), EngineError> {
        self.with_session(id, |state, key, _| state.relay.set_payload_map(key, map))
    }

    /// Sets the silence that is reported as inactive; 0 turns the check off.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn set_inactivity(&self, id: &str, inactivity_ms: u64) -> Result<(), EngineError> {
        let us = inactivity_ms.saturating_mul(1000);
        self.with_session(id, |state, key, now_us| state.relay.set_inactivity(key, us, now_us))
    }

    /// Joins two sessions, or one with itself for echo. They are brought to one worker first.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`, `Io`.
    pub fn bridge(&self, a: &str, b: &str) -> Result<(), EngineError> {
        let mut registry = self.open_registry()?;
        let (first, second) = (registry.placement(a)?, registry.placement(b)?);
        let key = if first.worker == second.worker {
            second.key
        } else {
            let key = self.migrate(second, first.worker)?;
            registry.sessions.insert(b.into(), Placement { worker: first.worker, key, port: second.port });
            key
        };
        Ok(self.workers[first.worker].command(|state, _| state.relay.bridge(first.key, key))??)
    }

    /// Moves a session to another worker; packets that arrive meanwhile wait in its sockets.
    fn migrate(&self, from: Placement, to: usize) -> Result<SessionKey, EngineError> {
        let source = &self.workers[from.worker];
        let taken = source.command(|state, _| {
            let pair = source.release_sockets(state, from.key);
            state.relay.remove(from.key).zip(pair)
        })?;
        let (session, pair) = taken.ok_or(media_core::MediaError::UnknownSession)?;
        let target = &self.workers[to];
        Ok(target.command(|state, now_us| target.adopt(state, session, pair, now_us))??)
    }

    /// Separates a session from its peer.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn unbridge(&self, id: &str) -> Result<(), EngineError> {
        self.with_session(id, |state, key, _| state.relay.unbridge(key))
    }

    /// Plays s16le samples (8 kHz mono) to the remote, in place of what its peer says.
    ///
    /// # Errors
    /// `Invalid` for an odd number of octets or a payload type above 127, `SessionNotFound`, `WorkerFailed`,
    /// `Closed`.
    pub fn play(&self, id: &str, play: &str, pcm: &[u8], options: PlayOptions) -> Result<(), EngineError> {
        if !pcm.len().is_multiple_of(2) {
            return Err(EngineError::Invalid("pcm must hold whole 16-bit samples"));
        }
        if options.payload_type > 127 {
            return Err(EngineError::Invalid("payload_type must be 0 to 127"));
        }
        let request = PlayRequest {
            play: play.into(),
            octets: self.prompts.encode(options.codec, pcm),
            payload_type: options.payload_type,
            repeat: options.repeat,
        };
        self.with_session(id, |state, key, now_us| state.relay.play(key, request, now_us))
    }

    /// Stops the prompt in progress, if any.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn stop(&self, id: &str) -> Result<(), EngineError> {
        self.with_session(id, |state, key, _| state.relay.stop(key))
    }

    /// Records what a session's remote says (left) and is given to hear (right) until `stop_recording` or its end.
    ///
    /// The file is made and written by a thread of its own, which reports as `EngineEvent::Recording`.
    ///
    /// # Errors
    /// `Recording` when it is recorded already, `SessionNotFound`, `WorkerFailed`, `Closed`, `Io` (no thread).
    pub fn start_recording(&self, id: &str, options: RecordOptions) -> Result<(), EngineError> {
        if self.with_session(id, |state, key, _| state.relay.is_tapped(key))? {
            return Err(EngineError::Recording(id.to_owned()));
        }
        let tap = Box::new(self.recorder.start(id, options)?);
        self.with_session(id, |state, key, _| state.relay.set_tap(key, Some(tap))).map(drop)
    }

    /// Ends a recording and gives its length; the last of it is written a moment later.
    ///
    /// # Errors
    /// `NotRecording`, `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn stop_recording(&self, id: &str) -> Result<RecordingLength, EngineError> {
        let tap = self.with_session(id, |state, key, _| state.relay.set_tap(key, None))?;
        let tap = tap.ok_or_else(|| EngineError::NotRecording(id.to_owned()))?;
        (tap as Box<dyn std::any::Any>)
            .downcast_ref::<Tap>()
            .map(Tap::length)
            .ok_or_else(|| EngineError::NotRecording(id.to_owned()))
    }

    /// A snapshot of a session's counters.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn statistics(&self, id: &str) -> Result<SessionStatistics, EngineError> {
        self.with_session(id, |state, key, _| state.relay.statistics(key))
    }

    /// Ends a session and gives its last counters; its ports rest for the quarantine time.
    ///
    /// # Errors
    /// `SessionNotFound`, `WorkerFailed`, `Closed`.
    pub fn destroy(&self, id: &str) -> Result<SessionStatistics, EngineError> {
        let mut registry = self.open_registry()?;
        let placement = registry.placement(id)?;
        let worker = &self.workers[placement.worker];
        let statistics = worker.command(|state, _| {
            drop(worker.release_sockets(state, placement.key));
            state.relay.destroy(placement.key)
        })??;
        registry.sessions.remove(id);
        registry.ports.release(placement.port, self.clock.now_us());
        Ok(statistics)
    }

    /// Port pairs that are free now, quarantined ones excluded.
    #[must_use]
    pub fn available_ports(&self) -> usize {
        self.lock().ports.available()
    }

    /// Sessions that exist.
    #[must_use]
    pub fn active_sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    /// A descriptor that is readable while events wait; it belongs to the engine.
    #[must_use]
    pub fn event_fd(&self) -> RawFd {
        self.events.fd()
    }

    /// Takes all events.
    #[must_use]
    pub fn poll_events(&self) -> Vec<EngineEvent> {
        self.events.drain()
    }

    /// Ends all sessions and threads; a second call does nothing.
    pub fn close(&self) {
        let mut registry = self.lock();
        if std::mem::replace(&mut registry.is_closed, true) {
            return;
        }
        for worker in &self.workers {
            worker.stop();
        }
        for thread in registry.threads.drain(..) {
            // A worker catches its own panics and reports them as events.
            let _ = thread.join();
        }
        for (_, placement) in registry.sessions.drain() {
            let worker = &self.workers[placement.worker];
            // A failed worker keeps its sockets until the engine is dropped.
            let _ = worker.command(|state, _| drop(worker.release_sockets(state, placement.key)));
        }
        self.recorder.close();
    }
}

impl Registry {
    fn placement(&self, id: &str) -> Result<Placement, EngineError> {
        self.sessions.get(id).copied().ok_or_else(|| EngineError::SessionNotFound(id.to_owned()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
