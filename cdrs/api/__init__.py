# SPDX-License-Identifier: Apache-2.0
"""REST of call records: read and search."""
