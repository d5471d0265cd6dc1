# SPDX-License-Identifier: Apache-2.0
"""REST of the dialplan: routes, whole documents, and the simulator."""
