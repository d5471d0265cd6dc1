# SPDX-License-Identifier: Apache-2.0
"""The two ends of a call in SIP: they turn messages into neutral events and neutral events into messages."""
