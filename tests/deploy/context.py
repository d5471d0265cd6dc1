# SPDX-License-Identifier: Apache-2.0
"""What of the repository gets into the images: .dockerignore and the Dockerfile's own steps, carried out by copying."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.deploy.dockerfile import Image
from tests.stack import ROOT

APP = "/app"
SOURCES = "/src"


@cache
def ignore_rules() -> tuple[tuple[bool, re.Pattern[str]], ...]:
    """Return the rules of .dockerignore: whether each takes a path in again, and what it matches."""
    rules = []
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            rules.append((pattern.startswith("!"), re.compile(_expression(pattern.lstrip("!").strip("/")))))
    return tuple(rules)


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression; it also matches everything below a folder that it matches."""
    parts = [
        r"(?:[^/]+/)*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*") + "/"
        for part in pattern.split("/")
    ]
    return "".join(parts).removesuffix("/") + r"(?:/.*)?$"


def is_sent(path: str) -> bool:
    """Tell whether a file of the repository is sent to the builder: the last rule that matches decides."""
    sent = True
    for takes_in, expression in ignore_rules():
        if expression.match(path):
            sent = takes_in
    return sent


@cache
def sent_files() -> tuple[str, ...]:
    """Return the files that a build gets, from those that git knows or would know."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return tuple(name for name in names if name and is_sent(name) and (ROOT / name).is_file())


def assemble(image: Image, directory: Path) -> None:
    """Lay out what the image holds below `APP` and in /usr/local/bin, except for the virtual environment.

    The steps are read from the Dockerfile: the ``install`` and ``rm`` of the build stage, the copies of the last.
    """
    sources, app, programs = directory / "src", directory / "app", directory / "bin"
    for name in sent_files():
        target = sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    programs.mkdir()
    (build,) = [stage for stage in image.stages if stage.name == "build"]
    for step in build.all("RUN"):
        for command in step.arguments.split("&&"):
            _run(shlex.split(command), sources, programs)
    sources.rename(app)
    for copy in (copy for stage in image.lineage for copy in stage.all("COPY")):
        *wanted, target_name = copy.words
        if not wanted[0].startswith("--from="):
            (app / target_name).mkdir(exist_ok=True)
            for name in wanted:
                assert is_sent(name), f"{name} is copied and .dockerignore holds it back"
                shutil.copy2(ROOT / name, app / target_name)
    for path in [app, programs, *app.rglob("*"), *programs.iterdir()]:
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _run(command: list[str], sources: Path, programs: Path) -> None:
    if command[:1] == ["install"] and command[-1].startswith("/usr/local/bin"):
        pattern = command[-2].removeprefix(SOURCES + "/")
        found = sorted(sources.glob(pattern))
        assert found, f"nothing to install: {pattern}"
        named = not command[-1].endswith("/")
        for path in found:
            target = programs / (Path(command[-1]).name if named else path.name)
            shutil.copy2(path, target)
            target.chmod(0o755)
    if command[:2] == ["rm", "-rf"] and command[2].startswith(SOURCES):
        for name in command[2:]:
            path = sources / name.removeprefix(SOURCES + "/")
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
