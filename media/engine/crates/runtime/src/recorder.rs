// SPDX-License-Identifier: Apache-2.0
//! One thread that writes the recordings of all sessions.
//!
//! Packets reach it through a bounded queue that nobody waits for: what does not fit is counted and is silence in
//! its recording. The thread looks into the queue in ticks, so that handing over a packet wakes nobody, and sleeps
//! while nothing is recorded. It must not know sessions beyond their names.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use media_core::g711::Codec;
use media_core::{Audio, AudioTap, Channel, Direction, PATIENCE_SAMPLES, Timeline, samples_in};

use crate::clock::Clock;
use crate::events::{EngineEvent, EventQueue, RecordingReport};
use crate::sys::block_signals;
use crate::wav::{FRAME_LEN, HEADER_LEN, WavFile};

/// Octets, and so samples, of one queue entry; longer packets take several.
const ENTRY_SAMPLES: usize = 160;
/// Entries that may wait: with a hundred recorded calls the disk may stand still for 1.6 seconds.
const QUEUE_ENTRIES: usize = 16_384;
/// How often the thread looks into the queue.
const TICK: Duration = Duration::from_millis(20);
/// Samples that are written at once.
const WRITE_SAMPLES: u64 = 8_000;

/// What to record.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// The caller's name for the recording, given back in events.
    pub recording: String,
    /// The file to make; it must not exist.
    pub path: PathBuf,
    /// Payload types of the session's remote that can be read; others are silence.
    pub formats: Vec<(u8, Codec)>,
}

/// How long a recording became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingLength {
    /// From its start to its end.
    pub duration_ms: u64,
    /// Of the whole file, once the last of it is written.
    pub octets: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    channel: Channel,
    codec: Codec,
    ssrc: u32,
    timestamp: u32,
    at_us: u64,
    len: u8,
    octets: [u8; ENTRY_SAMPLES],
}

#[derive(Debug)]
enum Control {
    Start { number: u64, session: Arc<str>, options: RecordOptions, started_us: u64, dropped: Arc<AtomicU64> },
    Stop { number: u64, at_us: u64 },
    Close,
}

/// What gives the audio of one session to the thread; dropping it ends the recording.
#[derive(Debug)]
pub(crate) struct Tap {
    number: u64,
    formats: Vec<(u8, Codec)>,
    started_us: u64,
    clock: Clock,
    dropped: Arc<AtomicU64>,
    entries: SyncSender<Entry>,
    control: Sender<Control>,
}

impl AudioTap for Tap {
    fn take(&mut self, audio: &Audio<'_>) {
        let wanted = |&&(payload_type, _): &&(u8, Codec)| payload_type == audio.payload_type;
        let Some(&(_, codec)) = self.formats.iter().find(wanted) else { return };
        let mut timestamp = audio.timestamp;
        for part in audio.payload.chunks(ENTRY_SAMPLES) {
            let mut octets = [0; ENTRY_SAMPLES];
            octets[..part.len()].copy_from_slice(part);
            let channel = match audio.direction {
                Direction::FromRemote => Channel::Left,
                Direction::ToRemote => Channel::Right,
            };
            let entry = Entry {
                number: self.number,
                channel,
                codec,
                ssrc: audio.ssrc,
                timestamp,
                at_us: audio.at_us,
                len: part.len() as u8,
                octets,
            };
            if self.entries.try_send(entry).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            timestamp = timestamp.wrapping_add(part.len() as u32);
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Without its thread there is nothing to end.
        let _ = self.control.send(Control::Stop { number: self.number, at_us: self.clock.now_us() });
    }
}

#[derive(Debug)]
struct Running {
    entries: SyncSender<Entry>,
    control: Sender<Control>,
    thread: JoinHandle<()>,
    next_number: u64,
}

/// The recordings of an engine; its thread begins with the first of them.
#[derive(Debug)]
pub(crate) struct Recorder {
    clock: Clock,
    events: Arc<EventQueue>,
    running: Mutex<Option<Running>>,
}

impl Recorder {
    pub(crate) fn new(clock: Clock, events: Arc<EventQueue>) -> Self {
        Self { clock, events, running: Mutex::default() }
    }

    /// Begins a recording and gives what has to listen to the session from now on.
    pub(crate) fn start(&self, session: &str, options: RecordOptions) -> io::Result<Tap> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match &mut *running {
            Some(running) => running,
            none => none.insert(self.spawn()?),
        };
        running.next_number += 1;
        let tap = Tap {
            number: running.next_number,
            formats: options.formats.clone(),
            started_us: self.clock.now_us(),
            clock: self.clock,
            dropped: Arc::default(),
            entries: running.entries.clone(),
            control: running.control.clone(),
        };
        let (number, started_us, dropped) = (tap.number, tap.started_us, tap.dropped.clone());
        let start = Control::Start { number, session: session.into(), options, started_us, dropped };
        running.control.send(start).map_err(|_| io::Error::other("the recorder has ended"))?;
        Ok(tap)
    }

    fn spawn(&self) -> io::Result<Running> {
        let (control, commands) = channel();
        let (entries, queue) = sync_channel(QUEUE_ENTRIES);
        let mut writer = Writer {
            clock: self.clock,
            events: self.events.clone(),
            files: HashMap::new(),
            buffer: Vec::new(),
        };
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || {
            block_signals();
            writer.run(&commands, &queue);
        })?;
        Ok(Running { entries, control, thread, next_number: 0 })
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = running.control.send(Control::Close);
            let _ = running.thread.join();
        }
    }
}

