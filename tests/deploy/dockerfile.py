# SPDX-License-Identifier: Apache-2.0
"""Dockerfiles as data: what a container of the image starts with. It builds nothing."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.stack import ROOT

DOCKER = ROOT / "deploy" / "docker"
ROLES = ("signaling", "rtpmanager", "ui")
BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined."""

    keyword: str
    arguments: str

    @property
    def words(self) -> list[str]:
        """The arguments of the JSON form, or the words of the other."""
        if self.arguments.startswith("["):
            return [str(word) for word in json.loads(self.arguments)]
        return shlex.split(self.arguments)


@dataclass(slots=True)
class Stage:
    """One FROM and what follows it."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, keyword: str) -> list[Instruction]:
        """Return its instructions of one kind."""
        return [found for found in self.instructions if found.keyword == keyword]


@dataclass(slots=True)
class Image:
    """What the last stage of a Dockerfile says of its containers, with what it inherits."""

    role: str
    stages: list[Stage]
    env: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    workdir: str = "/"
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    ports: set[str] = field(default_factory=set)
    volumes: list[str] = field(default_factory=list)
    healthcheck: str = ""

    @property
    def lineage(self) -> list[Stage]:
        """The stages whose layers the image holds, the oldest first."""
        by_name = {stage.name: stage for stage in self.stages if stage.name}
        chain = [self.stages[-1]]
        while chain[0].base in by_name:
            chain.insert(0, by_name[chain[0].base])
        return chain

    @property
    def name(self) -> str:
        """The image's name, as the make targets tag it."""
        return f"switchboard-{self.role}:latest"


def read(role: str) -> Image:
    """Return what ``Dockerfile.ROLE`` describes."""
    image = Image(role, parse(DOCKER / f"Dockerfile.{role}"))
    for stage in image.lineage:
        for instruction in stage.instructions:
            _apply(image, instruction)
    return image


def parse(path: Path) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", " ", text)
    stages: list[Stage] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        keyword, _, arguments = line.partition(" ")
        if keyword == "FROM":
            base, _, name = arguments.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            stages[-1].instructions.append(Instruction(keyword, arguments.strip()))
    return stages


def _apply(image: Image, instruction: Instruction) -> None:
    words = instruction.words if instruction.keyword != "RUN" else []
    match instruction.keyword:
        case "ENV":
            before = dict(image.env)
            for word in words:
                name, _, value = word.partition("=")
                image.env[name] = Template(value).safe_substitute(before)
        case "WORKDIR":
            image.workdir = words[0]
        case "USER":
            image.user = words[0]
        case "EXPOSE":
            image.ports |= set(words)
        case "VOLUME":
            image.volumes += words
        case "ENTRYPOINT":
            image.entrypoint = words
        case "CMD":
            image.command = words
        case "HEALTHCHECK":
            image.healthcheck = instruction.arguments
