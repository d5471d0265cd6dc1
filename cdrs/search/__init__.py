# SPDX-License-Identifier: Apache-2.0
"""Search of calls: what is looked for (`Search`), by whom (the ids of accounts), one page at a time (`find`).

Invariant: a page costs about the same however many calls there are. It never counts, never skips rows by number, and
looks at a bounded number of rows; when that bound ends it before the page is full, the page says how far back it looked.
"""

from cdrs.search.criteria import Search
from cdrs.search.cursor import BadCursor, Cursor
from cdrs.search.matching import matching
from cdrs.search.page import Page, find

__all__ = ["BadCursor", "Cursor", "Page", "Search", "find", "matching"]
