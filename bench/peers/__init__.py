# SPDX-License-Identifier: Apache-2.0
"""The programs that Switchboard is measured against, each started as a user would start it."""
