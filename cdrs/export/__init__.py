# SPDX-License-Identifier: Apache-2.0
"""Calls as CSV: the columns, the rows of a search in constant memory, the stream to a browser and its progress."""
