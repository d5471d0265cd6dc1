// SPDX-License-Identifier: Apache-2.0
//! Paced RTP load for any relay: loss, latency and the server's CPU per packet.
//!
//! It knows nothing of signaling: the calls are set up beforehand and named by their addresses. Each leg sends
//! G.711-sized packets at 50 a second and expects its peer's, so a call makes 100 packets a second.

mod cpu;
mod generator;
mod legs;
mod options;
mod poll;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match options::Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("rtp-load: {message}; see --help");
            return ExitCode::from(2);
        }
    };
    match generator::run(&options) {
        Ok(report) => {
            println!("{}", if options.json { report.to_json() } else { report.to_text() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rtp-load: {error}");
            ExitCode::FAILURE
        }
    }
}
