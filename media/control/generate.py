# SPDX-License-Identifier: Apache-2.0
"""Generates `media/control/gen/` from `proto/rtpmanager.proto`: ``python -m media.control.generate``.

The proto file is mapped to the virtual directory ``media/control/gen``, so that protoc itself writes imports that
work from the repository root. Needs grpcio-tools and mypy-protobuf (development requirements). It must not know
anything of the running product.
"""

import sys
from pathlib import Path

CONTROL_DIR = Path(__file__).resolve().parent
ROOT = CONTROL_DIR.parent.parent
VIRTUAL_DIR = "media/control/gen"
SPDX = "# SPDX-License-Identifier: Apache-2.0\n"


def generate(out_root: Path) -> list[Path]:
    """Write the generated modules below `out_root` and return their paths.

    Raises:
        RuntimeError: protoc refused the proto file; its own message is on stderr.
    """
    from grpc_tools import protoc

    plugin = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"-I{VIRTUAL_DIR}={CONTROL_DIR / 'proto'}",
            f"--python_out={out_root}",
            f"--grpc_python_out={out_root}",
            f"--plugin=protoc-gen-mypy={plugin / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugin / 'protoc-gen-mypy_grpc'}",
            f"--mypy_out=quiet:{out_root}",
            f"--mypy_grpc_out=quiet:{out_root}",
            f"{VIRTUAL_DIR}/rtpmanager.proto",
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}")
    written = sorted((out_root / VIRTUAL_DIR).glob("rtpmanager_pb2*"))
    for path in written:
        path.write_text(SPDX + path.read_text(encoding="utf-8"), encoding="utf-8")
    return written


if __name__ == "__main__":
    for generated in generate(ROOT):
        sys.stdout.write(f"{generated.relative_to(ROOT)}\n")
