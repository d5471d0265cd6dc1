# SPDX-License-Identifier: Apache-2.0
"""Softphones that nobody here wrote, each in a process of its own, driven by JSON lines."""
