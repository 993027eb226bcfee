"""The authorities of a European system through the years: made, followed by others, retired.

A new authority stands beside the old one: stations learn it from the next lists (CTL; of a root the
ECTL, which says whom it follows), certificates of both are good, new ones come from the new one. A
retired authority is on no list any more and answers nobody new; what it issued stays good for those
who still know it, unless it is revoked.

Source: ETSI TS 102 941 V2.2.1 clause 6.3 and annex A (`successorTo`).
"""

from __future__ import annotations

from typing import Final

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.operate.pki.v2x.hierarchy import Role, make_authority
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Ledger

SYSTEM: Final = "eu"
"""How the one system of a store is called, unless somebody keeps several there."""

_RETIRED: Final = "retired-authority"
_ROLES: Final[tuple[Role, ...]] = ("root", "tlm", "ea", "aa")


def create_eu(
    keyring: Keyring, now: Time64, *, algorithm: str = "ecdsa-p256", system: str = SYSTEM
) -> None:
    """Make the authorities' keys and certificates and keep them.

    Args:
        keyring: where; it holds no European system of this name yet.
        now: when they begin.
        algorithm: what signs their certificates and answers; tickets may stay classical.
        system: its name.

    Raises:
        RoadsealError: ``scms-exists``.
    """
    if keyring.names(f"{system}-"):
        raise RoadsealError(
            "scms-exists",
            "There is a European system already.",
            advice="Use it, or another database.",
        )
    for role in _ROLES:
        _make(keyring, f"{system}-{role}", role, algorithm, now, f"{system}-root")


def follow_eu(
    keyring: Keyring,
    role: Role,
    now: Time64,
    *,
    algorithm: str | None = None,
    root: str | None = None,
    system: str = SYSTEM,
) -> str:
    """Make one more root, EA or AA; who serves the system must open it again.

    Args:
        keyring: of the system.
        role: which.
        now: when it begins.
        algorithm: what it signs with; what the one before it signs with if absent.
        root: the name of the root that issues it; the newest if absent.
        system: its name.

    Returns:
        The new authority's name.

    Raises:
        RoadsealError: ``scms-absent``: there is no such system or root; ``scms-role``: a TLM is
            not followed, since stations trust it by itself.
    """
    if role == "tlm":
        raise RoadsealError(
            "scms-role",
            "A trust list manager cannot be followed: no list vouches for it.",
            advice="Give stations its new certificate by another way, and make a new system.",
        )
    names = in_order(keyring, system)
    same = [name for name in names if _role(name, system) == role]
    roots = [name for name in names if _role(name, system) == "root"]
    before = keyring.load(same[-1] if same else f"{system}-{role}")
    name = f"{system}-{role}-{len(same) + 1}"
    if root is not None and root not in roots:
        raise RoadsealError(
            "scms-absent",
            f"There is no root {root!r} in this system.",
            advice=f"Choose one of: {', '.join(roots)}.",
        )
    _make(keyring, name, role, algorithm or before.algorithm, now, root or roots[-1])
    return name


def retire_eu(keyring: Keyring, ledger: Ledger, name: str, *, system: str = SYSTEM) -> None:
    """Leave an authority out of the lists from now on.

    Args:
        keyring: of the system.
        ledger: of its root (`EuSystem.ledger`).
        name: the authority's.
        system: the system's.

    Raises:
        RoadsealError: ``scms-absent``: there is none of this name; ``scms-last``: nobody else has
            its role; ``scms-in-use``: it is a root of others that are in use.
    """
    keys, gone = keyring.load(name), retired(ledger)
    in_use = [one for one in in_order(keyring, system) if one not in gone and one != name]
    if not any(_role(one, system) == keys.role for one in in_use):
        raise RoadsealError(
            "scms-last",
            f"{name} is the last {keys.role} in use.",
            advice="Make one that follows it first, and let stations learn that.",
        )
    below = [one for one in in_use if keyring.load(one).issuer == keys.hashed_id8]
    if below:
        raise RoadsealError(
            "scms-in-use",
            f"{name} has {', '.join(below)} below it in use.",
            advice="Retire those first.",
        )
    ledger.put(_RETIRED, [(name.encode(), b"")])


def retired(ledger: Ledger) -> frozenset[str]:
    """The names of the authorities that are on no list any more."""
    return frozenset(name.decode() for name, _ in ledger.items(_RETIRED))


def in_order(keyring: Keyring, system: str = SYSTEM) -> list[str]:
    """The names of a system's authorities: by role, the oldest first."""
    names = [name for name in keyring.names(f"{system}-") if _role(name, system) in _ROLES]
    return sorted(names, key=lambda name: (_ROLES.index(_role(name, system)), _number(name)))


def _make(keyring: Keyring, name: str, role: Role, algorithm: str, now: Time64, root: str) -> None:
    signer = keyring.load(root).credential if role in ("ea", "aa") else None
    keyring.keep(name, make_authority(role, name, algorithm, now, root=signer))


def _role(name: str, system: str) -> str:
    return name.removeprefix(f"{system}-").split("-")[0]


def _number(name: str) -> int:
    last = name.rsplit("-", 1)[1]
    return int(last) if last.isdigit() else 1
