# SPDX-License-Identifier: Apache-2.0
"""Classes of values that are made for every message.

It knows no value. Invariant: to the type checker the values are frozen; at run time nothing stops who changes one all
the same, because a frozen dataclass of Python takes twice as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value_class(cls: type[T]) -> type[T]:
    """Make a dataclass with slots, compared and hashed by its fields, whose fields are given by name."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
