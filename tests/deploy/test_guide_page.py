# SPDX-License-Identifier: Apache-2.0
"""docs/deployment.md: the tests that it names exist, and its figures are those of the files."""

from __future__ import annotations

import ast
import re

from tests.deploy.manifests import K8S
from tests.deploy.test_make_targets import TARGETS
from tests.stack import ROOT

PAGE = (ROOT / "docs" / "deployment.md").read_text()
ROWS = PAGE.partition("## What of the guide holds")[2].splitlines()


def functions(path: str) -> set[str]:
    """Return the names of a test module's functions."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_names_a_test_that_exists_or_says_that_it_does_not_hold_yet() -> None:
    rows = [line for line in ROWS if line.startswith("| ") and not line.startswith(("| guide", "| ---"))]
    assert len(rows) > 50
    for row in rows:
        found = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
        assert found or "**not yet**" in row or row.endswith("| - |"), row
        for path, name in found:
            assert name in functions(path), row


def test_every_make_target_and_manifest_is_mentioned() -> None:
    for target in TARGETS:
        assert target in PAGE
    for path in K8S.glob("*.yaml"):
        assert path.name in PAGE
