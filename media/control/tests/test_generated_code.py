# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.generate import ROOT, VIRTUAL_DIR, generate


def test_the_generated_code_is_current(tmp_path):
    """Rendered again from the proto file, it is what is committed."""
    pytest.importorskip("grpc_tools")
    written = generate(tmp_path)
    assert len(written) == 4
    for path in written:
        committed = ROOT / VIRTUAL_DIR / path.name
        assert path.read_text() == committed.read_text(), (
            f"run: python -m media.control.generate ({path.name})"
        )


def test_the_service_can_be_imported_as_others_do():
    from media.control.gen import rtpmanager_pb2, rtpmanager_pb2_grpc

    assert rtpmanager_pb2.DESCRIPTOR.package == "rtpmanager.v1"
    assert hasattr(rtpmanager_pb2_grpc, "RTPManagerServiceStub")
