# SPDX-License-Identifier: Apache-2.0
"""What every test runs with."""

import os

from hypothesis import settings

# A shared machine may be slow for a moment; that is no fault of the code under test. In continuous integration the same
# examples are tried on each run, so that a change is judged by itself; elsewhere the search goes on with new ones.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
