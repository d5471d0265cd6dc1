# SPDX-License-Identifier: Apache-2.0
"""What happens on a signaling node, as events for other programs: the catalogue, the bus, the subjects, the schemas.

Knows no socket and no broker. Invariant: an event that is in the catalogue is published somewhere, and one that is
published is in the catalogue.
"""

from switchboard.events.bus import EventBus, Stamp
from switchboard.events.catalogue import CATALOGUE, Event, to_json
from switchboard.events.subjects import subject_of

__all__ = ["CATALOGUE", "Event", "EventBus", "Stamp", "subject_of", "to_json"]
