# SPDX-License-Identifier: Apache-2.0
"""Call detail records: the table, the durable journal, and what carries records from one to the other."""
