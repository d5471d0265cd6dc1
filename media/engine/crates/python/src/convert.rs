// SPDX-License-Identifier: Apache-2.0
//! Python values to engine values and back; what does not fit is a `ValueError`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use media_runtime::{
    Codec, EngineEvent, Event, MasterKey, PayloadMap, RecordingReport, Remote, SessionStatistics, SrtpKeys,
    Suite,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A numeric host and a port.
pub(crate) type Address = (String, u16);

/// An IP address from text, with or without the brackets of a URI.
pub(crate) fn parse_ip(text: &str) -> PyResult<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| PyValueError::new_err(format!("not an IP address: {text:?}")))
}

/// A codec from its SDP name.
pub(crate) fn parse_codec(name: &str) -> PyResult<Codec> {
    Codec::from_name(name).ok_or_else(|| PyValueError::new_err(format!("not PCMU or PCMA: {name:?}")))
}

fn parse_address(address: Option<Address>) -> PyResult<Option<SocketAddr>> {
    address.map(|(host, port)| Ok(SocketAddr::new(parse_ip(&host)?.to_canonical(), port))).transpose()
}

/// The remote of a session.
pub(crate) fn remote(
    rtp: Option<Address>,
    rtcp: Option<Address>,
    signaling_ip: Option<&str>,
) -> PyResult<Remote> {
    Ok(Remote {
        rtp: parse_address(rtp)?,
        rtcp: parse_address(rtcp)?,
        signaling_ip: signaling_ip.map(|text| parse_ip(text).map(|ip| ip.to_canonical())).transpose()?,
    })
}

/// The table of payload types for packets to one remote.
pub(crate) fn payload_map(mapping: &HashMap<u64, u64>, allowed: Option<&[u8]>) -> PyResult<PayloadMap> {
    let octet = |value: u64| {
        u8::try_from(value)
            .map_err(|_| PyValueError::new_err(format!("payload type {value} is not in 0..=127")))
    };
    let pairs =
        mapping.iter().map(|(&peer, &own)| Ok((octet(peer)?, octet(own)?))).collect::<PyResult<Vec<_>>>()?;
    PayloadMap::new(&pairs, allowed).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The keys of one leg; no error repeats any of their octets.
pub(crate) fn srtp_keys(suite: &str, local: &[u8], remote: &[u8]) -> PyResult<SrtpKeys> {
    let suite = Suite::from_name(suite)
        .ok_or_else(|| PyValueError::new_err(format!("not a known crypto suite: {suite:?}")))?;
    let master = |octets: &[u8]| {
        let octets = octets.try_into();
        let octets = octets.map_err(|_| PyValueError::new_err("a master key with its salt has 30 octets"));
        octets.map(|octets| MasterKey::new(suite, octets))
    };
    Ok(SrtpKeys { local: master(local)?, remote: master(remote)? })
}

/// Payload types with the codecs that they stand for.
pub(crate) fn formats(formats: &HashMap<u8, String>) -> PyResult<Vec<(u8, Codec)>> {
    formats.iter().map(|(&payload_type, name)| Ok((payload_type, parse_codec(name)?))).collect()
}

/// The counters of a session; the keys are documented in `_native.pyi`.
pub(crate) fn statistics_dict<'py>(
    py: Python<'py>,
    statistics: &SessionStatistics,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("packets_received", statistics.packets_received)?;
    dict.set_item("bytes_received", statistics.bytes_received)?;
    dict.set_item("packets_sent", statistics.packets_sent)?;
    dict.set_item("bytes_sent", statistics.bytes_sent)?;
    dict.set_item("packets_lost", statistics.packets_lost)?;
    dict.set_item("out_of_order", statistics.out_of_order)?;
    dict.set_item("jitter_ms", statistics.jitter_ms)?;
    dict.set_item("ssrc", statistics.ssrc)?;
    dict.set_item("payload_type", statistics.payload_type)?;
    dict.set_item("dropped_strangers", statistics.dropped_strangers)?;
    dict.set_item("dropped_invalid", statistics.dropped_invalid)?;
    dict.set_item("dropped_payload_type", statistics.dropped_payload_type)?;
    dict.set_item("dropped_unauthenticated", statistics.dropped_unauthenticated)?;
    dict.set_item("dropped_replayed", statistics.dropped_replayed)?;
    dict.set_item("send_errors", statistics.send_errors)?;
    dict.set_item("rtcp_received", statistics.rtcp_received)?;
    dict.set_item("rtcp_sent", statistics.rtcp_sent)?;
    dict.set_item("remote_packets_lost", statistics.remote_packets_lost)?;
    dict.set_item("remote_jitter_ms", statistics.remote_jitter_ms)?;
    dict.set_item("round_trip_ms", statistics.round_trip_ms)?;
    let remote = statistics.remote.map(|address| (address.ip().to_string(), address.port()));
    dict.set_item("remote", remote)?;
    Ok(dict)
}

/// An event as a tuple that begins with its name.
pub(crate) fn event_tuple<'py>(py: Python<'py>, event: &EngineEvent) -> PyResult<Bound<'py, PyTuple>> {
    let unknown = || ("unknown", "").into_pyobject(py);
    match event {
        EngineEvent::Fatal { worker, detail } => ("fatal", worker, detail).into_pyobject(py),
        EngineEvent::Recording { session, recording, duration_ms, octets, dropped, report } => {
            let (name, detail) = match report {
                RecordingReport::Started => ("recording_started", ""),
                RecordingReport::Stopped => ("recording_stopped", ""),
                RecordingReport::Failed(detail) => ("recording_failed", detail.as_str()),
            };
            (name, &**session, recording, detail, duration_ms, octets, dropped).into_pyobject(py)
        }
        EngineEvent::Media(event) => match event {
            Event::MediaStarted { session } => ("media_started", &**session).into_pyobject(py),
            Event::Inactive { session } => ("inactive", &**session).into_pyobject(py),
            Event::PlayStarted { session, play } => ("play_started", &**session, &**play).into_pyobject(py),
            Event::PlayCompleted { session, play } => {
                ("play_completed", &**session, &**play).into_pyobject(py)
            }
            Event::PlayStopped { session, play } => ("play_stopped", &**session, &**play).into_pyobject(py),
            _ => unknown(),
        },
        _ => unknown(),
    }
}
