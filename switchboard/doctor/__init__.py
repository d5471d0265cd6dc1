# SPDX-License-Identifier: Apache-2.0
"""Looks whether this machine and its settings can run Switchboard, and says what to do where they cannot.

Each check is a function of the settings that returns findings. It changes nothing that it looks at.
"""

from switchboard.doctor.findings import Finding, Level
from switchboard.doctor.runner import examine

__all__ = ["Finding", "Level", "examine"]
