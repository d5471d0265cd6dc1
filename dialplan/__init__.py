# SPDX-License-Identifier: Apache-2.0
"""Dialplan routes in the database, and `dialplan.engine`, which decides on them."""
