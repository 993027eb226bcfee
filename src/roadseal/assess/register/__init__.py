"""The quantum exposure register: which cryptography is where, what is exposed, what moves first."""

from roadseal.assess.register.build import FORMAT, Inputs, build_register, register_bytes
from roadseal.assess.register.crqc import CrqcProfile, crqc_profile, crqc_profiles
from roadseal.assess.register.model import ScoreModel, score_model
from roadseal.assess.register.use import QUANTUM_LANES, Lane, Use, lane_of

__all__ = [
    "FORMAT",
    "QUANTUM_LANES",
    "CrqcProfile",
    "Inputs",
    "Lane",
    "ScoreModel",
    "Use",
    "build_register",
    "crqc_profile",
    "crqc_profiles",
    "lane_of",
    "register_bytes",
    "score_model",
]