impl Tap {
    /// How long the recording is now.
    pub(crate) fn length(&self) -> RecordingLength {
        length(self.clock.now_us() - self.started_us)
    }
}

fn length(us: u64) -> RecordingLength {
    RecordingLength { duration_ms: us / 1_000, octets: HEADER_LEN + samples_in(us) * FRAME_LEN }
}

#[derive(Debug)]
struct Recording {
    session: Arc<str>,
    name: String,
    file: WavFile,
    timeline: Timeline,
    started_us: u64,
    written: u64,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Writer {
    clock: Clock,
    events: Arc<EventQueue>,
    files: HashMap<u64, Recording>,
    buffer: Vec<u8>,
}

impl Writer {
    fn run(&mut self, commands: &Receiver<Control>, queue: &Receiver<Entry>) {
        let mut ended = Vec::new();
        loop {
            let is_idle = self.files.is_empty();
            let command =
                if is_idle { commands.recv().map_err(Into::into) } else { commands.recv_timeout(TICK) };
            let is_tick = matches!(command, Err(RecvTimeoutError::Timeout));
            let mut command = command.ok().or((!is_tick).then_some(Control::Close));
            let mut is_closing = false;
            while let Some(next) = command {
                match next {
                    Control::Start { number, session, options, started_us, dropped } => {
                        self.open(number, session, options, started_us, dropped);
                    }
                    Control::Stop { number, at_us } => ended.push((number, at_us)),
                    Control::Close => is_closing = true,
                }
                command = commands.try_recv().ok();
            }
            self.take(queue);
            for (number, at_us) in ended.drain(..) {
                self.finish(number, at_us);
            }
            self.write_due();
            if is_closing {
                let now_us = self.clock.now_us();
                let open: Vec<u64> = self.files.keys().copied().collect();
                open.into_iter().for_each(|number| self.finish(number, now_us));
                return;
            }
        }
    }

    fn open(
        &mut self,
        number: u64,
        session: Arc<str>,
        options: RecordOptions,
        started_us: u64,
        dropped: Arc<AtomicU64>,
    ) {
        let name = options.recording;
        let file = match WavFile::create(&options.path) {
            Ok(file) => file,
            Err(error) => {
                let length = RecordingLength { duration_ms: 0, octets: 0 };
                self.report(&session, &name, length, 0, RecordingReport::Failed(error.to_string()));
                return;
            }
        };
        self.report(&session, &name, length(0), 0, RecordingReport::Started);
        let timeline = Timeline::default();
        let recording = Recording { session, name, file, timeline, started_us, written: 0, dropped };
        self.files.insert(number, recording);
    }

    /// Takes what waits, but no more than could wait at once: others have their turn too.
    fn take(&mut self, queue: &Receiver<Entry>) {
        for _ in 0..QUEUE_ENTRIES {
            let entry = match queue.try_recv() {
                Ok(entry) => entry,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            };
            let Some(recording) = self.files.get_mut(&entry.number) else { continue };
            let arrival = samples_in(entry.at_us.saturating_sub(recording.started_us));
            let samples =
                entry.octets[..usize::from(entry.len)].iter().map(|&octet| entry.codec.decode(octet));
            recording.timeline.put(entry.channel, entry.ssrc, entry.timestamp, arrival, samples);
        }
    }

    /// Writes the samples that no packet can change any more, a second of them at a time.
    fn write_due(&mut self) {
        let now_us = self.clock.now_us();
        let due: Vec<(u64, u64)> = self
            .files
            .iter()
            .filter_map(|(&number, recording)| {
                let now = samples_in(now_us.saturating_sub(recording.started_us));
                let until = now.saturating_sub(PATIENCE_SAMPLES);
                (until >= recording.written + WRITE_SAMPLES).then_some((number, until))
            })
            .collect();
        for (number, until) in due {
            self.write(number, until);
        }
    }

    /// Writes up to a position; what cannot be written ends the recording. Tells whether it goes on.
    fn write(&mut self, number: u64, until: u64) -> bool {
        let Some(recording) = self.files.get_mut(&number) else { return false };
        self.buffer.clear();
        recording.timeline.drain(until, &mut self.buffer);
        let Err(error) = recording.file.append(&self.buffer) else {
            recording.written = until.max(recording.written);
            return true;
        };
        if let Some(recording) = self.files.remove(&number) {
            let reached = RecordingLength {
                duration_ms: recording.written / (WRITE_SAMPLES / 1_000),
                octets: recording.file.len(),
            };
            let dropped = recording.dropped.load(Ordering::Relaxed);
            let failed = RecordingReport::Failed(error.to_string());
            self.report(&recording.session, &recording.name, reached, dropped, failed);
        }
        false
    }

    fn finish(&mut self, number: u64, at_us: u64) {
        let Some(recording) = self.files.get(&number) else { return };
        let us = at_us.saturating_sub(recording.started_us);
        if self.write(number, samples_in(us))
            && let Some(recording) = self.files.remove(&number)
        {
            let dropped = recording.dropped.load(Ordering::Relaxed);
            self.report(&recording.session, &recording.name, length(us), dropped, RecordingReport::Stopped);
        }
    }

    fn report(
        &self,
        session: &Arc<str>,
        recording: &str,
        length: RecordingLength,
        dropped: u64,
        report: RecordingReport,
    ) {
        let (session, recording) = (session.clone(), recording.to_owned());
        let RecordingLength { duration_ms, octets } = length;
        self.events.push(EngineEvent::Recording { session, recording, duration_ms, octets, dropped, report });
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
