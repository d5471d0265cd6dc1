# SPDX-License-Identifier: Apache-2.0
"""Setting up a phone: what it must be told, as text, QR code and link, and the one showing of its password."""
