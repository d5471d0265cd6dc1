// SPDX-License-Identifier: Apache-2.0
//! The command line and the list of calls.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) const HELP: &str = "\
rtp-load: paced RTP through a relay; prints loss, latency and the server's CPU per packet

usage: rtp-load --pairs FILE [--duration S] [--warmup S] [--pid PID] [--cpu N] [--payload OCTETS] [--srtp] [--json]

  --pairs FILE      one call a line: LOCAL_A RELAY_A LOCAL_B RELAY_B, each ip:port, or a port at 127.0.0.1;
                    party A sends from LOCAL_A to RELAY_A and hears what B sends; - reads standard input;
                    empty lines and lines that begin with # are skipped
  --duration S      seconds that are measured (10)
  --warmup S        seconds before, not measured (2)
  --pid PID         the relay, for its CPU time (all of its threads)
  --cpu N           run on this core only
  --payload OCTETS  octets after the RTP header, at least 16 (160)
  --srtp            AES_CM_128_HMAC_SHA1_80; every key is 30 octets of 1
  --json            one JSON object instead of a line of text

The calls must be set up and bridged. Every leg sends 50 packets a second with sequence, timestamp and SSRC of
its own; the payload begins with the time of sending, so relay and generator must not transcode.
";

/// One call: two legs, each with its own address and the relay's.
pub(crate) type Call = [(SocketAddr, SocketAddr); 2];

pub(crate) struct Options {
    pub(crate) calls: Vec<Call>,
    pub(crate) duration: Duration,
    pub(crate) warmup: Duration,
    pub(crate) pid: Option<u32>,
    pub(crate) cpu: Option<usize>,
    pub(crate) payload: usize,
    pub(crate) srtp: bool,
    pub(crate) json: bool,
}

impl Options {
    /// Reads the arguments; `None` when help was asked for.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            calls: Vec::new(),
            duration: Duration::from_secs(10),
            warmup: Duration::from_secs(2),
            pid: None,
            cpu: None,
            payload: 160,
            srtp: false,
            json: false,
        };
        while let Some(name) = arguments.next() {
            if name == "--help" || name == "-h" {
                return Ok(None);
            }
            if name == "--json" {
                options.json = true;
                continue;
            }
            if name == "--srtp" {
                options.srtp = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            options.set(&name, &value)?;
        }
        if options.calls.is_empty() { Err("--pairs names no call".into()) } else { Ok(Some(options)) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--pairs" => self.calls = parse_calls(&read(value)?)?,
            "--duration" => self.duration = Duration::from_secs_f64(number(name, value)?),
            "--warmup" => self.warmup = Duration::from_secs_f64(number(name, value)?),
            "--pid" => self.pid = Some(number(name, value)?),
            "--cpu" => self.cpu = Some(number(name, value)?),
            "--payload" => self.payload = number::<usize>(name, value)?.clamp(16, 1400),
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name}: not a number: {value}"))
}

fn read(file: &str) -> Result<String, String> {
    let text =
        if file == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    text.map_err(|error| format!("{file}: {error}"))
}

fn parse_calls(text: &str) -> Result<Vec<Call>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(parse_call).collect()
}

fn parse_call(line: &str) -> Result<Call, String> {
    let addresses: Vec<SocketAddr> = line.split_whitespace().map(parse_address).collect::<Result<_, _>>()?;
    match addresses[..] {
        [local_a, relay_a, local_b, relay_b] => Ok([(local_a, relay_a), (local_b, relay_b)]),
        _ => Err(format!("not four addresses: {line}")),
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| format!("not an address: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_calls_and_skips_comments() {
        let calls = parse_calls("# a call\n\n40000 192.0.2.1:10000 40002 10002\n").unwrap();
        let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let a = (address("127.0.0.1:40000"), address("192.0.2.1:10000"));
        assert_eq!(calls, [[a, (address("127.0.0.1:40002"), address("127.0.0.1:10002"))]]);
    }

    #[test]
    fn it_names_the_line_that_is_wrong() {
        assert_eq!(parse_calls("1 2 3").unwrap_err(), "not four addresses: 1 2 3");
        assert_eq!(parse_calls("1 2 3 x").unwrap_err(), "not an address: x");
    }

    #[test]
    fn it_refuses_unknown_options_and_a_run_without_calls() {
        let parse = |arguments: &[&str]| Options::parse(arguments.iter().map(ToString::to_string)).err();
        assert_eq!(parse(&["--speed", "1"]).unwrap(), "unknown option --speed");
        assert_eq!(parse(&["--pid"]).unwrap(), "--pid needs a value");
        assert_eq!(parse(&[]).unwrap(), "--pairs names no call");
    }
}
