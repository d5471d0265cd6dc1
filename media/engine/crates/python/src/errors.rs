// SPDX-License-Identifier: Apache-2.0
//! Engine errors as Python exceptions; the tree is drawn in `switchboard_engine/__init__.py`.

use media_runtime::EngineError as Error;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(switchboard_engine, EngineError, PyException, "A control call that the engine refused.");
create_exception!(switchboard_engine, SessionNotFound, EngineError, "No session of this id.");
create_exception!(switchboard_engine, SessionExists, EngineError, "A session of this id is there already.");
create_exception!(switchboard_engine, PortsExhausted, EngineError, "No RTP port pair is free.");
create_exception!(switchboard_engine, EngineClosed, EngineError, "The engine was closed.");
create_exception!(switchboard_engine, WorkerFailed, EngineError, "A media thread has failed.");

/// The exception for an engine error: `ValueError` for arguments, `OSError` for what the system refused.
pub(crate) fn to_python(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::SessionNotFound(_) => SessionNotFound::new_err(text),
        Error::SessionExists(_) => SessionExists::new_err(text),
        Error::PortsExhausted => PortsExhausted::new_err(text),
        Error::Closed => EngineClosed::new_err(text),
        Error::WorkerFailed(_) => WorkerFailed::new_err(text),
        Error::Invalid(_) | Error::Media(_) => PyValueError::new_err(text),
        Error::Io(error) => match error.raw_os_error() {
            Some(number) => PyOSError::new_err((number, text)),
            None => PyOSError::new_err(text),
        },
        _ => EngineError::new_err(text),
    }
}

/// Adds the exceptions to the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("EngineError", py.get_type::<EngineError>())?;
    module.add("SessionNotFound", py.get_type::<SessionNotFound>())?;
    module.add("SessionExists", py.get_type::<SessionExists>())?;
    module.add("PortsExhausted", py.get_type::<PortsExhausted>())?;
    module.add("EngineClosed", py.get_type::<EngineClosed>())?;
    module.add("WorkerFailed", py.get_type::<WorkerFailed>())
}
