# SPDX-License-Identifier: Apache-2.0
"""Pages of the dialplan that Django's admin has no word for: simulator, order, import and export, one route as JSON."""
