"""A simulated fleet of roadside units, to rehearse a campaign on: keys and certificates are real.

Simulated are the units themselves, their links, their faults and the passing of time. Real are the
keys, the requests, the authorities, the database, the workers as processes, and EST over TLS for a
sample.
"""

from roadseal.pilot.fleet.rehearsal import Rehearsal, RehearsalPlan, rehearse

__all__ = ["Rehearsal", "RehearsalPlan", "rehearse"]
