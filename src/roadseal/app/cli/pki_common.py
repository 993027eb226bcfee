"""What every `roadseal pki` command needs: the database, the authority, and its secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.app.cli.output import tell
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki import Authority
    from roadseal.operate.pki.key_store import Token
    from roadseal.store import Store

DAY_S = 86_400

ProfileName = Annotated[str, typer.Option("--profile", help="Crypto profile to hold to.")]
Name = Annotated[str, typer.Option("--authority", help="Which authority.")]


def open_database(db: str) -> Store:
    """The store of the PKI."""
    from roadseal.operate.pki import SCHEMA
    from roadseal.store import open_store

    return open_store(db, SCHEMA)


def open_authority(store: Store, name: str, profile: str) -> Authority:
    """The authority called `name`, with its key."""
    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.operate.pki import Authority

    return Authority.open(
        store,
        name,
        passphrase=passphrase(),
        profile=load_profile(profile),
        clock=SystemClock(),
        emit=tell,
        token=open_token(),
    )


def passphrase() -> bytes:
    """The passphrase that seals keys in software."""
    if found := os.environ.get("ROADSEAL_PKI_PASSPHRASE"):
        return found.encode()
    raise RoadsealError(
        "pki-passphrase",
        "The authorities' keys need a passphrase.",
        advice="Set ROADSEAL_PKI_PASSPHRASE.",
    )


def open_token() -> Token | None:
    """The PKCS #11 token that the environment names, if it names one."""
    library = os.environ.get("ROADSEAL_PKCS11_LIBRARY")
    if not library:
        return None
    label, pin = (os.environ.get(f"ROADSEAL_PKCS11_{name}") for name in ("TOKEN", "PIN"))
    if not label or not pin:
        raise RoadsealError(
            "pki-module",
            "ROADSEAL_PKCS11_LIBRARY is set, the token's label or PIN is not.",
            advice="Set ROADSEAL_PKCS11_TOKEN and ROADSEAL_PKCS11_PIN too.",
        )
    from roadseal.operate.pki.pkcs11_token import Pkcs11Token

    return Pkcs11Token(Path(library), label, pin)


def read_file(path: Path) -> bytes:
    """A file of the user's."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RoadsealError(
            "pki-file", f"{path} cannot be read: {error.strerror}.", advice="Check the path."
        ) from None


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and its folder if need be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise RoadsealError(
            "pki-file", f"{path} cannot be written: {error.strerror}.", advice="Check the folder."
        ) from None
