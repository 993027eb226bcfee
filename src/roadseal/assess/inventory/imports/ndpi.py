"""nDPI's output: the flow lines of ``ndpiReader -v 2`` and its JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from roadseal.assess.inventory import cipher_suite
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.imports.document import (
    Imported,
    check_size,
    row_gap,
    rows,
    table,
    text,
)
from roadseal.assess.inventory.wire.sessions import wireguard
from roadseal.assess.inventory.wire.spoken import Spoken, endpoint
from roadseal.assess.inventory.wire.tls import algorithms
from roadseal.events import Fact

_LINE = re.compile(r"^\s*\d+\s+(TCP|UDP) (\S+):(\d+) (<->|->) (\S+):(\d+) (\[.*)$")
_ENCRYPTED = {"TLS", "DTLS", "QUIC", "SSH", "WireGuard", "OpenVPN", "IPSec", "NordVPN"}
_CLEAR = {"HTTP", "FTP_CONTROL", "SMTP", "POP3", "IMAP", "Telnet", "SNMP", "MQTT", "DNP3", "Modbus"}
_EITHER = {"OPC-UA"}  # in clear or not: its policy decides, which nDPI does not say
_OVER_TLS = {"IMAPS", "SMTPS", "POPS", "FTPS"}


def read(data: bytes, uri: str) -> Imported:
    """Read either form. Flows that nDPI guessed by port or address have low confidence."""
    check_size(data, "nDPI output")
    gaps: list[Gap] = []
    is_json = data.lstrip().startswith(b"{")
    found = list(_json(data, uri, gaps) if is_json else _lines(data, uri))
    if not found:
        gaps.append(
            Gap(Location(uri), Cause.NOT_SUPPORTED, "it lists no flow of a protocol we know")
        )
    return Imported(f"nDPI {'JSON' if is_json else 'text'}", "nDPI", tuple(found), (), tuple(gaps))


def _lines(data: bytes, uri: str) -> Iterator[Finding]:
    for number, raw in enumerate(data.splitlines(), 1):
        match = _LINE.match(raw.decode("utf-8", errors="replace")[:20_000])
        if match is None:
            continue
        _, _, _, _, host, port, rest = match.groups()
        fields = dict(_fields(rest))
        server = endpoint(host.strip("[]"), int(port))
        protocol = fields.get("proto", "").rpartition("/")[2].partition(".")[0]
        version = next((key for key in fields if re.fullmatch(r"(D?TLS|SSL)v[\d.]+.*", key)), "")
        guessed = "DPI" not in fields.get("Confidence", "")
        said = _spoken(protocol, version, fields.get("Cipher"), fields.get("Hostname/SNI"))
        if said:
            quic = fields.get("QUIC ver")
            yield _at(said, server, Location(uri, line=number), guessed, quic)


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for part in re.findall(r"\[([^\[\]]*)\]", text):
        key, _, value = part.partition(": ")
        yield key, value


def _json(data: bytes, uri: str, gaps: list[Gap]) -> Iterator[Finding]:
    """One flow a line, or one document with a list of flows."""
    try:
        values: list[tuple[int, Any]] = [(1, orjson.loads(data))]
        if listed := rows(table(values[0][1]).get("flows")):
            values = [(1, flow) for flow in listed]
    except orjson.JSONDecodeError:
        values = []
        for number, raw in enumerate(data.splitlines(), 1):
            try:
                values.append((number, orjson.loads(raw)))
            except orjson.JSONDecodeError as error:
                if raw.strip() and len(gaps) < 1000:
                    gaps.append(row_gap(uri, number, str(error)))
    for number, value in values:
        flow = table(value)
        ndpi = table(flow.get("ndpi"))
        details = table(ndpi.get("tls") or ndpi.get("quic") or flow.get("tls"))
        protocol = text(ndpi.get("proto")).rpartition("/")[2].partition(".")[0]
        said = _spoken(
            protocol,
            text(details.get("version")),
            text(details.get("cipher")) or None,
            text(ndpi.get("hostname") or details.get("client_requested_server_name")) or None,
        )
        port = flow.get("dest_port", flow.get("dst_port"))
        if said:
            host = text(flow.get("dest_ip") or flow.get("dst_ip")) or "unknown"
            server = endpoint(host, port if isinstance(port, int) else 0)
            confidence = table(ndpi.get("confidence"))
            guessed = bool(confidence) and "DPI" not in confidence.values()
            yield _at(said, server, Location(uri, line=number), guessed, None)


def _spoken(protocol: str, version: str, cipher: str | None, host: str | None) -> Spoken | None:
    facts: dict[str, Fact] = {"server_name": host, "cipher_suite": cipher}
    if protocol == "WireGuard":
        return wireguard({})
    if protocol in _ENCRYPTED | _OVER_TLS:
        used = algorithms(cipher_suite.from_name(cipher)) if cipher else ()
        name = "TLS" if protocol in _OVER_TLS else protocol
        number = re.sub(r"^(D?TLS|SSL)v", "", version)
        number = {"1": "1.0", "3": "SSL 3.0"}.get(number, number)
        return Spoken(name, number, used, facts)
    if protocol in _EITHER:
        return Spoken(protocol)
    if protocol in _CLEAR:
        return Spoken(
            protocol.removesuffix("_CONTROL"), "", (AlgorithmUse("plaintext", Role.PLAINTEXT),)
        )
    return None


def _at(said: Spoken, server: str, location: Location, guessed: bool, quic: str | None) -> Finding:
    facts: dict[str, Fact] = {"guessed_by_port_or_address": guessed or None, "quic_version": quic}
    confidence = 0.3 if guessed else 0.9
    return said.at(server, location, "import/ndpi", confidence=confidence, facts=facts)
