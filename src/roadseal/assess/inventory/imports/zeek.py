"""Zeek logs, TSV and JSON: ssl, x509, ssh, snmp, mqtt, dnp3, modbus, http, ftp, conn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from roadseal.assess.inventory import identifiers
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
from roadseal.assess.inventory.imports.algorithm_names import canonical
from roadseal.assess.inventory.imports.document import Imported, check_size, row_gap
from roadseal.assess.inventory.wire import tls
from roadseal.assess.inventory.wire.spoken import Spoken, channel_cipher, endpoint, uses
from roadseal.events import Fact

Row = Mapping[str, str]

_VERSIONS = {
    "SSLv2": "SSL 2.0",
    "SSLv3": "SSL 3.0",
    "TLSv10": "1.0",
    "TLSv11": "1.1",
    "TLSv12": "1.2",
    "TLSv13": "1.3",
    "DTLSv10": "1.0",
    "DTLSv12": "1.2",
    "DTLSv13": "1.3",
}
_PLAINTEXT = AlgorithmUse("plaintext", Role.PLAINTEXT)


def read(data: bytes, uri: str) -> Imported:
    """Read one log of either form; several JSON logs may be joined in one file."""
    check_size(data, "Zeek log")
    is_tsv = data.lstrip(b"\xef\xbb\xbf").startswith(b"#")
    gaps: list[Gap] = []
    lines = _tsv(data, uri, gaps) if is_tsv else _json(data, uri, gaps)
    seen: dict[tuple[Any, ...], tuple[Finding, int]] = {}
    left_out: Counter[str] = Counter()
    for number, path, row in lines:
        reader = _READERS.get(path)
        finding = reader(row, Location(uri, line=number)) if reader else None
        if finding is None:
            left_out[path or "unknown"] += 1
            continue
        key = (finding.title, finding.algorithms, tuple(sorted(finding.facts.items())))
        first, count = seen.get(key, (finding, 0))
        seen[key] = (first, count + 1)
    for path, count in left_out.items():
        if path not in _READERS:
            detail = f"{count} rows of {path}.log are of a kind that is not read"
            gaps.append(Gap(Location(uri), Cause.NOT_SUPPORTED, detail))
    findings = tuple(_counted(finding, count) for finding, count in seen.values())
    return Imported(f"Zeek {'TSV' if is_tsv else 'JSON'} log", "Zeek", findings, (), tuple(gaps))


def _counted(finding: Finding, count: int) -> Finding:
    if count == 1:
        return finding
    facts = {**finding.facts, "rows": count}
    return Finding(
        finding.collector,
        finding.location,
        finding.asset_type,
        finding.title,
        finding.algorithms,
        finding.basis,
        finding.confidence,
        facts=facts,
    )


def _tsv(data: bytes, uri: str, gaps: list[Gap]) -> Iterator[tuple[int, str, Row]]:
    """Rows of the classic format: its header names separator, fields and blanks."""
    separator, unset, path = "\t", {"-", "(empty)"}, ""
    fields: list[str] = []
    for number, raw in enumerate(data.splitlines(), 1):
        line = raw.decode("utf-8", errors="replace").removeprefix("\ufeff")
        if line.startswith("#"):
            word, _, rest = line[1:].partition(" " if line.startswith("#separator") else separator)
            if word == "separator":
                separator = _separator(rest.strip())
            elif word == "path":
                path = rest.strip()
            elif word == "fields":
                fields = rest.split(separator)
            elif word in {"unset_field", "empty_field"}:
                unset.add(rest.strip())
            continue
        if not line:
            continue
        values = line.split(separator)
        if len(values) != len(fields):
            if len(gaps) < 1000:
                why = f"it has {len(values)} fields, not {len(fields)}"
                gaps.append(row_gap(uri, number, why))
            continue
        pairs = zip(fields, values, strict=True)
        yield number, path, {name: value for name, value in pairs if value not in unset}


def _separator(written: str) -> str:
    r"""The separator as the header writes it: ``\x09`` is a tab."""
    if match := re.fullmatch(r"\\x([0-9a-fA-F]{2})", written):
        return chr(int(match[1], 16))
    return written or "\t"


def _json(data: bytes, uri: str, gaps: list[Gap]) -> Iterator[tuple[int, str, Row]]:
    """One object a line; which log it is from says ``_path``, or else its fields."""
    for number, raw in enumerate(data.splitlines(), 1):
        if not raw.strip():
            continue
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            if len(gaps) < 1000:
                gaps.append(row_gap(uri, number, str(error)))
            continue
        if not isinstance(value, dict):
            if len(gaps) < 1000:
                gaps.append(row_gap(uri, number, "it is no object"))
            continue
        row = {
            name: str(item)
            for name, item in value.items()
            if isinstance(item, str | int | float | bool)
        }
        path = row.get("_path") or _path_by_fields(row)
        yield number, path, row


def _path_by_fields(row: Row) -> str:
    for path, marks in (
        ("ssl", {"cipher"}),
        ("ssl", {"curve"}),
        ("ssh", {"kex_alg"}),
        ("ssh", {"host_key_alg"}),
        ("x509", {"certificate.sig_alg"}),
        ("snmp", {"community"}),
        ("dnp3", {"fc_request"}),
        ("mqtt_connect", {"proto_version"}),
        ("conn", {"conn_state"}),
    ):
        if marks <= row.keys():
            return path
    return ""


def _server(row: Row) -> str:
    port = row.get("id.resp_p", "0")
    return endpoint(row.get("id.resp_h", "unknown"), int(port) if port.isdigit() else 0)


def _ssl(row: Row, location: Location) -> Finding | None:
    version = row.get("version")
    if version is None:
        return None  # no ServerHello was seen
    resumed = row.get("resumed", "").lower() in {"t", "true"}
    facts: dict[str, Fact] = {"server_name": row.get("server_name"), "resumed": resumed or None}
    said = tls.from_names(
        _VERSIONS.get(version, version), row.get("cipher"), row.get("curve"), facts
    )
    protocol = "DTLS" if version.startswith("DTLS") else "TLS"
    said = Spoken(protocol, said.version, said.algorithms, said.facts)
    if row.get("established", "").lower() in {"f", "false"}:
        alert = row.get("last_alert", "").replace("_", " ")
        said = said.failed(f"not established: {alert}" if alert else "not established")
    return said.at(_server(row), location, "import/zeek-ssl", confidence=0.95)


_NO_AGREEMENT = "Algorithm negotiation failed"
"""What Zeek writes in place of an algorithm where both sides have none in common."""
_BOTH_WAYS = re.compile(r"To server: (.*), to client: (.*)")


def _ssh(row: Row, location: Location) -> Finding | None:
    kex, key = row.get("kex_alg"), row.get("host_key_alg")
    ciphers = _each_way(row.get("cipher_alg"))
    authenticated = all("gcm" in cipher or "poly1305" in cipher for cipher in ciphers)
    macs = () if ciphers and authenticated else _each_way(row.get("mac_alg"))
    named = [name for name in (kex, key, *ciphers, *macs) if name]
    used = uses(
        (identifiers.ssh_kex(kex) if kex else None, Role.KEY_EXCHANGE),
        (identifiers.ssh_key(key) if key else None, Role.LIVE_AUTHENTICATION),
        *(channel_cipher(identifiers.ssh_cipher(cipher)) for cipher in ciphers),
        *((identifiers.ssh_mac(mac), Role.INTEGRITY) for mac in macs),
    )
    facts: dict[str, Fact] = {"server_software": row.get("server"), "kex": kex, "host_key": key}
    said = Spoken("SSH", row.get("version", ""), used, facts)
    if _NO_AGREEMENT in named:
        common = tuple(use for use in used if use.name != _NO_AGREEMENT)
        said = Spoken("SSH", said.version, common, facts).failed("offered, no agreement")
    return said.at(_server(row), location, "import/zeek-ssh", confidence=0.95)


def _each_way(stated: str | None) -> tuple[str, ...]:
    """Algorithms to the server and to the client: one where they are the same."""
    if not stated:
        return ()
    both = _BOTH_WAYS.fullmatch(stated)
    return both.groups() if both else (stated,)


def _x509(row: Row, location: Location) -> Finding | None:
    kind, length = row.get("certificate.key_type", ""), row.get("certificate.key_length", "")
    key = {
        "rsa": f"rsa-{length}" if length else "rsa",
        "dsa": f"dsa-{length}" if length else "dsa",
        "ecdsa": canonical("ecdsa", curve=row.get("certificate.curve", "")),
    }.get(kind, canonical(row.get("certificate.key_alg", "")) or None)
    signature = row.get("certificate.sig_alg")
    facts: dict[str, Fact] = {
        "subject": row.get("certificate.subject"),
        "issuer": row.get("certificate.issuer"),
        "serial": row.get("certificate.serial"),
        "not_before": row.get("certificate.not_valid_before"),
        "not_after": row.get("certificate.not_valid_after"),
        "fingerprint": row.get("fingerprint"),
    }
    return Finding(
        "import/zeek-x509",
        location,
        AssetType.CERTIFICATE,
        row.get("certificate.subject", "certificate"),
        uses(
            (key, Role.LIVE_AUTHENTICATION),
            (canonical(signature) if signature else None, Role.LIVE_AUTHENTICATION),
        ),
        Basis.OBSERVED,
        confidence=0.95,
        facts={name: value for name, value in facts.items() if value},
    )


def _snmp(row: Row, location: Location) -> Finding | None:
    """The community stands in the log; it is not taken over."""
    version = row.get("version", "")
    used = uses(("community-string", Role.PLAINTEXT)) if version in {"1", "2c"} else ()
    default = row.get("community") in {"public", "private"}
    said = Spoken("SNMP", version, used, {"default_community": default or None})
    return said.at(_server(row), location, "import/zeek-snmp", confidence=0.95)


def _clear(protocol: str) -> Callable[[Row, Location], Finding | None]:
    def reader(row: Row, location: Location) -> Finding | None:
        said = Spoken(protocol, "", (_PLAINTEXT,))
        return said.at(_server(row), location, f"import/zeek-{protocol.lower()}", confidence=0.95)

    return reader


_CLEAR_SERVICES = {
    "http",
    "ftp",
    "smtp",
    "imap",
    "pop3",
    "telnet",
    "mqtt",
    "modbus",
    "dnp3_tcp",
    "dnp3",
}


def _conn(row: Row, location: Location) -> Finding | None:
    """A connection's service where that alone says it is in clear."""
    services = set(row.get("service", "").split(","))
    if services & {"ssl", "quic", "ssh"} or not services & _CLEAR_SERVICES:
        return None
    protocol = min(services & _CLEAR_SERVICES).removesuffix("_tcp").upper()
    said = Spoken(protocol, "", (_PLAINTEXT,))
    return said.at(_server(row), location, "import/zeek-conn", confidence=0.9)


_READERS: Mapping[str, Callable[[Row, Location], Finding | None]] = {
    "ssl": _ssl,
    "ssh": _ssh,
    "x509": _x509,
    "snmp": _snmp,
    "dnp3": _clear("DNP3"),
    "modbus": _clear("Modbus"),
    "mqtt_connect": _clear("MQTT"),
    "http": _clear("HTTP"),
    "ftp": _clear("FTP"),
    "conn": _conn,
}
