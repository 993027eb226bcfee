"""Asking live devices: nothing is ever sent without `--active` and a listed target."""

from roadseal.assess.inventory.probe.interview import Heard
from roadseal.assess.inventory.probe.runner import Manner, findings, plan, probe
from roadseal.assess.inventory.probe.target import Permission, Question, Target, parse_target

__all__ = [
    "Heard",
    "Manner",
    "Permission",
    "Question",
    "Target",
    "findings",
    "parse_target",
    "plan",
    "probe",
]
