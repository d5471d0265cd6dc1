# SPDX-License-Identifier: Apache-2.0
"""Calls that outlive the process that set them up: what is kept of them, where, and how a later process goes on.

Media never needed this: RTP managers relay on without signaling. What dies with the process is the knowledge of both
dialogs; so that is what is kept, some time after the answer and after each change of it.
"""
