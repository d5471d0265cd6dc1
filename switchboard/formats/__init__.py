# SPDX-License-Identifier: Apache-2.0
"""How dates and numbers are written, by language."""
