# SPDX-License-Identifier: Apache-2.0
"""REST of accounts, SIP users and tokens, and the classes by which every REST view knows and limits its caller."""
