# SPDX-License-Identifier: Apache-2.0
"""The RTP manager's control side: session descriptions, sessions on top of the engine, and the gRPC service.

Knows nothing of SIP messages, calls or the database; moves no media itself.
"""
