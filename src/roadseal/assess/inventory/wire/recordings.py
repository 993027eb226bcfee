"""What Roadseal's own rooms saw on the wire and on the air, as observed findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from roadseal._core import read_tls_recording
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.wire.tls import from_handshake
from roadseal.events import Fact
from roadseal.net.capture import Recording

MAX_LINE_BYTES: Final = 1 << 20
MAX_KINDS: Final = 100_000
"""Different things said of the messages; those beyond are counted in a gap."""

_MAX_GAPS: Final = 1000


def from_recording(recording: Recording, endpoint: str, uri: str) -> Iterator[Finding | Gap]:
    """Say what a recorded TLS connection spoke.

    Args:
        recording: both directions, as `roadseal.net` keeps them.
        endpoint: whose server it was, ``host:port``.
        uri: how findings name the recording.
    """
    answer = read_tls_recording(recording.up, recording.down)
    handshake, location = answer["said"], Location(uri)
    if handshake["client"] or handshake["server"]:
        said = from_handshake("TLS", handshake)
        yield said.at(endpoint, location, "recording/tls")
    if answer["malformed"]:
        yield Gap(location, Cause.UNREADABLE, f"TLS at {endpoint}: it breaks the protocol")
    elif handshake["server"] is None or handshake["server"]["cut"]:
        yield Gap(
            location, Cause.TRUNCATED, f"TLS at {endpoint}: no whole ServerHello was recorded"
        )


def from_verdicts(lines: Iterable[bytes], uri: str) -> Iterator[Finding | Gap]:
    """Say which profiles were seen on the air, from what ``roadseal v2x verify --json`` writes.

    Messages that are protected alike are one finding, with how many of them held. An algorithm of
    a message whose signature did not verify is a claim of its sender: such findings say so and are
    kept apart.

    Args:
        lines: one JSON object each.
        uri: how findings name them.
    """
    seen: Counter[tuple[Any, ...]] = Counter()
    first_line: dict[tuple[Any, ...], int] = {}
    gaps: list[Gap] = []
    uncounted = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _row(line)
        if row is None:
            if len(gaps) < _MAX_GAPS:
                gaps.append(Gap(Location(uri, line=number), Cause.UNREADABLE, "it is no verdict"))
            continue
        kind = _kind(row)
        if kind not in seen and len(seen) >= MAX_KINDS:
            uncounted += 1
            continue
        seen[kind] += 1
        first_line.setdefault(kind, number)
    for kind, count in seen.items():
        yield _finding(kind, count, Location(uri, line=first_line[kind]))
    yield from gaps
    if uncounted:
        detail = f"{uncounted} messages beyond {MAX_KINDS} different ones are not listed"
        yield Gap(Location(uri), Cause.TRUNCATED, detail)


def _row(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) and row.get("verdict") in {"ok", "refused"} else None


_FIELDS: Final = ("psid", "service", "network", "profile", "algorithm", "certificate_algorithm")


def _kind(row: dict[str, Any]) -> tuple[Any, ...]:
    """What messages have in common that are protected alike."""
    values = [row.get(field) for field in _FIELDS]
    stated = [value if isinstance(value, str | int) else None for value in values]
    unsigned = row.get("note") == "unsigned"
    return (row["verdict"], row.get("signature") == "ok", unsigned, *stated)


def _finding(kind: tuple[Any, ...], count: int, location: Location) -> Finding:
    verdict, verified, unsigned, psid, service, network, profile, algorithm, issuer = kind
    used: list[AlgorithmUse] = []
    if unsigned:
        used.append(AlgorithmUse("plaintext", Role.PLAINTEXT))
    if algorithm:
        used.append(AlgorithmUse(str(algorithm), Role.MESSAGE_SIGNATURE))
    if issuer and issuer != algorithm:
        used.append(AlgorithmUse(str(issuer), Role.LIVE_AUTHENTICATION))
    of = f" of {service}" if service else f" of PSID 0x{psid:x}" if isinstance(psid, int) else ""
    what = "unsigned" if unsigned else "signed" if algorithm else "unread"
    facts: dict[str, Fact] = {
        "messages": count,
        "verdict": verdict,
        "signature_verified": verified or None,
        "psid": psid,
        "network": network,
        "profile": profile,
    }
    return Finding(
        "recording/v2x",
        location,
        AssetType.PROTOCOL,
        f"{what} messages{of}" + (f": {algorithm}" if algorithm else ""),
        tuple(used),
        Basis.OBSERVED,
        confidence=1.0 if verified or unsigned else 0.6,
        facts={key: value for key, value in facts.items() if value is not None},
    )
