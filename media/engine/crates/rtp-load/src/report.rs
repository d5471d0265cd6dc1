// SPDX-License-Identifier: Apache-2.0
//! What a run found.

use std::time::Duration;

pub(crate) struct Report {
    pub(crate) calls: usize,
    pub(crate) duration: Duration,
    /// Packets sent in the measured span.
    pub(crate) sent: u64,
    /// Packets that were sent in the measured span and arrived.
    pub(crate) received: u64,
    /// Packets that arrived in the measured span.
    pub(crate) relayed: u64,
    /// One latency per packet of the probe calls that was sent in the span and arrived.
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) server_cpu_ns: Option<u64>,
    /// Slots that began more than a millisecond late; if there are many, the generator was too slow.
    pub(crate) slots_late: u64,
}

struct Figures {
    loss_percent: f64,
    p50_us: u32,
    p99_us: u32,
    cpu_us_per_packet: Option<f64>,
    cpu_percent: Option<f64>,
}

impl Report {
    fn figures(&self) -> Figures {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let percentile = |percent: usize| {
            let last = sorted.len().saturating_sub(1);
            sorted.get(last * percent / 100).copied().unwrap_or(0)
        };
        let lost = self.sent.saturating_sub(self.received);
        let cpu_us = self.server_cpu_ns.map(|ns| ns as f64 / 1000.0);
        Figures {
            loss_percent: lost as f64 * 100.0 / self.sent.max(1) as f64,
            p50_us: percentile(50),
            p99_us: percentile(99),
            cpu_us_per_packet: cpu_us.map(|us| us / self.relayed.max(1) as f64),
            cpu_percent: cpu_us.map(|us| us / self.duration.as_micros() as f64 * 100.0),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        let figures = self.figures();
        let cpu = match (figures.cpu_us_per_packet, figures.cpu_percent) {
            (Some(us), Some(percent)) => format!(", server {us:.2} us/packet ({percent:.1} % of a core)"),
            _ => String::new(),
        };
        format!(
            "{} calls: {} sent, {} relayed, loss {:.4} %, latency p50 {} us p99 {} us{cpu}, {} slots late",
            self.calls,
            self.sent,
            self.relayed,
            figures.loss_percent,
            figures.p50_us,
            figures.p99_us,
            self.slots_late
        )
    }

    pub(crate) fn to_json(&self) -> String {
        let figures = self.figures();
        let number = |value: Option<f64>| value.map_or_else(|| "null".into(), |value| format!("{value:.4}"));
        format!(
            "{{\"calls\": {}, \"sent\": {}, \"relayed\": {}, \"loss_percent\": {:.5}, \"p50_us\": {}, \
             \"p99_us\": {}, \"cpu_us_per_packet\": {}, \"cpu_percent\": {}, \"slots_late\": {}}}",
            self.calls,
            self.sent,
            self.relayed,
            figures.loss_percent,
            figures.p50_us,
            figures.p99_us,
            number(figures.cpu_us_per_packet),
            number(figures.cpu_percent),
            self.slots_late
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_did_not_arrive_and_divides_the_cpu_by_what_was_relayed() {
        let report = Report {
            calls: 1,
            duration: Duration::from_secs(1),
            sent: 100,
            received: 99,
            relayed: 50,
            latencies_us: (0..99).collect(),
            server_cpu_ns: Some(500_000),
            slots_late: 0,
        };
        let figures = report.figures();
        assert_eq!((figures.p50_us, figures.p99_us), (49, 97));
        assert!((figures.loss_percent - 1.0).abs() < 1e-9);
        assert_eq!(figures.cpu_us_per_packet, Some(10.0));
        assert!(report.to_json().contains("\"cpu_us_per_packet\": 10.0000"));
        assert!(report.to_text().starts_with("1 calls: 100 sent, 50 relayed, loss 1.0000 %"));
    }

    #[test]
    fn it_survives_a_relay_that_relays_nothing() {
        let report = Report {
            calls: 1,
            duration: Duration::from_secs(1),
            sent: 0,
            received: 0,
            relayed: 0,
            latencies_us: Vec::new(),
            server_cpu_ns: None,
            slots_late: 0,
        };
        assert!(report.to_json().contains("\"cpu_us_per_packet\": null"));
    }
}
