# SPDX-License-Identifier: Apache-2.0
"""Benchmarks, each side by side with a well-known peer in the same run: ``python -m bench.signalling``, ``bench.relay``."""
