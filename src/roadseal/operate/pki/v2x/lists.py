"""Trust and revocation lists of TS 102 941: CTL of a root, ECTL of the TLM, CRL of a root.

A list is read into values and judged against a root (or the TLM) that is trusted already; whether
it is due for renewal is part of the answer. `trust_state` applies lists in order.

Source: ETSI TS 102 941 V2.2.1 clauses 6.3.2 to 6.3.4 and annex A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal, get_args

from roadseal import _core
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.etsi_types import ETSI_DATA
from roadseal.operate.pki.v2x.secured import POLICY, Signed, read_signed, sign_as
from roadseal.v2x import service
from roadseal.v2x.certificate import Credential
from roadseal.v2x.message import Identification
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verifier

Kind = Literal["rca", "ea", "aa", "dc", "tlm"]

_CERTIFICATE: Final = {
    "rca": "selfsignedRootCa",
    "ea": "eaCertificate",
    "aa": "aaCertificate",
    "tlm": "selfSignedTLMCertificate",
}
SEQUENCES: Final = 256
"""`ctlSequence` is one octet and wraps."""

# Lists are fetched long after they were signed: their own times say whether they hold.
_LISTS: Final = replace(POLICY, max_age_us=1 << 62)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a trust list.

    Args:
        kind: what it is.
        certificate: of the root, EA, AA or TLM.
        access_point: where it is asked; for an EA where AAs ask.
        its_access_point: where stations ask an EA.
        successor_to: the certificate that this one follows.
        certificates: HashedId8 of the roots whose lists a distribution centre has.
    """

    kind: Kind
    certificate: bytes | None = None
    access_point: str | None = None
    its_access_point: str | None = None
    successor_to: bytes | None = None
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustList:
    """A CTL or ECTL.

    Args:
        sequence: 0 to 255.
        is_full: it says everything, or what changed since the one before.
        next_update: when to expect another.
        added: lines.
        removed: HashedId8 of certificates, or addresses of distribution centres.
        of_tlm: it is the TLM's (roots), not a root's (EAs and AAs).
    """

    sequence: int
    is_full: bool
    next_update: Time64
    added: tuple[Entry, ...]
    removed: tuple[bytes | str, ...] = ()
    of_tlm: bool = False


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A root's CRL: authorities that are no longer trusted, by HashedId8."""

    this_update: Time64
    next_update: Time64
    revoked: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ListVerdict:
    """What a list is worth.

    Args:
        reason: of the engine.
        contents: of the list, if it could be read, even if it does not hold.
        signer: HashedId8 of who signed.
        signed_at: when, as the signature says.
        is_stale: its next update is due: what it says still counts, but there should be a newer.
    """

    reason: Reason
    contents: TrustList | RevocationList | None = None
    signer: bytes | None = None
    is_stale: bool = False
    signed_at: Time64 | None = None


def sign_trust_list(contents: TrustList, signer: Credential, now: Time64) -> bytes:
    """Sign a CTL or ECTL; the signer's certificate goes along."""
    commands: list[Any] = [("add", _entry_value(entry)) for entry in contents.added]
    for one in contents.removed:
        commands.append(("delete", ("dc" if isinstance(one, str) else "cert", one)))
    value = {
        "version": 1,
        "nextUpdate": contents.next_update // MICROSECONDS_PER_SECOND,
        "isFullCtl": contents.is_full,
        "ctlSequence": contents.sequence,
        "ctlCommands": commands,
    }
    kind = "certificateTrustListTlm" if contents.of_tlm else "certificateTrustListRca"
    payload = ETSI_DATA.encode({"version": 1, "content": (kind, value)})
    return sign_as(payload, service.CTL, now, signer, Identification.CERTIFICATE)


def sign_revocation_list(contents: RevocationList, root: Credential, now: Time64) -> bytes:
    """Sign a CRL; the root's certificate goes along."""
    value = {
        "version": 1,
        "thisUpdate": contents.this_update // MICROSECONDS_PER_SECOND,
        "nextUpdate": contents.next_update // MICROSECONDS_PER_SECOND,
        "entries": list(contents.revoked),
    }
    payload = ETSI_DATA.encode({"version": 1, "content": ("certificateRevocationList", value)})
    return sign_as(payload, service.CRL, now, root, Identification.CERTIFICATE)


