"""Asking a TLS server what it prefers and what else it would take."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Final

from roadseal.assess.inventory import cipher_suite, identifiers
from roadseal.assess.inventory.finding import Role
from roadseal.assess.inventory.probe.hello import GROUPS, SCHEMES, TLS_1_3_SUITES, Hello, key_share
from roadseal.assess.inventory.probe.interview import Heard, Interview, Random, Reply
from roadseal.assess.inventory.wire.outcome import alert_name
from roadseal.assess.inventory.wire.spoken import Spoken, offers
from roadseal.assess.inventory.wire.tls import algorithms, version_name
from roadseal.events import Fact

TLS_1_3: Final = 0x0304
OLDER: Final = (0x0303, 0x0302, 0x0301, 0x0300)
"""Versions before 1.3, newest first."""

Ask = Generator[bytes, Reply, Reply]


def interview(server_name: str | None, random: Random, *, thorough: bool) -> Interview:
    """Ask a server; one question says what it prefers, the thorough interview asks some forty.

    The thorough one finds every version, the groups in the server's own order, the signature
    schemes it can sign with, and the certificates that it shows before TLS 1.3.

    Args:
        server_name: sent in the hello, where given.
        random: source of octets.
        thorough: ask for everything and not only for the preference.
    """
    first = yield Hello(random(64), server_name=server_name).record()
    if first.failure:
        return Heard(failure=first.failure)
    handshake = first.said
    modern = handshake["retry_group"] is not None
    if not modern and handshake["server"] is None:
        return Heard(failure=f"refused the hello: {_alert(handshake)}")
    plain = Hello(random(64), server_name=server_name)
    groups = [handshake["retry_group"]] if modern else []
    schemes: list[int] = []
    if modern and thorough:
        groups += yield from _other_groups(plain, random, groups[0])
        schemes = yield from _schemes(plain, random, groups)
    spoken = [_modern(handshake, groups, schemes)] if modern else []
    certificates = _certificates(handshake)
    older = {} if modern else {handshake["server"]["version"]: handshake}
    if thorough:
        for version in OLDER:
            if version not in older and (said := (yield from _older(plain, random, version))):
                older[version] = said
    for version in sorted(older, reverse=True):
        spoken.append(_of_version(version, older[version]))
        certificates += [der for der in _certificates(older[version]) if der not in certificates]
    return Heard(tuple(spoken), tuple(certificates))


def _other_groups(plain: Hello, random: Random, first: int) -> Generator[bytes, Reply, list[int]]:
    """Take away the group that was named, and see which is named next."""
    left = [group for group in GROUPS if group != first]
    found: list[int] = []
    while left:
        hello = replace(
            plain, random=random(64), versions=(TLS_1_3,), suites=TLS_1_3_SUITES, groups=left
        )
        reply = yield hello.record()
        group = reply.said.get("retry_group") if not reply.failure else None
        if group not in left:
            break
        found.append(group)
        left.remove(group)
    return found


def _schemes(plain: Hello, random: Random, groups: list[int]) -> Generator[bytes, Reply, list[int]]:
    """Offer one scheme at a time: who cannot sign so refuses (RFC 8446 clause 4.4.2.2)."""
    usable = next((group for group in groups if key_share(group, bytes(32))), None)
    if usable is None:
        return []
    found = []
    for scheme in SCHEMES:
        share = key_share(usable, random(32))
        assert share is not None  # noqa: S101 - `usable` was chosen so
        hello = replace(
            plain,
            random=random(64),
            versions=(TLS_1_3,),
            suites=TLS_1_3_SUITES,
            groups=(usable,),
            schemes=(scheme,),
            shares=((usable, share),),
        )
        reply = yield hello.record()
        if not reply.failure and reply.said["server"] is not None:
            found.append(scheme)
    return found


def _older(
    plain: Hello, random: Random, version: int
) -> Generator[bytes, Reply, Mapping[str, Any] | None]:
    """Ask for exactly one version before 1.3."""
    hello = replace(plain, random=random(64), versions=(version,))
    reply = yield hello.record()
    server = reply.said.get("server") if not reply.failure else None
    return reply.said if server and server["version"] == version else None


def _modern(handshake: Mapping[str, Any], groups: list[int], schemes: list[int]) -> Spoken:
    chosen = cipher_suite.from_code(handshake["retry_suite"])
    names = [identifiers.tls_group(group) for group in groups]
    used = (
        *algorithms(chosen, group=names[0]),
        *offers(names[1:], Role.KEY_EXCHANGE),
        *offers(map(identifiers.tls_scheme, schemes), Role.LIVE_AUTHENTICATION),
    )
    facts: dict[str, Fact] = {
        "cipher_suite": chosen.name,
        "group": identifiers.tls_group_spelling(groups[0]),
        "groups_in_order": ",".join(map(identifiers.tls_group_spelling, groups[1:])),
    }
    return Spoken("TLS", "1.3", used, facts)


def _of_version(version: int, handshake: Mapping[str, Any]) -> Spoken:
    chosen = cipher_suite.from_code(handshake["server"]["cipher_suite"])
    code, bits = handshake["exchange_group"], handshake["exchange_dh_bits"]
    group = identifiers.tls_group(code) if code else f"dh-{bits}" if bits else None
    signed = handshake["exchange_signature"]
    scheme = identifiers.tls_scheme(signed) if signed else None
    facts: dict[str, Fact] = {
        "cipher_suite": chosen.name,
        "group": group,
        "signature_scheme": scheme,
    }
    used = algorithms(chosen, group=group, scheme=scheme)
    return Spoken("TLS", version_name(version), used, facts)


def _certificates(handshake: Mapping[str, Any]) -> list[bytes]:
    return [bytes(der) for der in handshake["certificates"]]


def _alert(handshake: Mapping[str, Any]) -> str:
    for alert in handshake["alerts"]:
        return alert_name(alert["description"])
    return "without an alert"
