# SPDX-License-Identifier: Apache-2.0
"""What a call is: legs that exchange neutral events, the verbs of the dialplan, media and the record of it all.

Knows neither SIP messages nor Django models.
"""
