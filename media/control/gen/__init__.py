# SPDX-License-Identifier: Apache-2.0
"""Generated from `media/control/proto`; never edited by hand (``make proto``)."""
