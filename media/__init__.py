# SPDX-License-Identifier: Apache-2.0
"""Media: the RTP manager (`media.control`) and its engine."""
