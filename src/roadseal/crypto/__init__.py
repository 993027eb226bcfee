"""What cryptography may be used: algorithms, profiles, migration, downgrade and waivers.

>>> from roadseal.crypto import Purpose, load_profile
>>> load_profile("hybrid-2026")[Purpose.MESSAGE].preferred
'ecdsa-p256+fn-dsa-512/pre1'
"""

from roadseal.crypto.algorithms import Algorithm, Kind, Sizes, Status, algorithm, registry
from roadseal.crypto.downgrade import Decision, DowngradeGuard, Outcome
from roadseal.crypto.migration import Action, Step, migration_steps
from roadseal.crypto.profile import Choice, Profile
from roadseal.crypto.profile_file import load_profile, profile_names
from roadseal.crypto.purpose import Purpose
from roadseal.crypto.strength import at_least, stronger_than
from roadseal.crypto.waiver import (
    Waiver,
    WaiverSigner,
    WaiverStatus,
    WaiverVerdict,
    check_waiver,
    sign_waiver,
)

__all__ = [
    "Action",
    "Algorithm",
    "Choice",
    "Decision",
    "DowngradeGuard",
    "Kind",
    "Outcome",
    "Profile",
    "Purpose",
    "Sizes",
    "Status",
    "Step",
    "Waiver",
    "WaiverSigner",
    "WaiverStatus",
    "WaiverVerdict",
    "algorithm",
    "at_least",
    "check_waiver",
    "load_profile",
    "migration_steps",
    "profile_names",
    "registry",
    "sign_waiver",
    "stronger_than",
]
