# SPDX-License-Identifier: Apache-2.0
"""What an attacker can send, each with what must come of it. Every class has a precedent in another product."""
