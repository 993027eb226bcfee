"""The centre of a rehearsal: two authorities and the campaign's executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from roadseal.clock import Clock, SystemClock
from roadseal.crypto import load_profile
from roadseal.events import Emit
from roadseal.fleet import SCHEMA as FLEET
from roadseal.fleet.plan import draw
from roadseal.net import TlsProfile
from roadseal.operate.pki import SCHEMA as PKI
from roadseal.operate.pki import Authority
from roadseal.operate.pki.rotation import Reach, RotationExecutor
from roadseal.pilot.fleet.field import Field
from roadseal.pilot.fleet.units import SCHEMA as UNITS
from roadseal.store import Store, open_store

OLD_PROFILE: Final = "classical-2016"
NEW_PROFILE: Final = "pqc-2030"
OLD: Final = "issuing-classical"
NEW: Final = "issuing-pqc"
NEW_ALGORITHM: Final = "ml-dsa-65"
PASSPHRASE_VARIABLE: Final = "ROADSEAL_PKI_PASSPHRASE"  # noqa: S105  # only its name
EST_NAME: Final = "est.road.example"


@dataclass(frozen=True, slots=True)
class Site:
    """The centre, as one process sees it."""

    store: Store
    old: Authority
    new: Authority
    clock: Clock

    def executor(
        self,
        est: Callable[[], tuple[str, int, TlsProfile]] | None = None,
        est_share: float = 0.0,
    ) -> RotationExecutor:
        """The executor of the rotation from the old authority to the new one."""
        return RotationExecutor(
            old=self.old,
            new=self.new,
            store=self.store,
            reach=Reach(
                send=Field(self.store, self.clock, est).send,
                over_est=lambda device: is_sampled(device, est_share),
            ),
            clock=self.clock,
            algorithm=NEW_ALGORITHM,
            profile=load_profile(NEW_PROFILE),
            cpu_s=SystemClock().cpu_s,
        )


def is_sampled(device: str, share: float) -> bool:
    """Whether a unit enrols over EST by itself."""
    return draw(device, "est") < share


def open_database(url: str) -> Store:
    """Open the database of a rehearsal, with every table it needs."""
    return open_store(url, PKI, FLEET, UNITS)


def create_site(url: str, passphrase: bytes, clock: Clock, emit: Emit) -> Site:
    """Make the old and the new authorities, each under a root of its own."""
    store = open_database(url)
    issuing: list[Authority] = []
    for profile, root, name, root_key, key in (
        (OLD_PROFILE, "root-classical", OLD, "ecdsa-p384", "ecdsa-p256"),
        (NEW_PROFILE, "root-pqc", NEW, "ml-dsa-87", "ml-dsa-65"),
    ):
        chosen = load_profile(profile)
        parent = Authority.create(
            store,
            root,
            algorithm=root_key,
            passphrase=passphrase,
            profile=chosen,
            clock=clock,
            emit=emit,
        )
        issuing.append(
            Authority.create(
                store,
                name,
                algorithm=key,
                passphrase=passphrase,
                profile=chosen,
                clock=clock,
                emit=emit,
                parent=parent,
            )
        )
    old, new = issuing
    return Site(store, old, new, clock)


def open_site(url: str, passphrase: bytes, clock: Clock, emit: Emit) -> Site:
    """Open what `create_site` made."""
    store = open_database(url)
    old, new = (
        Authority.open(
            store,
            name,
            passphrase=passphrase,
            profile=load_profile(profile),
            clock=clock,
            emit=emit,
        )
        for profile, name in ((OLD_PROFILE, OLD), (NEW_PROFILE, NEW))
    )
    return Site(store, old, new, clock)
