"""What every `roadseal scms` command needs: the database, its authorities, and their files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.errors import RoadsealError
from roadseal.events import unheard

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.operate.pki.v2x.keyring import Keyring
    from roadseal.operate.pki.v2x.us_system import UsSystem
    from roadseal.store.database import Store


class System(StrEnum):
    """Which world."""

    EU = "eu"
    US = "us"


class Kind(StrEnum):
    """What a station may do."""

    VEHICLE = "vehicle"
    EMERGENCY = "emergency"
    RSU = "rsu"


Named = tuple[str, bytes, bytes]
"""What a certificate's files are called, the certificate, and its secret."""

Which = Annotated[System, typer.Option("--system", help="eu: TS 102 941. us: IEEE 1609.2.1.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where files go.")]


@dataclass
class Opened:
    """The authorities of a database."""

    store: Store
    keyring: Keyring

    def eu(self) -> EuSystem:
        """The European ones."""
        from roadseal.operate.pki.v2x.eu_system import open_eu

        return open_eu(self.store, self.keyring, random=os.urandom, emit=unheard)

    def us(self) -> UsSystem:
        """Those of the US."""
        from roadseal.operate.pki.v2x.us_system import open_us

        return open_us(self.store, self.keyring, random=os.urandom, emit=unheard)


def open_authorities(db: str) -> Opened:
    """The authorities of a database, sealed until they are asked for.

    Raises:
        RoadsealError: ``scms-passphrase``, when they are opened.
    """
    from roadseal.operate.pki.v2x.keyring import Keyring
    from roadseal.operate.pki.v2x.tables import SCHEMA
    from roadseal.store import open_store

    store = open_store(db, SCHEMA)
    return Opened(store, Keyring(store, _passphrase, os.urandom))


def demand_known(algorithm: str) -> None:
    """Refuse an algorithm that cannot sign certificates.

    Raises:
        RoadsealError: ``scms-algorithm``.
    """
    from roadseal.crypto import registry
    from roadseal.v2x.policy import VERIFIABLE

    if algorithm not in VERIFIABLE:
        raise RoadsealError(
            "scms-algorithm",
            f"Authorities cannot sign with {algorithm!r}"
            + (" in V2X certificates." if algorithm in registry() else ": it is unknown."),
            advice=f"Choose one of: {', '.join(VERIFIABLE)}.",
        )


def refused(verdict: str) -> RoadsealError:
    """The error that tells an authority's refusal."""
    return RoadsealError(
        "scms-refused",
        f"The authority refused: {verdict}.",
        advice="The reasons are listed in the documentation, page SCMS.",
    )


def write_file(path: Path, octets: bytes) -> None:
    """Write a file, and the folders above it.

    Raises:
        RoadsealError: ``unwritable-file``.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    except OSError as error:
        raise RoadsealError(
            "unwritable-file",
            f"{str(path)!r} cannot be written: {error.strerror}.",
            advice="Give a folder where you may write with --out.",
        ) from None


def write_secret(path: Path, secret: bytes) -> None:
    """Write a file that its owner alone may read, from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)


def _passphrase() -> bytes:
    passphrase = os.environ.get("ROADSEAL_SCMS_PASSPHRASE")
    if not passphrase:
        raise RoadsealError(
            "scms-passphrase",
            "The authorities' keys are sealed, and there is no passphrase.",
            advice="Put it into the environment variable ROADSEAL_SCMS_PASSPHRASE.",
        )
    return passphrase.encode()
