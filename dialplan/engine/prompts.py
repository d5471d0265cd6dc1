# SPDX-License-Identifier: Apache-2.0
"""Names of prompts: those that people upload, and files below the prompt directory, never out of it.

The name may hold variables. A variable's value comes from the network, so it can name a file but no directory, and
the finished name is checked again.
"""

from __future__ import annotations

from collections.abc import Callable

from dialplan.engine.errors import FileNameError
from dialplan.engine.variables import CallFacts, Template

MAX_FILE_NAME_LENGTH = 255
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+ ")

FileNameBuilder = Callable[[CallFacts], str]


def check_file_name(name: str) -> str:
    """Return ``name`` when it is a relative path of plain names.

    Raises:
        FileNameError: it is not.
    """
    if len(name) > MAX_FILE_NAME_LENGTH:
        raise FileNameError(f"a file name has at most {MAX_FILE_NAME_LENGTH} characters")
    if name.startswith("/"):
        raise FileNameError("a file name is relative to the prompt directory and starts with no /")
    for part in name.split("/"):
        if not part or part.startswith((".", " ")) or part.endswith(" "):
            raise FileNameError(f"{part!r} cannot be a part of a file name")
        if not _CHARACTERS.issuperset(part):
            raise FileNameError("a file name has letters of a to z, digits, spaces and . _ - + alone")
    return name


def check_prompt_name(name: str) -> str:
    """Return ``name`` when an uploaded prompt can be called so: a plain name without directories.

    Raises:
        FileNameError: it cannot.
    """
    if "/" in name:
        raise FileNameError("a prompt's name has no /")
    return check_file_name(name)


def constant_name(text: str) -> str | None:
    """Return what a file name is in every call; None when it depends on variables."""
    return text if Template(text).constant else None


def compile_file_name(text: str) -> FileNameBuilder:
    """Read a file name that may hold variables and return what makes the name for one call from its facts.

    The returned function raises `FileNameError` when a value makes the name unusable.

    Raises:
        FileNameError: no value could make it a usable name.
        TemplateError: it holds an undefined variable.
    """
    template = Template(text)
    check_file_name(template.fill(CallFacts("0", "0", "0", "0")))
    if template.constant:
        return lambda facts: text
    return lambda facts: _fill(template, facts)


def _fill(template: Template, facts: CallFacts) -> str:
    if any("/" in value for value in template.values(facts)):
        raise FileNameError(f"a variable in {template.text} holds a / in this call")
    return check_file_name(template.fill(facts))
