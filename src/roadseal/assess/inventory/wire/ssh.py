"""SSH: what both proposals come to, or what one side offers (RFC 4253)."""

from __future__ import annotations

from collections.abc import Mapping

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.wire import outcome
from roadseal.assess.inventory.wire.spoken import Session, Spoken, channel_cipher, offers, uses
from roadseal.events import Fact


def ssh(session: Session) -> Spoken:
    """SSH: what both proposals come to; with one side only, what that side offers (RFC 4253)."""
    versions = {
        "client_software": session["client_version"],
        "server_software": session["server_version"],
    }
    both = session["client_version"] or session["server_version"] or ""
    version = "1" if both.startswith("SSH-1.") and not both.startswith("SSH-1.99") else "2"
    offered = session["server"] or session["client"]
    if session["no_common"]:
        return _ssh_disagreement(session, version, versions)
    if session["kex"] is None:
        if offered is None:
            return Spoken("SSH", version, (), versions)
        return Spoken("SSH", version, ssh_offers(offered), versions)
    key = session["host_key_type"]
    bits = session["host_key_bits"]
    facts: dict[str, Fact] = {
        **versions,
        "kex": session["kex"],
        "host_key": session["host_key"],
        "cipher": session["cipher"],
        "host_key_bits": bits,
        "established": session["established"],
    }
    used = uses(
        (identifiers.ssh_kex(session["kex"]), Role.KEY_EXCHANGE),
        (_ssh_key(session["host_key"] or key), Role.LIVE_AUTHENTICATION),
        (f"rsa-{bits}" if bits else None, Role.LIVE_AUTHENTICATION),
        *(
            channel_cipher(identifiers.ssh_cipher(session[cipher]))
            for cipher in ("cipher", "cipher_back")
            if session[cipher]
        ),
        *(
            (identifiers.ssh_mac(session[mac]), Role.INTEGRITY)
            for mac in ("mac", "mac_back")
            if session[mac]
        ),
    )
    said = Spoken("SSH", version, used, facts)
    left = session["disconnect"]
    if left is not None and not session["established"]:
        return said.failed(f"refused by the {left['from']}: {outcome.ssh_reason(left['reason'])}")
    return said


def _ssh_disagreement(session: Session, version: str, versions: Mapping[str, Fact]) -> Spoken:
    """Both sides proposed, and one kind of algorithm has nothing in common: nothing is used."""
    what = ", ".join(name.replace("-", " ") for name in session["no_common"])
    facts: dict[str, Fact] = {
        **versions,
        "client_kex": ",".join(session["client"]["kex"]),
        "server_kex": ",".join(session["server"]["kex"]),
    }
    said = Spoken("SSH", version, ssh_offers(session["server"]), facts)
    return said.failed(f"offered, no agreement: no common {what}")


def ssh_offers(proposal: Mapping[str, list[str]]) -> tuple[AlgorithmUse, ...]:
    """Everything that one side of SSH would accept; markers of extensions are no algorithms."""
    markers = ("ext-info-", "kex-strict-")
    kex = [name for name in proposal["kex"] if not name.startswith(markers)]
    return (
        *offers(map(identifiers.ssh_kex, kex), Role.KEY_EXCHANGE),
        *offers(map(identifiers.ssh_key, proposal["host_key"]), Role.LIVE_AUTHENTICATION),
        *offers(map(identifiers.ssh_cipher, proposal["cipher_to_client"]), Role.ENCRYPTION),
        *offers(map(identifiers.ssh_mac, proposal["mac_to_client"]), Role.INTEGRITY),
    )


def _ssh_key(name: str | None) -> str | None:
    return identifiers.ssh_key(name) if name else None
