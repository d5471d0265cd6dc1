# SPDX-License-Identifier: Apache-2.0
"""REST of prompts (``/api/v1/prompts``)."""
