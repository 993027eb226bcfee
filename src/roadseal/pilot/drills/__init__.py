"""Drills: declared faults and attacks, with what must happen and what did.

>>> from roadseal.pilot.drills import DRILLS
>>> list(DRILLS)[:3]
['ca-offline', 'certificate-expired', 'rsu-offline']

Each drill is a few stations on virtual time. Keys, certificates, messages, verdicts and TLS
sessions are real; delivery and delays are parameters. `run_drills` runs them under an approach.
"""

from roadseal.pilot.drills.catalogue import ALL, DRILLS, run_drills
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.forgeries import Forgery, qday_forgeries
from roadseal.pilot.drills.quantum_adversary import ForgeryKind, Guise, QuantumAdversary
from roadseal.pilot.drills.scene import Scene

__all__ = [
    "ALL",
    "DRILLS",
    "Drill",
    "Finding",
    "Forgery",
    "ForgeryKind",
    "Guise",
    "QuantumAdversary",
    "Scene",
    "qday_forgeries",
    "run_drills",
]