def read_list(octets: bytes, trusted: Sequence[bytes], now: Time64) -> ListVerdict:
    """Read and judge a CTL, ECTL or CRL.

    Args:
        octets: `EtsiTs103097Data-Signed`.
        trusted: the self-signed certificates (roots, TLM) that may sign lists.
        now: when.
    """
    try:
        signed, contents = _parsed(octets)
    except CoerError:
        return ListVerdict(Reason.MALFORMED)
    verifier = Verifier(_LISTS, 1)
    for root in trusted:
        verifier.add_root(root)
    wanted = service.CRL if isinstance(contents, RevocationList) else service.CTL
    if signed.psid != wanted:
        return ListVerdict(Reason.PSID_NOT_PERMITTED, contents, signed.signer)
    names = {_core.certificate_digest(root)[0][-8:] for root in trusted}
    reason = Reason(verifier.verify(octets, at=now).overall)
    if reason is Reason.OK and signed.signer not in names:
        reason = Reason.UNTRUSTED_ROOT  # below a root, one may send much, but not its lists
    if reason is Reason.OK and signed.generation_time is None:
        reason = Reason.STALE
    is_stale = now >= contents.next_update
    return ListVerdict(reason, contents, signed.signer, is_stale, signed.generation_time)


@lru_cache(maxsize=32)
def _parsed(octets: bytes) -> tuple[Signed, TrustList | RevocationList]:
    """What a list says; kept, since lists are repeated, and judged anew each time."""
    signed = read_signed(octets)
    if signed is None or signed.payload is None:
        raise CoerError("it is not signed")
    kind, value = ETSI_DATA.decode(signed.payload)["content"]
    return signed, _contents(kind, value)


def _entry_value(entry: Entry) -> tuple[str, dict[str, Any]]:
    if entry.kind == "dc":
        return "dc", {"url": entry.access_point, "cert": list(entry.certificates)}
    value: dict[str, Any] = {_CERTIFICATE[entry.kind]: entry.certificate}
    if entry.successor_to:
        value["successorTo"] = entry.successor_to
    match entry.kind:
        case "ea":
            value["aaAccessPoint"] = entry.access_point or ""
            if entry.its_access_point:
                value["itsAccessPoint"] = entry.its_access_point
        case "aa" | "tlm":
            value["accessPoint"] = entry.access_point or ""
    return entry.kind, value


def _contents(kind: str, value: dict[str, Any]) -> TrustList | RevocationList:
    if kind == "certificateRevocationList":
        return RevocationList(
            this_update=_time(value["thisUpdate"]),
            next_update=_time(value["nextUpdate"]),
            revoked=tuple(value["entries"]),
        )
    if kind not in ("certificateTrustListTlm", "certificateTrustListRca"):
        raise CoerError("it is no list")
    added: list[Entry] = []
    removed: list[bytes | str] = []
    for command, inner in value["ctlCommands"]:
        if command == "add" and inner[0] in get_args(Kind):
            added.append(_entry(*inner))
        elif command == "delete" and inner[0] in ("cert", "dc"):
            removed.append(inner[1])
        # What a later edition adds is for those who understand it.
    of_tlm = kind == "certificateTrustListTlm"
    if any(
        (entry.kind in ("ea", "aa")) if of_tlm else (entry.kind in ("rca", "tlm"))
        for entry in added
    ):
        raise CoerError("the list holds what its signer cannot vouch for")
    if value["isFullCtl"] and removed:
        raise CoerError("a full list removes nothing")
    return TrustList(
        sequence=value["ctlSequence"],
        is_full=value["isFullCtl"],
        next_update=_time(value["nextUpdate"]),
        added=tuple(added),
        removed=tuple(removed),
        of_tlm=of_tlm,
    )


def _entry(kind: str, value: dict[str, Any]) -> Entry:
    match kind:
        case "dc":
            return Entry("dc", access_point=value["url"], certificates=tuple(value["cert"]))
        case "ea":
            return Entry(
                "ea", value["eaCertificate"], value["aaAccessPoint"], value.get("itsAccessPoint")
            )
        case "aa":
            return Entry("aa", value["aaCertificate"], value["accessPoint"])
        case "rca":
            return Entry("rca", value["selfsignedRootCa"], successor_to=value.get("successorTo"))
        case "tlm":
            return Entry(
                "tlm",
                value["selfSignedTLMCertificate"],
                value["accessPoint"],
                successor_to=value.get("successorTo"),
            )
    raise CoerError("a line of this kind is not known")


def _time(seconds: int) -> Time64:
    return Time64(seconds * MICROSECONDS_PER_SECOND)
