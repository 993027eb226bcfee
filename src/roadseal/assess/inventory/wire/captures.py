"""Findings from a capture: what each endpoint spoke, and what of it could not be seen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from roadseal._core import FlowReader
from roadseal.assess.inventory.collector import Context, Data, Member, Output, Signature, Source
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
from roadseal.assess.inventory.wire.sessions import inner_sessions, spoken
from roadseal.assess.inventory.wire.spoken import Spoken, endpoint, uses
from roadseal.events import Fact

MAX_KINDS: Final = 100_000
"""Different things said of a capture; what exceeds them is counted and named in a gap."""

_MAGICS: Final = tuple(
    map(bytes.fromhex, ("0a0d0d0a", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "34cdb2a1"))
)
"""How pcapng and the byte orders and units of pcap begin."""
_OTHER_CAPTURES: Final[Mapping[bytes, str]] = {
    b"snoop\0\0\0": "snoop",  # RFC 1761
    b"btsnoop\0": "btsnoop",
    b"GMBU": "Network Monitor",
    b"RTSS": "Network Monitor",
    b"TRSNIFF data": "Sniffer",
    b"XCP\0": "NetXRay",
    b"\x05VNF": "Visual Networks",
    b"\x7fver\0": "OmniPeek",
    b"ObserverPktBuffer": "Observer",
    b"iptrace ": "iptrace",
    b"TR\0d\0\0\0\0": "nettl",
    b"\x01\x10\x4c\0\x01\x05": "LANalyzer",
    b"\xaa\xaa\xaa\xaa\x20\0\0\0": "5Views",
    b"+---------+---------------+": "K12",
    b"LOGG\x90\0\0\0": "Vector BLF",
    b"MDF     4.": "ASAM MDF",
}
"""How captures begin that are not read, and what they are called."""
_SUFFIXES: Final = (".pcap", ".pcapng", ".cap", ".erf")

_IP_PROTOCOLS: Final = {46: "RSVP", 108: "IPComp", 113: "PGM", 115: "L2TP", 135: "Mobile IPv6"}
"""Those that may carry something of interest (IANA registry "Protocol Numbers")."""

_GAPS: Final = {
    "bytes-missing": "bytes of the handshake are missing from the capture",
    "malformed": "something in it breaks the protocol",
    "client-not-seen": "the client's part of the handshake was not captured",
    "server-not-seen": "the server's part of the handshake was not captured",
    "unopened": "the capture begins after the packets that would open it",
}


def collect_capture(
    source: Data | str | os.PathLike[str],
    uri: str,
    certificates: dict[bytes, int] | None = None,
) -> Iterator[Finding | Gap]:
    """Say what is spoken in a pcap or pcapng file.

    Flows that say the same of the same endpoint are one finding, with how many they are.

    Args:
        source: the file, or its bytes.
        uri: how findings name it.
        certificates: takes up the certificates that were shown (DER) and the frame of each.
    """
    reader = FlowReader(source)
    seen = _Seen(uri, {} if certificates is None else certificates)
    for batch in reader:
        for flow in batch:
            seen.add(flow)
    said: Iterator[Finding | Gap] = chain(
        seen.findings(),
        _broadcasts(reader.summary(), uri),
        _wep(reader.summary(), uri),
        seen.gaps(),
        _capture_gaps(reader, uri),
    )
    is_silent = True
    for one in said:
        is_silent = False
        yield one
    if is_silent:  # connections that were opened, pings: it does not show what is spoken there
        detail = f"nothing is said in the {reader.frames} packets of the capture"
        yield Gap(Location(uri), Cause.TRUNCATED, detail)


@dataclass
class _Group:
    """Flows that say the same of the same endpoint."""

    said: Spoken
    endpoint: str
    tunnel: str | None
    first_frame: int
    flows: int = 0
    clients: set[str] = field(default_factory=set)


@dataclass
class _Seen:
    """What the flows of a capture have said so far."""

    uri: str
    certificates: dict[bytes, int]
    groups: dict[Any, _Group] = field(default_factory=dict)
    incomplete: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    unidentified: Counter[str] = field(default_factory=Counter)
    uncounted: int = 0

    def add(self, flow: Mapping[str, Any]) -> None:
        session = flow["session"]
        if session is None:
            if flow["bytes"]:
                self.unidentified[f"{flow['transport']}/{flow['server_port']}"] += 1
            return
        if session["protocol"] == "v2x":
            return  # summed up as broadcasts
        at = _endpoint(flow)
        said = self._session(flow, session, at)
        for inner in inner_sessions(session):
            self._session(flow, inner, at)
        for gap in flow["gaps"]:
            self.incomplete.setdefault((at, said.protocol, gap), []).append(flow["first_frame"])

    def _session(self, flow: Mapping[str, Any], session: Mapping[str, Any], at: str) -> Spoken:
        said = spoken(session, unanswered=flow["unanswered"])
        facts = tuple(said.facts.items())
        key = (at, said.name, said.algorithms, facts, said.outcome, flow["tunnel"])
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= MAX_KINDS:
                self.uncounted += 1
                return said
            group = self.groups[key] = _Group(said, at, flow["tunnel"], flow["first_frame"])
        group.flows += 1
        group.first_frame = min(group.first_frame, flow["first_frame"])
        if len(group.clients) < 1000:
            group.clients.add(flow["client"])
        for der in _certificates(session):
            if len(self.certificates) < MAX_KINDS:
                self.certificates.setdefault(der, flow["first_frame"])
        return said

    def findings(self) -> Iterator[Finding]:
        for group in self.groups.values():
            facts: dict[str, Fact] = {"flows": group.flows, "clients": len(group.clients)}
            facts["tunnel"] = group.tunnel
            if len(group.clients) == 1:
                facts["client"] = next(iter(group.clients))
            location = Location(self.uri, frame=group.first_frame)
            collector = f"capture/{group.said.protocol.lower().replace(' ', '-')}"
            yield group.said.at(group.endpoint, location, collector, facts=facts)

    def gaps(self) -> Iterator[Gap]:
        for (at, protocol, gap), frames in self.incomplete.items():
            flows = f" in {len(frames)} flows" if len(frames) > 1 else ""
            cause = Cause.UNREADABLE if gap == "malformed" else Cause.TRUNCATED
            location = Location(self.uri, frame=min(frames))
            yield Gap(location, cause, f"{protocol} at {at}: {_GAPS[gap]}{flows}")
        if self.unidentified:
            most = ", ".join(
                f"{port} ({count})" for port, count in self.unidentified.most_common(8)
            )
            total = sum(self.unidentified.values())
            detail = f"{total} flows in protocols that are not recognised; by server port: {most}"
            yield Gap(Location(self.uri), Cause.NOT_SUPPORTED, detail)
        if self.uncounted:
            detail = f"{self.uncounted} flows beyond {MAX_KINDS} different ones are not listed"
            yield Gap(Location(self.uri), Cause.TRUNCATED, detail)


def _endpoint(flow: Mapping[str, Any]) -> str:
    """Where a service is: a socket, a host for IPsec, a station of a local network."""
    server: str = flow["server"]
    return server if flow["transport"] in {"ip", "link"} else endpoint(server, flow["server_port"])


def _certificates(session: Mapping[str, Any]) -> Iterator[bytes]:
    handshake = session.get("handshake")
    if handshake:
        yield from handshake["certificates"]
        yield from handshake["client_certificates"]
    yield from session.get("certificates", ())


def _broadcasts(summary: Mapping[str, Any], uri: str) -> Iterator[Finding]:
    """Messages on the air: signed, not encrypted, so nothing of them can be harvested."""
    for row in summary["broadcasts"]:
        algorithms: tuple[AlgorithmUse, ...] = ()
        if row["content"] == "signed":
            algorithms = uses((row["signature"] or "unknown", Role.MESSAGE_SIGNATURE))
        elif row["content"] in {"unsecured", "legacy"}:
            algorithms = uses(
                ("plaintext" if row["content"] == "unsecured" else None, Role.PLAINTEXT)
            )
        service = "" if row["psid"] is None else f" of PSID 0x{row['psid']:x}"
        title = f"{row['content']} messages{service} over {row['network']}"
        facts: dict[str, Fact] = {
            "messages": row["messages"],
            "content": row["content"],
            "network": row["network"],
            "psid": row["psid"],
            "signer": row["signer"],
            # the algorithm is what the sender states: roadseal v2x verify says whether it holds
            "signature": "not checked" if row["content"] == "signed" else None,
        }
        yield Finding(
            "capture/v2x",
            Location(uri, frame=row["first_frame"]),
            AssetType.PROTOCOL,
            title,
            algorithms,
            Basis.OBSERVED,
            facts={key: value for key, value in facts.items() if value is not None},
        )


def _wep(summary: Mapping[str, Any], uri: str) -> Iterator[Finding]:
    """Frames in WEP, which their cryptographic header gives away."""
    if count := summary["encrypted_by_wep"]:
        said = Spoken("Wi-Fi", "WEP", uses(("wep", Role.ENCRYPTION)), {"frames": count})
        yield said.at("a radio network", Location(uri), "capture/wi-fi")


def _capture_gaps(reader: FlowReader, uri: str) -> Iterator[Gap]:
    if reader.error:
        frame = reader.frames or None
        cause = Cause.TRUNCATED if frame else Cause.UNREADABLE
        yield Gap(Location(uri, frame=frame), cause, reader.error)
    elif not reader.frames:
        yield Gap(Location(uri), Cause.TRUNCATED, "the capture holds no packet")
    summary = reader.summary()
    for key, cause, text in (
        ("incomplete_datagrams", Cause.TRUNCATED, "datagrams lack fragments"),
        ("broadcasts_uncounted", Cause.TRUNCATED, "messages of too many kinds are not listed"),
        (
            "encrypted_by_radio",
            Cause.NOT_SUPPORTED,
            "frames are encrypted by their radio network (WEP, WPA): not visible",
        ),
    ):
        if count := summary[key]:
            yield Gap(Location(uri), cause, f"{count} {text}")
    for link_type, count in summary["unsupported_link_types"].items():
        detail = f"{count} frames of link type {link_type}, which is not read"
        yield Gap(Location(uri), Cause.NOT_SUPPORTED, detail)
    for number, count in summary["unread_protocols"].items():
        name = f" ({_IP_PROTOCOLS[number]})" if number in _IP_PROTOCOLS else ""
        detail = f"{count} packets of IP protocol {number}{name} are not read"
        yield Gap(Location(uri), Cause.NOT_SUPPORTED, detail)


class CaptureCollector:
    """The collector of `roadseal scan` for pcap and pcapng files.

    Certificates seen in handshakes are handed on as members, to be read as certificates are.
    """

    name = "capture"
    names: Sequence[str] = tuple(f"*{suffix}" for suffix in _SUFFIXES)
    signatures: Sequence[Signature] = tuple(
        Signature(magic, at=0) for magic in (*_MAGICS, *_OTHER_CAPTURES)
    )

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is spoken in a capture, and the certificates that were shown in it."""
        del context  # the limits of a capture are those of `FlowReader`
        head = bytes(source.data[: max(map(len, _OTHER_CAPTURES))])
        if not head.startswith(_MAGICS):
            others = (name for magic, name in _OTHER_CAPTURES.items() if head.startswith(magic))
            name = next(others, "")
            if not (name or source.name.lower().endswith(_SUFFIXES)):
                return
            what = f"a capture of another form ({name})" if name else "neither pcap nor pcapng"
            detail = f"{what}: editcap -F pcapng converts most captures"
            yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, detail)
            return
        certificates: dict[bytes, int] = {}
        yield from collect_capture(source.data, source.uri, certificates)
        for number, (der, frame) in enumerate(certificates.items(), 1):
            yield Member(f"frame-{frame}-certificate-{number}.der", der)


CAPTURES: Final = CaptureCollector()
