# SPDX-License-Identifier: Apache-2.0
"""Accounts (tenants), their SIP users, and the revision counter that tells running nodes of a change."""
