"""The configuration file of a unit's agent: TOML in, frozen values out. Paths are relative to it.

identity = "rsu-42.example"
server = "pki.city.example:8443"
name = "pki.city.example"          # in the server's certificate; default: the host
roots = "roots.pem"                # believed at the first start
folder = "unit"                    # of state and keys
profiles = ["classical-2016", "pqc-2030"]
algorithm = "ecdsa-p256"           # of the first key
poll_s = 50
secret = "secret.txt"              # of the first enrolment; may be deleted afterwards
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto import load_profile
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError, why_unreadable
from roadseal.net import TlsProfile, tls_profile, widened
from roadseal.net.pem import load_roots

_CODE: Final = "unit-config"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    identity: str = Field(min_length=1)
    server: str
    name: str = ""
    roots: str
    folder: str
    profiles: list[str] = Field(default=["hybrid-2026"], min_length=1)
    algorithm: str = "ml-dsa-65"
    poll_s: float = Field(default=50.0, gt=0, le=3600)
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class UnitConfig:
    """What `read_unit_config` found.

    Args:
        identity: the unit's name.
        host: of the server.
        port: of the server.
        name: that the server's certificate must bear.
        roots: believed at the first start.
        folder: of state and keys.
        profile: what a session may be made of.
        algorithm: registry id of the first key.
        poll_s: between two questions for orders, ± 10 %.
        secret_file: has the bootstrap secret; None: there is none.
    """

    identity: str
    host: str
    port: int
    name: str
    roots: tuple[x509.Certificate, ...]
    folder: Path
    profile: TlsProfile
    algorithm: str
    poll_s: float
    secret_file: Path | None

    def secret(self) -> str | None:
        """The bootstrap secret, if there is one now."""
        if self.secret_file is None or not self.secret_file.is_file():
            return None
        return self.secret_file.read_text().strip() or None


def read_unit_config(path: Path) -> UnitConfig:
    """Read and check a configuration file.

    Raises:
        RoadsealError: ``unit-config``, ``toml-syntax``, with the line; ``identity-unusable``.
    """
    try:
        source = TomlSource(str(path), path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            _CODE, f"{path} cannot be read: {why_unreadable(error)}.", advice="Give a TOML file."
        ) from None
    found = source.validate(_File, source.parse(), (), _CODE)
    host, _, port = found.server.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        what, how = f"{found.server!r} is no address.", "Write it as pki.city.example:8443."
        raise source.error(_CODE, ("server",), what, how)
    base = path.parent
    return UnitConfig(
        found.identity,
        host.strip("[]"),
        int(port),
        found.name or host,
        tuple(load_roots(base / found.roots)),
        base / found.folder,
        widened(*(tls_profile(load_profile(name)) for name in found.profiles)),
        found.algorithm,
        found.poll_s,
        base / found.secret if found.secret else None,
    )
