# SPDX-License-Identifier: Apache-2.0
"""The project: settings, the typed environment, and what joins the rooms into one product."""

__version__ = "0.1.0"
