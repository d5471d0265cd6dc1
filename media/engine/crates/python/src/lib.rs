// SPDX-License-Identifier: Apache-2.0
//! `switchboard_engine._native`: the engine as a Python class.
//!
//! It only converts: no media logic, no state of its own. The GIL is released around every engine call, since
//! each may wait for a worker's lock.

mod convert;
mod errors;

use std::collections::HashMap;
use std::path::PathBuf;

use media_runtime::{Engine, EngineOptions, PlayOptions, RecordOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use convert::{Address, event_tuple, parse_codec, parse_ip, payload_map, remote, statistics_dict};
use errors::to_python;

/// RTP sessions on a range of ports, relayed by threads of its own.
#[pyclass(frozen, name = "Engine", module = "switchboard_engine")]
struct PyEngine(Engine);

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (*, bind_ip, port_min, port_max, threads = 1, quarantine_ms = 2000,
                        inactivity_ms = 30_000, tick_us = 1000, tick_above_pps = 2000, dscp = 0xb8,
                        receive_buffer = 65_536))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the Python constructor")]
    fn new(
        py: Python<'_>,
        bind_ip: &str,
        port_min: u16,
        port_max: u16,
        threads: usize,
        quarantine_ms: u64,
        inactivity_ms: u64,
        tick_us: u64,
        tick_above_pps: u64,
        dscp: u8,
        receive_buffer: usize,
    ) -> PyResult<Self> {
        let options = EngineOptions {
            bind_ip: parse_ip(bind_ip)?,
            port_min,
            port_max,
            threads,
            quarantine_ms,
            inactivity_ms,
            tick_us,
            tick_above_pps,
            dscp,
            receive_buffer,
        };
        py.detach(|| Engine::new(options)).map(Self).map_err(to_python)
    }

    #[pyo3(signature = (session_id, *, group = None, clock_rate_hz = 8000))]
    fn create_session(
        &self,
        py: Python<'_>,
        session_id: &str,
        group: Option<&str>,
        clock_rate_hz: u32,
    ) -> PyResult<u16> {
        py.detach(|| self.0.create_session(session_id, group, clock_rate_hz)).map_err(to_python)
    }

    #[pyo3(signature = (session_id, *, rtp, rtcp = None, signaling_ip = None))]
    fn set_remote(
        &self,
        py: Python<'_>,
        session_id: &str,
        rtp: Option<Address>,
        rtcp: Option<Address>,
        signaling_ip: Option<&str>,
    ) -> PyResult<()> {
        let remote = remote(rtp, rtcp, signaling_ip)?;
        py.detach(|| self.0.set_remote(session_id, &remote)).map_err(to_python)
    }

    #[pyo3(signature = (session_id, suite, *, local_key, remote_key))]
    fn set_srtp(
        &self,
        py: Python<'_>,
        session_id: &str,
        suite: &str,
        local_key: &[u8],
        remote_key: &[u8],
    ) -> PyResult<()> {
        let keys = convert::srtp_keys(suite, local_key, remote_key)?;
        py.detach(|| self.0.set_srtp(session_id, Some(&keys))).map_err(to_python)
    }

    fn clear_srtp(&self, py: Python<'_>, session_id: &str) -> PyResult<()> {
        py.detach(|| self.0.set_srtp(session_id, None)).map_err(to_python)
    }

    #[pyo3(signature = (session_id, mapping, allowed = None))]
    fn set_payload_map(
        &self,
        py: Python<'_>,
        session_id: &str,
        mapping: HashMap<u64, u64>,
        allowed: Option<Vec<u8>>,
    ) -> PyResult<()> {
        let map = payload_map(&mapping, allowed.as_deref())?;
        py.detach(|| self.0.set_payload_map(session_id, map)).map_err(to_python)
    }

    fn set_inactivity(&self, py: Python<'_>, session_id: &str, inactivity_ms: u64) -> PyResult<()> {
        py.detach(|| self.0.set_inactivity(session_id, inactivity_ms)).map_err(to_python)
    }

    fn bridge(&self, py: Python<'_>, a: &str, b: &str) -> PyResult<()> {
        py.detach(|| self.0.bridge(a, b)).map_err(to_python)
    }

    fn unbridge(&self, py: Python<'_>, session_id: &str) -> PyResult<()> {
        py.detach(|| self.0.unbridge(session_id)).map_err(to_python)
    }

    #[pyo3(signature = (session_id, play_id, pcm, *, codec, payload_type, repeat = false))]
    #[expect(clippy::too_many_arguments, reason = "the Python signature")]
    fn play(
        &self,
        py: Python<'_>,
        session_id: &str,
        play_id: &str,
        pcm: &[u8],
        codec: &str,
        payload_type: u8,
        repeat: bool,
    ) -> PyResult<()> {
        let options = PlayOptions { codec: parse_codec(codec)?, payload_type, repeat };
        py.detach(|| self.0.play(session_id, play_id, pcm, options)).map_err(to_python)
    }

    fn stop(&self, py: Python<'_>, session_id: &str) -> PyResult<()> {
        py.detach(|| self.0.stop(session_id)).map_err(to_python)
    }

    fn start_recording(
        &self,
        py: Python<'_>,
        session_id: &str,
        recording_id: String,
        path: PathBuf,
        formats: HashMap<u8, String>,
    ) -> PyResult<()> {
        let options = RecordOptions { recording: recording_id, path, formats: convert::formats(&formats)? };
        py.detach(|| self.0.start_recording(session_id, options)).map_err(to_python)
    }

    fn stop_recording(&self, py: Python<'_>, session_id: &str) -> PyResult<(u64, u64)> {
        let length = py.detach(|| self.0.stop_recording(session_id)).map_err(to_python)?;
        Ok((length.duration_ms, length.octets))
    }

    fn stats<'py>(&self, py: Python<'py>, session_id: &str) -> PyResult<Bound<'py, PyDict>> {
        let statistics = py.detach(|| self.0.statistics(session_id)).map_err(to_python)?;
        statistics_dict(py, &statistics)
    }

    fn destroy<'py>(&self, py: Python<'py>, session_id: &str) -> PyResult<Bound<'py, PyDict>> {
        let statistics = py.detach(|| self.0.destroy(session_id)).map_err(to_python)?;
        statistics_dict(py, &statistics)
    }

    fn available_ports(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.available_ports())
    }

    fn active_sessions(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.active_sessions())
    }

    fn event_fd(&self) -> i32 {
        self.0.event_fd()
    }

    fn poll_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let events = py.detach(|| self.0.poll_events());
        let tuples = events.iter().map(|event| event_tuple(py, event)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, tuples)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

/// How the extension was built: version, profile and the target it runs on.
#[pyfunction]
fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
    info.set_item("panic", if cfg!(panic = "unwind") { "unwind" } else { "abort" })?;
    info.set_item("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))?;
    Ok(info)
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyEngine>()?;
    module.add_function(wrap_pyfunction!(build_info, module)?)?;
    errors::add_to(module)
}
