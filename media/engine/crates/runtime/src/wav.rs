// SPDX-License-Identifier: Apache-2.0
//! A WAV file that is written while a call goes on: 8 kHz, stereo, 16-bit PCM.
//!
//! The lengths in its header are set anew after each write, so that whatever ends the process leaves a file
//! that plays up to there.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

/// Octets before the samples.
pub(crate) const HEADER_LEN: u64 = 44;
/// Octets of one moment: two samples of 16 bits.
pub(crate) const FRAME_LEN: u64 = 4;
/// Most octets of samples: the header counts in 32 bits. That is 37 hours.
const MAX_DATA_LEN: u64 = 0xffff_ff00;
const BYTES_PER_SECOND: u32 = 8_000 * FRAME_LEN as u32;
const RIFF_LENGTH_AT: u64 = 4;
const DATA_LENGTH_AT: u64 = 40;

/// An open file.
#[derive(Debug)]
pub(crate) struct WavFile {
    file: File,
    data_len: u64,
}

impl WavFile {
    /// Makes a file that must not exist yet, and the directories that it is in.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o750).create(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
        file.write_all(&header(0))?;
        Ok(Self { file, data_len: 0 })
    }

    /// A file that is open already, for tests of what can go wrong.
    #[cfg(test)]
    pub(crate) fn on(file: File) -> Self {
        Self { file, data_len: 0 }
    }

    /// Appends whole frames.
    pub(crate) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        let data_len = self.data_len + frames.len() as u64;
        if data_len > MAX_DATA_LEN {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a recording has at most 37 hours"));
        }
        self.file.write_all(frames)?;
        self.data_len = data_len;
        let fixed = header(data_len);
        self.file.write_all_at(&fixed[4..8], RIFF_LENGTH_AT)?;
        self.file.write_all_at(&fixed[40..44], DATA_LENGTH_AT)
    }

    /// Octets of the file that its header knows of.
    pub(crate) fn len(&self) -> u64 {
        HEADER_LEN + self.data_len
    }
}

fn header(data_len: u64) -> [u8; HEADER_LEN as usize] {
    let data_len = data_len as u32;
    let mut header = [0; HEADER_LEN as usize];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(data_len + HEADER_LEN as u32 - 8).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&2_u16.to_le_bytes());
    header[24..28].copy_from_slice(&8_000_u32.to_le_bytes());
    header[28..32].copy_from_slice(&BYTES_PER_SECOND.to_le_bytes());
    header[32..34].copy_from_slice(&(FRAME_LEN as u16).to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..44].copy_from_slice(&data_len.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("engine-wav-{}", std::process::id())).join(name)
    }

    #[test]
    fn it_keeps_the_lengths_in_the_header_true_after_each_write() {
        let path = place("one/two/lengths.wav");
        let mut file = WavFile::create(&path).unwrap();
        for frames in 1..=3_u64 {
            file.append(&[1, 0, 2, 0]).unwrap();
            let octets = std::fs::read(&path).unwrap();
            assert_eq!(octets.len() as u64, file.len());
            assert_eq!(octets[4..8], (36 + frames as u32 * 4).to_le_bytes());
            assert_eq!(octets[40..44], (frames as u32 * 4).to_le_bytes());
            assert_eq!(octets[octets.len() - 4..], [1, 0, 2, 0]);
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn it_never_writes_over_a_file() {
        let path = place("twice.wav");
        drop(WavFile::create(&path).unwrap());
        assert_eq!(WavFile::create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        std::fs::remove_file(path).unwrap();
    }
}
