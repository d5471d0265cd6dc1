# SPDX-License-Identifier: Apache-2.0
"""Prompts: reading them from disk in the form that the engine takes, and rendering the product's own."""
