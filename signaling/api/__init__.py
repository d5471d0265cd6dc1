# SPDX-License-Identifier: Apache-2.0
"""The live API of a signaling node: REST, event streams, control. A process of its own beside the SIP process.

It shows the mirror and passes commands on; it decides who may see and do what. It knows no call, leg or socket of SIP.
"""
