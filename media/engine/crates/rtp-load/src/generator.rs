// SPDX-License-Identifier: Apache-2.0
//! The loop: calls are spread over 200 slots of 0.1 ms, each slot sends its calls' packets, and what
//! came back is read.
//!
//! Waking for each packet would be charged to the relay, whose sending would have to wake the generator; phones
//! on a network cost it nothing of the kind. So only the legs of a few probe calls are waited for, and give the
//! latencies; all others are read once per slot.

use std::io;
use std::time::{Duration, Instant};

use crate::cpu;
use crate::legs::{self, Leg};
use crate::options::Options;
use crate::poll::{BATCH, Poll};
use crate::report::Report;

const SLOTS: usize = 200;
const SLOT: Duration = Duration::from_micros(100);
/// A slot that begins later than this is counted as late.
const LATE: Duration = Duration::from_millis(1);
/// Packets that take longer than this after the end count as lost.
const DRAIN: Duration = Duration::from_millis(500);
/// One call in so many is a probe; no multiple of the slots, so that probes are in all of them.
const PROBE_EVERY: usize = 21;

struct Run {
    legs: Vec<Leg>,
    probes: Poll,
    others: Poll,
    clock: Instant,
    count: Count,
    slots_late: u64,
}

struct Count {
    /// Packets sent within this span are measured.
    span: (Duration, Duration),
    sent: u64,
    received: u64,
    /// Packets that came back within the span, whenever they were sent: the relay's work in that time.
    relayed: u64,
    /// Of probes only.
    latencies_us: Vec<u32>,
}

impl Count {
    fn is_measured(&self, at: Duration) -> bool {
        self.span.0 <= at && at < self.span.1
    }

    fn record(&mut self, sent_at: Duration, now: Duration, is_probe: bool) {
        self.relayed += u64::from(self.is_measured(now));
        if self.is_measured(sent_at) {
            self.received += 1;
            if is_probe {
                self.latencies_us.push(now.saturating_sub(sent_at).as_micros() as u32);
            }
        }
    }
}

/// Drives all calls and measures.
pub(crate) fn run(options: &Options) -> io::Result<Report> {
    cpu::sleep_precisely();
    if let Some(core) = options.cpu {
        cpu::pin_to(core)?;
    }
    let legs = legs::open_all(&options.calls, options.payload, options.srtp)?;
    let (probes, others) = (Poll::new()?, Poll::new()?);
    for (index, leg) in legs.iter().enumerate() {
        let poll = if (index / 2).is_multiple_of(PROBE_EVERY) { &probes } else { &others };
        poll.add(&leg.socket, index)?;
    }
    let span = (options.warmup, options.warmup + options.duration);
    let count = Count { span, sent: 0, received: 0, relayed: 0, latencies_us: Vec::new() };
    let mut run = Run { legs, probes, others, clock: Instant::now(), count, slots_late: 0 };
    run.send_and_receive(Duration::ZERO, span.0)?;
    let cpu_before = options.pid.map(cpu::process_cpu_ns).transpose()?;
    run.send_and_receive(span.0, span.1)?;
    let cpu_after = options.pid.map(cpu::process_cpu_ns).transpose()?;
    let end = run.clock.elapsed();
    run.receive_until(end + DRAIN)?;
    Ok(Report {
        calls: options.calls.len(),
        duration: options.duration,
        sent: run.count.sent,
        received: run.count.received,
        relayed: run.count.relayed,
        latencies_us: run.count.latencies_us,
        server_cpu_ns: cpu_before.zip(cpu_after).map(|(before, after)| after - before),
        slots_late: run.slots_late,
    })
}

impl Run {
    fn send_and_receive(&mut self, from: Duration, until: Duration) -> io::Result<()> {
        let mut due = from;
        let mut slot = 0;
        while due < until {
            self.receive_until(due)?;
            if self.clock.elapsed() > due + LATE {
                self.slots_late += 1;
            }
            self.send_slot(slot);
            slot = (slot + 1) % SLOTS;
            due += SLOT;
        }
        self.receive_until(until)
    }

    fn send_slot(&mut self, slot: usize) {
        let calls = self.legs.chunks_exact_mut(2).skip(slot).step_by(SLOTS);
        for leg in calls.flatten() {
            let now = self.clock.elapsed();
            let was_sent = leg.send(now);
            self.count.sent += u64::from(self.count.is_measured(now) && was_sent);
        }
    }

    /// Reads probes until `until`, at least once, then what the others have.
    fn receive_until(&mut self, until: Duration) -> io::Result<()> {
        let Self { legs, probes, others, clock, count, .. } = self;
        loop {
            let timeout = until.saturating_sub(clock.elapsed());
            read_batch(probes, legs, timeout, |sent_at| count.record(sent_at, clock.elapsed(), true))?;
            if clock.elapsed() >= until {
                break;
            }
        }
        while read_batch(others, legs, Duration::ZERO, |sent_at| {
            count.record(sent_at, clock.elapsed(), false)
        })? {}
        Ok(())
    }
}

/// Takes one packet from each readable socket, up to a batch; whether there may be more.
fn read_batch(
    poll: &mut Poll,
    legs: &mut [Leg],
    timeout: Duration,
    mut record: impl FnMut(Duration),
) -> io::Result<bool> {
    let mut buffer = [0; 2048];
    let mut read = 0;
    for index in poll.wait(timeout)? {
        read += 1;
        if let Some(sent_at) = legs[index].receive(&mut buffer) {
            record(sent_at);
        }
    }
    Ok(read == BATCH)
}
