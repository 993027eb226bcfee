"""Cryptography on the wire: captures, live endpoints, and what other tools saw of them.

Whatever the source, what was spoken becomes a `Spoken`, and that a `Finding`.
"""

from roadseal.assess.inventory.wire.captures import CAPTURES, collect_capture
from roadseal.assess.inventory.wire.recordings import from_recording, from_verdicts
from roadseal.assess.inventory.wire.spoken import Spoken

__all__ = ["CAPTURES", "Spoken", "collect_capture", "from_recording", "from_verdicts"]
