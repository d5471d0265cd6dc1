# SPDX-License-Identifier: Apache-2.0
"""What a signaling node counts: its calls from the event bus, its SIP messages, and gauges read at a scrape."""
