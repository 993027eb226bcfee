"""Asking SSH, IKE and SNMP: one question each, answered before anything is agreed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.probe.interview import Heard, Interview, Random
from roadseal.assess.inventory.wire.ike import ike as describe_ike
from roadseal.assess.inventory.wire.spoken import Spoken
from roadseal.assess.inventory.wire.ssh import ssh_offers
from roadseal.events import Fact

SSH_IDENTIFICATION: Final = b"SSH-2.0-Roadseal\r\n"


def ssh() -> Interview:
    """Identify ourselves; the server does so and lists what it takes (RFC 4253 clause 7.1)."""
    reply = yield SSH_IDENTIFICATION
    if reply.failure:
        return Heard(failure=reply.failure)
    said = reply.said
    version = said["server_version"]
    if version is None:
        return Heard(failure="does not speak SSH")
    if said["server"] is None:
        return Heard((Spoken("SSH", "1", (), {"server_software": version}),), failure="no proposal")
    offered = ssh_offers(said["server"])
    facts: dict[str, Fact] = {
        "server_software": version,
        "kex_in_order": ",".join(said["server"]["kex"]),
        "host_keys": ",".join(said["server"]["host_key"]),
    }
    return Heard((Spoken("SSH", "2", offered, facts),))


_IKE_PROPOSAL: Sequence[tuple[int, int, int | None]] = (
    *((1, number, bits) for number, bits in ((20, 256), (20, 128), (12, 256), (12, 128))),
    (1, 28, None),
    (1, 3, None),
    *((2, number, None) for number in (7, 6, 5, 2)),
    *((3, number, None) for number in (14, 13, 12, 2)),
    *((4, number, None) for number in (31, 19, 20, 21, 16, 15, 14, 5, 2)),
    *((6, number, None) for number in (36, 37, 35, 0)),
)
"""Type, identifier, key length: ciphers, PRFs, MACs, groups, ML-KEM as an additional exchange."""

_GROUP_BYTES: Final = {31: 32, 19: 64, 20: 96, 21: 132, 14: 256, 15: 384, 16: 512, 5: 192, 2: 128}
_ROUNDS: Final = 3


def ike(random: Random) -> Interview:
    """Open IKE_SA_INIT (RFC 7296 clause 1.2): the responder chooses, or names a group."""
    group, cookie = 31, b""
    wanted: list[int] = []
    for _ in range(_ROUNDS):
        reply = yield _sa_init(random, group, cookie)
        if reply.failure:
            return Heard(failure=reply.failure)
        said = reply.said
        if said["chosen"]:
            spoken = describe_ike(said)
            facts: dict[str, Fact] = {
                **spoken.facts,
                "first_wanted_group": wanted[0] if wanted else None,
            }
            return Heard((Spoken("IKE", spoken.version, spoken.algorithms, facts),))
        if said["cookie"]:
            cookie = bytes(said["cookie"])
        elif said["wanted_group"] in _GROUP_BYTES:
            group = said["wanted_group"]
            wanted.append(group)
        else:
            break
    failure = "chose nothing of what was proposed"
    return Heard(
        (Spoken("IKE", str(said["version"]), (), {"notifies": str(said["notifies"])}),),
        failure=failure,
    )


def _sa_init(random: Random, group: int, cookie: bytes) -> bytes:
    payloads = [(33, _association()), (34, _key_exchange(group, random)), (40, random(32))]
    payloads.append((41, b"\0\0" + (16438).to_bytes(2, "big")))  # INTERMEDIATE_EXCHANGE_SUPPORTED
    if cookie:
        payloads.insert(0, (41, b"\0\0" + (16390).to_bytes(2, "big") + cookie))
    body = b""
    for at, (_, value) in enumerate(payloads):
        following = payloads[at + 1][0] if at + 1 < len(payloads) else 0
        body += bytes([following, 0]) + (4 + len(value)).to_bytes(2, "big") + value
    head = random(8) + bytes(8) + bytes([payloads[0][0], 0x20, 34, 0x08]) + bytes(4)
    return head + (len(head) + 4 + len(body)).to_bytes(4, "big") + body


def _association() -> bytes:
    """Two proposals: with ML-KEM as an additional exchange, and without it."""
    plain = [row for row in _IKE_PROPOSAL if row[0] != 6]
    hybrid = _proposal(1, list(_IKE_PROPOSAL), more=True)
    return hybrid + _proposal(2, plain, more=False)


def _proposal(number: int, rows: Sequence[tuple[int, int, int | None]], *, more: bool) -> bytes:
    transforms = b""
    for at, (kind, identifier, bits) in enumerate(rows):
        attribute = b"" if bits is None else (0x800E).to_bytes(2, "big") + bits.to_bytes(2, "big")
        last = 0 if at == len(rows) - 1 else 3
        transforms += bytes([last, 0]) + (8 + len(attribute)).to_bytes(2, "big")
        transforms += bytes([kind, 0]) + identifier.to_bytes(2, "big") + attribute
    head = bytes([2 if more else 0, 0]) + (8 + len(transforms)).to_bytes(2, "big")
    return head + bytes([number, 1, 0, len(rows)]) + transforms


def _key_exchange(group: int, random: Random) -> bytes:
    """A random public value of the group's length: nobody will finish an exchange with it."""
    length = _GROUP_BYTES[group]
    return group.to_bytes(2, "big") + b"\0\0" + b"\x01" + random(length - 1)


def snmp(random: Random) -> Interview:
    """Discover the engine (RFC 3414 clause 4): no user, no community, nothing read."""
    identifier = int.from_bytes(random(3), "big")
    reply = yield _discovery(identifier)
    if reply.failure:
        return Heard(failure=reply.failure)
    facts: dict[str, Fact] = {
        "discovery": "answered",
        "community_versions": "not asked: a community is a credential",
    }
    unknown = (AlgorithmUse("usm", Role.UNKNOWN, preferred=False),)
    return Heard((Spoken("SNMP", reply.said["version"], unknown, facts),))


def _discovery(identifier: int) -> bytes:
    number = _tlv(0x02, identifier.to_bytes(4, "big"))
    globals_ = _tlv(0x30, number + _tlv(2, b"\x00\xff\xe3") + _tlv(4, b"\x04") + _tlv(2, b"\x03"))
    usm = _tlv(0x30, _tlv(4, b"") + _tlv(2, b"\0") + _tlv(2, b"\0") + _tlv(4, b"") * 3)
    pdu = _tlv(0xA0, number + _tlv(2, b"\0") + _tlv(2, b"\0") + _tlv(0x30, b""))
    scoped = _tlv(0x30, _tlv(4, b"") + _tlv(4, b"") + pdu)
    return _tlv(0x30, _tlv(2, b"\x03") + globals_ + _tlv(4, usm) + scoped)


def _tlv(tag: int, value: bytes) -> bytes:
    length = bytes([len(value)]) if len(value) < 128 else bytes([0x81, len(value)])
    return bytes([tag]) + length + value
