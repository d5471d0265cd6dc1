// SPDX-License-Identifier: Apache-2.0
//! The recorder with real files and no sockets.

use std::path::Path;

use super::*;

struct World {
    recorder: Recorder,
    events: Arc<EventQueue>,
    directory: PathBuf,
}

impl World {
    fn new(name: &str) -> Self {
        let events = Arc::new(EventQueue::new().unwrap());
        let directory = std::env::temp_dir().join(format!("engine-recorder-{}-{name}", std::process::id()));
        let recorder = Recorder::new(Clock::start(), events.clone());
        Self { recorder, events, directory }
    }

    fn start(&self, path: &Path) -> Tap {
        let formats = vec![(0, Codec::Pcmu), (8, Codec::Pcma)];
        let options = RecordOptions { recording: "r1".into(), path: path.into(), formats };
        self.recorder.start("s1", options).unwrap()
    }

    fn ends(&self) -> Vec<(u64, u64, u64, RecordingReport)> {
        let read = |event| match event {
            EngineEvent::Recording { duration_ms, octets, dropped, report, .. } => {
                Some((duration_ms, octets, dropped, report))
            }
            _ => None,
        };
        self.events.drain().into_iter().filter_map(read).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn packet(tap: &Tap, direction: Direction, payload_type: u8, timestamp: u32, payload: &[u8]) -> (u64, bool) {
    let before = tap.dropped.load(Ordering::Relaxed);
    let at_us = tap.started_us;
    let audio = Audio { direction, payload_type, ssrc: 1, timestamp, payload, at_us };
    let mut again = Tap {
        number: tap.number,
        formats: tap.formats.clone(),
        started_us: tap.started_us,
        clock: tap.clock,
        dropped: tap.dropped.clone(),
        entries: tap.entries.clone(),
        control: channel().0,
    };
    again.take(&audio);
    let dropped = tap.dropped.load(Ordering::Relaxed);
    (dropped, dropped > before)
}

#[test]
fn it_writes_both_parties_side_by_side_and_says_how_long_they_spoke() {
    let world = World::new("both");
    let path = world.directory.join("a/b.wav");
    let tap = world.start(&path);
    packet(&tap, Direction::FromRemote, 0, 0, &[Codec::Pcmu.encode(1_000); 240]);
    packet(&tap, Direction::ToRemote, 8, 0, &[Codec::Pcma.encode(-1_000); 240]);
    packet(&tap, Direction::ToRemote, 101, 240, &[1; 160]);
    thread::sleep(Duration::from_millis(60));
    let length = tap.length();
    drop(tap);
    world.recorder.close();
    let ends = world.ends();
    assert_eq!(ends[0].3, RecordingReport::Started);
    let (duration_ms, octets, dropped, report) = ends[1].clone();
    assert_eq!((report, dropped), (RecordingReport::Stopped, 0));
    assert!(duration_ms >= length.duration_ms && duration_ms - length.duration_ms < 20);
    let file = std::fs::read(&path).unwrap();
    assert_eq!(file.len() as u64, octets);
    let frame = |index: usize| {
        let at = 44 + index * 4;
        (i16::from_le_bytes([file[at], file[at + 1]]), i16::from_le_bytes([file[at + 2], file[at + 3]]))
    };
    let (left, right) =
        (Codec::Pcmu.decode(Codec::Pcmu.encode(1_000)), Codec::Pcma.decode(Codec::Pcma.encode(-1_000)));
    assert_eq!((frame(0), frame(239), frame(240)), ((left, right), (left, right), (0, 0)));
}

#[test]
fn it_writes_while_the_call_goes_on() {
    let world = World::new("during");
    let path = world.directory.join("c.wav");
    let tap = world.start(&path);
    thread::sleep(Duration::from_millis(1_800));
    let file = std::fs::read(&path).unwrap();
    assert!(file.len() >= 44 + 32_000, "only {} octets after 1.8 s", file.len());
    assert_eq!(file[40..44], (file.len() as u32 - 44).to_le_bytes(), "the header knows of all of it");
    drop(tap);
    world.recorder.close();
}

#[test]
fn it_reports_a_file_that_cannot_be_made_and_goes_on_with_others() {
    let world = World::new("refused");
    let taken = world.directory.join("taken.wav");
    std::fs::create_dir_all(&taken).unwrap();
    drop(world.start(&taken));
    drop(world.start(&world.directory.join("free.wav")));
    world.recorder.close();
    let reports: Vec<_> = world.ends().into_iter().map(|end| end.3).collect();
    assert!(matches!(reports[0], RecordingReport::Failed(_)), "{reports:?}");
    assert_eq!(reports[1..], [RecordingReport::Started, RecordingReport::Stopped]);
}

#[test]
fn it_ends_a_recording_that_the_disk_refuses_and_says_what_there_is_of_it() {
    let world = World::new("full");
    std::fs::create_dir_all(&world.directory).unwrap();
    let path = world.directory.join("full.wav");
    let tap = world.start(&path);
    thread::sleep(Duration::from_millis(50));
    let events = world.events.clone();
    let mut writer = Writer { clock: tap.clock, events, files: HashMap::new(), buffer: Vec::new() };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let recording = Recording {
        session: "s1".into(),
        name: "r1".into(),
        file: WavFile::on(full),
        timeline: Timeline::default(),
        started_us: 0,
        written: 0,
        dropped: Arc::default(),
    };
    writer.files.insert(1, recording);
    assert!(!writer.write(1, 8_000), "it ended");
    assert!(!writer.write(1, 16_000), "nothing is left of it");
    let ends = world.ends();
    let RecordingReport::Failed(detail) = &ends[ends.len() - 1].3 else { panic!("{ends:?}") };
    assert!(detail.contains("No space left"), "{detail}");
    assert_eq!((ends[ends.len() - 1].0, ends[ends.len() - 1].1), (0, 44));
    drop(tap);
    world.recorder.close();
}

#[test]
fn it_drops_and_counts_what_the_queue_cannot_take() {
    let (entries, _queue) = sync_channel(2);
    let (control, _commands) = channel();
    let formats = vec![(0, Codec::Pcmu)];
    let dropped = Arc::default();
    let mut tap = Tap { number: 1, formats, started_us: 0, clock: Clock::start(), dropped, entries, control };
    let audio = Audio {
        direction: Direction::FromRemote,
        payload_type: 0,
        ssrc: 1,
        timestamp: 0,
        payload: &[0; 160],
        at_us: 0,
    };
    for _ in 0..5 {
        tap.take(&audio);
    }
    assert_eq!(tap.dropped.load(Ordering::Relaxed), 3);
}
