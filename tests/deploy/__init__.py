# SPDX-License-Identifier: Apache-2.0
"""Images, manifests and units: read from their files, checked by tools, and carried out on this machine."""
