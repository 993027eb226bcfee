"""Wireshark as second oracle: what it dissects of a handshake we read alike, field by field.

Every third field capture by default, for tshark takes a third of a second to start; all of them
with `ROADSEAL_INTEROP=1`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from ndpi import CAPTURES

from roadseal._core import FlowReader

pytestmark = pytest.mark.skipif(
    not CAPTURES or shutil.which("tshark") is None,
    reason="needs tshark, and field captures under ROADSEAL_TESTDATA",
)

HELLOS: Final = (1, 2)
SCHEMES, KEY_SHARE = 13, 51
RETRY: Final = "cf21ad74e59a6111"
"""How the random of a HelloRetryRequest begins (RFC 8446 clause 4.1.3)."""

Facts = dict[str, set[Any]]
"""What the handshakes of a capture say, by the message that says it."""


class Fields:
    """A handshake message, or a part of one, as tshark dissects it."""

    def __init__(self, prefix: str, node: ElementTree.Element) -> None:
        self._prefix = prefix
        self._node = node

    def parts(self, name: str) -> Iterator[ElementTree.Element]:
        wanted = self._prefix + name
        return (one for one in self._node.iter("field") if one.get("name") == wanted)

    def octets(self, name: str) -> list[bytes]:
        return [bytes.fromhex(one.get("value") or "") for one in self.parts(name)]

    def numbers(self, name: str) -> tuple[int, ...]:
        found = (int.from_bytes(value) for value in self.octets(name))
        return tuple(code for code in found if not is_grease(code))

    def number(self, name: str) -> int | None:
        return next(iter(self.numbers(name)), None)

    def extension(self, kind: int, name: str) -> tuple[int, ...]:
        wanted = (self._prefix + "extension.type", f"{kind:04x}")
        for one in self._node.iter("field"):
            if any((part.get("name"), part.get("value")) == wanted for part in one):
                return Fields(self._prefix, one).numbers(name)
        return ()


def is_grease(code: int) -> bool:
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def digest(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


def messages(capture: Path) -> Iterator[Fields]:
    """Handshake messages that nobody had to decrypt; those of QUIC's Initial packets are public."""
    command = ["tshark", "-r", str(capture), "-Y", "tls.handshake || dtls.handshake"]
    command += ["-T", "pdml", "-J", "tls dtls quic openvpn"]
    dissected = subprocess.run(command, capture_output=True, check=False).stdout
    for packet in ElementTree.fromstring(dissected).iter("packet"):
        in_quic = any(layer.get("name") == "quic" for layer in packet.iter("proto"))
        for node in packet.iter("field"):
            if node.get("name") in ("tls.handshake", "dtls.handshake"):
                message = Fields(f"{node.get('name')}.", node)
                if not in_quic or message.number("type") in HELLOS:
                    yield message


def by_tshark(capture: Path) -> Facts:
    found: Facts = defaultdict(set)
    for message in messages(capture):
        match message.number("type"):
            case 1:
                found["client hello"].add(
                    (
                        message.number("version"),
                        message.numbers("extensions.supported_version"),
                        message.numbers("ciphersuite"),
                        message.numbers("extensions_supported_group"),
                        message.extension(KEY_SHARE, "extensions_key_share_group"),
                        message.extension(SCHEMES, "sig_hash_alg"),
                        *(name.decode() for name in message.octets("extensions_server_name")),
                    )
                )
            case 2 if not message.octets("random")[0].hex().startswith(RETRY):
                version = message.number("extensions.supported_version")
                found["server hello"].add(
                    (
                        version or message.number("version"),
                        message.number("ciphersuite"),
                        message.number("extensions_key_share_group"),
                    )
                )
            case 11:
                found["certificate"].update(map(digest, message.octets("certificate")))
            case 12 if groups := message.number("server_named_curve") or message.numbers("p"):
                bits = groups[0].bit_length() if isinstance(groups, tuple) else None
                curve = None if bits else groups
                found["server key exchange"].add((curve, bits, message.number("sig_hash_alg")))
            case 15 if scheme := message.number("sig_hash_alg"):
                found["certificate verify"].add(scheme)
    return found


def by_us(capture: Path) -> Facts:
    found: Facts = defaultdict(set)
    for handshake in handshakes(capture):
        if client := handshake["client"]:
            lists = ("versions", "cipher_suites", "groups", "key_shares", "signature_schemes")
            name = client["server_name"]
            said = (client["version"], *(tuple(client[one]) for one in lists))
            found["client hello"].add(said if name is None else (*said, name))
        if server := handshake["server"]:
            said = (server["version"], server["cipher_suite"], server["group"])
            found["server hello"].add(said)
        certificates = [*handshake["certificates"], *handshake["client_certificates"]]
        found["certificate"].update(map(digest, certificates))
        key = (handshake["exchange_group"], handshake["exchange_dh_bits"])
        found["server key exchange"].add((*key, handshake["exchange_signature"]))
        found["certificate verify"].add(handshake["client_signature"])
        # The hello before one that was asked for is not kept.
        found["asked again"] |= {handshake["retry_group"]} - {None}
    return found


def handshakes(capture: Path) -> Iterator[dict[str, Any]]:
    for batch in FlowReader(capture):
        for flow in batch:
            if handshake := (flow["session"] or {}).get("handshake"):
                yield handshake


def test_every_field_that_wireshark_sees_we_see() -> None:
    missing: dict[tuple[str, str], set[Any]] = {}
    compared: dict[str, int] = defaultdict(int)
    captures = CAPTURES if os.environ.get("ROADSEAL_INTEROP") else CAPTURES[::3]
    for capture in captures:
        theirs, ours = by_tshark(capture), by_us(capture)
        for kind, said in theirs.items():
            compared[kind] += len(said)
            lost = said - ours[kind]
            if lost and not (kind == "client hello" and ours["asked again"]):
                missing[capture.name, kind] = lost
    assert missing == {}
    assert compared.keys() == {
        "client hello",
        "server hello",
        "certificate",
        "server key exchange",
        "certificate verify",
    }
    assert compared["server hello"] > len(captures) / 4


def test_a_signature_scheme_is_read_only_where_one_stands() -> None:
    """Before TLS 1.2 the length of the signature stands there; the ServerHello was not captured."""
    capture = next(path for path in CAPTURES if "stun_dtls_unidirectional_client" in path.name)
    (handshake,) = handshakes(capture)
    assert handshake["client_certificates"]
    assert handshake["server"] is None
    assert handshake["client_signature"] is None
