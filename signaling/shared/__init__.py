# SPDX-License-Identifier: Apache-2.0
"""What several signaling nodes share through Redis; a node without Redis uses none of it."""
