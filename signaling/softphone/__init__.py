# SPDX-License-Identifier: GPL-3.0-or-later
#
# This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
# License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later
# version. It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; see COPYING in this
# directory, and https://www.gnu.org/licenses/ for the licence itself.
"""A softphone of its own: one phone of pyVoIP, driven by JSON lines. Switchboard starts it as a child process only.

Nothing of Switchboard is imported here and nothing of Switchboard imports this package: pyVoIP is licensed under the
GPL, Switchboard under Apache-2.0, and the pipe between the two processes is the border.
"""

import pyVoIP.VoIP  # noqa: F401 - first of all: pyVoIP.SIP cannot be imported before it
