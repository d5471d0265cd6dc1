# SPDX-License-Identifier: Apache-2.0
"""SIP: the protocol, its sockets, the registrar and the calls."""
