# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path


def test_the_admin_works_without_unfold(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "accounts.tests.plain_theme"],
        env={**os.environ, "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr
