# SPDX-License-Identifier: Apache-2.0
"""The dashboard: what is alive on the signaling nodes and what became of the calls of the last hour.

It reads the nodes' live API with a credential of its own and shows each person the rows of the person's accounts.
"""
