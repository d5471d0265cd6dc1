# SPDX-License-Identifier: Apache-2.0
"""Django's PostgreSQL backend, whose connections wait for an answer no longer than they are told to."""
