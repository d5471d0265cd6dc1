# SPDX-License-Identifier: Apache-2.0
"""Sources that nothing is read from: who is banned, by whom, for how long, and how a node learns of it.

`warden` decides, `blocklist` is asked for each datagram, `keeper` joins both to the table (`row`, `table`), and
`enforcement` ends what a banned source has here. docs/decisions/0023 tells why it is so.
"""
