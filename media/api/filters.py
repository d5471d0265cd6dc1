# SPDX-License-Identifier: Apache-2.0
"""Filters of the list of prompts."""

from __future__ import annotations

from django_filters import rest_framework as filters

from accounts.api.filters import SearchFilter
from media.models import Prompt, Status
from switchboard.api_filters import BooleanFilter, ByAccount


class PromptFilter(SearchFilter):
    """``q`` (name, name of the file), ``account``, ``shared``, ``name``, ``status``."""

    searched = ("name", "source_name")
    account = ByAccount()
    shared = BooleanFilter(
        field_name="account", lookup_expr="isnull", label="Whether every account may play it."
    )
    name = filters.CharFilter(max_length=100, label="The whole name.")
    status = filters.ChoiceFilter(choices=Status.choices, label="What became of the last upload.")

    class Meta:
        model = Prompt
        fields = ("q", "account", "shared", "name", "status")
