# SPDX-License-Identifier: Apache-2.0
"""The live state of a signaling node, carried from the SIP process to whoever shows it.

The SIP process writes a *feed* on a Unix socket: what is, then what changes. The live API keeps a *mirror* of it and
sends *commands* back on the same socket. So looking costs the SIP process the changes alone, however many look.
"""
