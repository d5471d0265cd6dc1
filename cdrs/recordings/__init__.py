# SPDX-License-Identifier: Apache-2.0
"""Recorded calls: their rows, their files, who may listen, and how long they are kept."""
