"""The configuration file of a KME: TOML in, frozen values out.

Paths are relative to the file. TLS is post-quantum unless `profile` says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from roadseal.clock import Clock
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError, why_unreadable
from roadseal.events import Emit
from roadseal.net import HYBRID, PROFILES, Side, TlsContext, TlsProfile
from roadseal.net.pem import load_identity, load_roots
from roadseal.operate.qkd.etsi014 import Capability
from roadseal.operate.qkd.kme import KmeSettings
from roadseal.operate.qkd.kme.server import KmeServer, KmeTls, start_kme
from roadseal.operate.qkd.store import KeyStore

_CODE = "qkd-kme-config"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Sae(_Strict):
    id: str = Field(min_length=1)
    kme: str = Field(min_length=1)


class _Peer(_Strict):
    kme_id: str = Field(min_length=1)
    sync: str


class _Capability(_Strict):
    key_size: int = Field(default=256, ge=8, le=65_536, multiple_of=8)
    min_key_size: int = Field(default=64, ge=8, le=65_536, multiple_of=8)
    max_key_size: int = Field(default=4096, ge=8, le=65_536, multiple_of=8)
    max_key_per_request: int = Field(default=128, ge=1, le=1024)
    max_sae_id_count: int = Field(default=8, ge=0, le=64)


class _File(_Strict):
    kme_id: str = Field(min_length=1)
    listen: str
    sync: str
    store: str
    kek: str
    certificate: str
    key: str | None = None
    roots: str
    profile: str = "hybrid"
    keep_days: float = Field(default=7.0, gt=0)
    sae: list[_Sae] = Field(min_length=1)
    peer: list[_Peer] = []
    capability: _Capability = _Capability()


@dataclass(frozen=True, slots=True)
class KmeConfig:
    """What `read_config` found."""

    settings: KmeSettings
    listen: tuple[str, int]
    sync: tuple[str, int]
    peers: dict[str, tuple[str, int]]
    store: Path
    kek: Path
    certificate: Path
    key: Path | None
    roots: Path
    profile: TlsProfile

    def open_store(self) -> KeyStore:
        """Open the store, or make it.

        Raises:
            RoadsealError: as `KeyStore.open`.
        """
        return KeyStore.open(self.store, self.kek, self.settings.kme_id)

    async def start(self, *, clock: Clock, emit: Emit | None = None) -> KmeServer:
        """Start the KME; the link to its peers is post-quantum whatever the profile for SAEs.

        Raises:
            RoadsealError: as `open_store`; ``identity-unusable``, ``qkd-kme-address``.
        """
        identity = load_identity(self.certificate, self.key)
        roots = load_roots(self.roots)
        tls = KmeTls(
            TlsContext(Side.SERVER, self.profile, [identity], roots),
            TlsContext(Side.CLIENT, HYBRID, [identity], roots),
            TlsContext(Side.SERVER, HYBRID, [identity], roots),
        )
        store = self.open_store()
        try:
            return await start_kme(
                self.settings,
                store,
                self.peers,
                tls,
                clock=clock,
                listen=self.listen,
                sync=self.sync,
                emit=emit,
            )
        except OSError as error:
            store.close()
            raise RoadsealError(
                "qkd-kme-address",
                f"The KME cannot listen: {error.strerror or type(error).__name__}.",
                advice="Choose free ports in `listen` and `sync`.",
            ) from None


def read_config(path: Path) -> KmeConfig:
    """Read and check a configuration file.

    Raises:
        RoadsealError: ``qkd-kme-config``, ``toml-syntax``, with the line.
    """
    try:
        source = TomlSource(str(path), path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            _CODE, f"{path} cannot be read: {why_unreadable(error)}.", advice="Give a TOML file."
        ) from None
    file = source.validate(_File, source.parse(), (), _CODE)

    def address(text: str, *at: str | int) -> tuple[str, int]:
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise source.error(
                _CODE, at, f"{text!r} is no address.", "Write host:port, as in 127.0.0.1:8443."
            )
        return host.strip("[]"), int(port)

    if file.profile not in PROFILES:
        raise source.error(
            _CODE, ("profile",), f"There is no TLS profile {file.profile!r}.",
            f"Use one of {', '.join(sorted(PROFILES))}.",
        )  # fmt: skip
    sizes = file.capability
    if not sizes.min_key_size <= sizes.key_size <= sizes.max_key_size:
        raise source.error(
            _CODE, ("capability",), "The key sizes are not in order.",
            "Let min_key_size ≤ key_size ≤ max_key_size hold.",
        )  # fmt: skip
    known = {file.kme_id, *(peer.kme_id for peer in file.peer)}
    for i, sae in enumerate(file.sae):
        if sae.kme not in known:
            raise source.error(
                _CODE, ("sae", i, "kme"), f"No peer is called {sae.kme!r}.",
                "Name this KME or one of its peers.",
            )  # fmt: skip
    base = path.parent
    return KmeConfig(
        KmeSettings(
            file.kme_id,
            {sae.id: sae.kme for sae in file.sae},
            Capability(**sizes.model_dump()),
            round(file.keep_days * 86_400),
        ),
        address(file.listen, "listen"),
        address(file.sync, "sync"),
        {p.kme_id: address(p.sync, "peer", i, "sync") for i, p in enumerate(file.peer)},
        base / file.store,
        base / file.kek,
        base / file.certificate,
        base / file.key if file.key else None,
        base / file.roots,
        PROFILES[file.profile],
    )
