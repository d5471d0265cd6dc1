# SPDX-License-Identifier: Apache-2.0
"""The admin pages of calls, one module each; `cdrs.admin` gives them their URLs and their permissions."""
