"""Revocation lists of IEEE 1609.2: by hash and by linkage, made, read, and given to the engine.

A linked list publishes, for each revoked device, the two seeds of a period; whoever reads it rolls
them forward and so recognises what the device sends from then on, and nothing that it sent before.

Source: IEEE 1609.2-2022 clauses 5.1.3 and 7.3; CAMP SCP2 for the functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

from roadseal import _core
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.scms import Layout, linkage_seed, linkage_value, prelinkage_value
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.secured import POLICY, read_signed, sign_as
from roadseal.operate.pki.v2x.us_types import CRL_CONTENTS, CRL_PSID, CRL_SSP
from roadseal.v2x.certificate import Credential
from roadseal.v2x.message import Identification
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verifier

MAX_PERIODS: Final = 520
"""How far seeds are rolled forward at once: ten years of weeks."""

MAX_VALUES: Final = 5_000_000
"""How many linkage values one list may ask for: ten thousand devices of twenty for 25 weeks."""

_LISTS: Final = replace(POLICY, max_age_us=1 << 62)


@dataclass(frozen=True, slots=True)
class HashEntry:
    """A certificate that is revoked by the last ten bytes of its hash."""

    hashed_id10: bytes
    expiry: Time64


@dataclass(frozen=True, slots=True)
class LinkedEntry:
    """A device that is revoked from a period on.

    Args:
        la1_id: first linkage authority, 2 bytes.
        la2_id: second.
        seed1: ls₁ of the list's `i_rev`, 16 bytes.
        seed2: ls₂.
        i_max: the last period for which it has certificates.
        j_max: how many a period.
    """

    la1_id: bytes
    la2_id: bytes
    seed1: bytes = field(repr=False)
    seed2: bytes = field(repr=False)
    i_max: int
    j_max: int

    def values(self, i_rev: int, i: int, layout: Layout = "camp") -> list[bytes]:
        """The linkage values of a period, `i_rev` or later."""
        seed1, seed2 = self.seed1, self.seed2
        for _ in range(i - i_rev):
            seed1 = linkage_seed(self.la1_id, seed1, layout)
            seed2 = linkage_seed(self.la2_id, seed2, layout)
        return [
            linkage_value(
                prelinkage_value(self.la1_id, seed1, j, layout),
                prelinkage_value(self.la2_id, seed2, j, layout),
            )
            for j in range(self.j_max)
        ]


@dataclass(frozen=True, slots=True)
class Crl:
    """A revocation list.

    Args:
        series: which certificates it is about, with `craca`.
        craca: HashedId8 of the CRACA's certificate; certificates name its last three bytes.
        issued: when.
        next_crl: when to expect another.
        serial: of a hash list; `index_within_i` of a linked one.
        hashes: of a hash list.
        linked: of a linked list.
        i_rev: period of the seeds of a linked list; `None` for a hash list.
        is_full: or what is new since the list before.
        has_groups: it revokes groups, too, which this version cannot act upon.
    """

    series: int
    craca: bytes
    issued: Time64
    next_crl: Time64
    serial: int
    hashes: tuple[HashEntry, ...] = ()
    linked: tuple[LinkedEntry, ...] = ()
    i_rev: int | None = None
    is_full: bool = True
    has_groups: bool = False

    @property
    def scope(self) -> tuple[bytes, int]:
        """What certificates must name: `cracaId` and `crlSeries`."""
        return self.craca[-3:], self.series

    def enter(
        self, verifier: Verifier, periods: Iterable[int] = (), layout: Layout = "camp"
    ) -> int:
        """Let the engine refuse what is revoked.

        Args:
            verifier: the engine.
            periods: for which to work out linkage values: those whose certificates may be heard.
            layout: of linkage values.

        Returns:
            How many hashes and linkage values were entered.

        Raises:
            ValueError: the list asks for more values than a station should work out at once.
        """
        for one in self.hashes:
            verifier.revoke(one.hashed_id10, self.scope)
        entered = len(self.hashes)
        if self.i_rev is None:
            return entered
        for i in sorted(set(periods)):
            if not 0 <= i - self.i_rev <= MAX_PERIODS:
                continue
            alive = [one for one in self.linked if i <= one.i_max]
            if entered + sum(one.j_max for one in alive) > MAX_VALUES:
                raise ValueError("the list asks for too many linkage values")
            values = [value for one in alive for value in one.values(self.i_rev, i, layout)]
            verifier.revoke_linkage(self.scope, i, values)
            entered += len(values)
        return entered


@dataclass(frozen=True, slots=True)
class CrlVerdict:
    """What a list is worth; `is_stale`: a newer one is due."""

    reason: Reason
    contents: Crl | None = None
    is_stale: bool = False


def sign_crl(contents: Crl, signer: Credential, now: Time64) -> bytes:
    """Sign a list; the CRL generator's certificate goes along."""
    kind = "full" if contents.is_full else "delta"
    if contents.i_rev is None:
        entries = [
            {"id": one.hashed_id10, "expiry": one.expiry // MICROSECONDS_PER_SECOND}
            for one in contents.hashes
        ]
        specific = (f"{kind}HashCrl", {"crlSerial": contents.serial, "entries": entries})
    else:
        linked = {
            "iRev": contents.i_rev,
            "indexWithinI": contents.serial,
            "individual": _grouped(contents.linked),
        }
        specific = (f"{kind}LinkedCrl", linked)
    payload = CRL_CONTENTS.encode(
        {
            "version": 1,
            "crlSeries": contents.series,
            "crlCraca": contents.craca,
            "issueDate": contents.issued // MICROSECONDS_PER_SECOND,
            "nextCrl": contents.next_crl // MICROSECONDS_PER_SECOND,
            "priorityInfo": {},
            "typeSpecific": specific,
        }
    )
    return sign_as(payload, CRL_PSID, now, signer, Identification.CERTIFICATE)


def read_crl(
    octets: bytes, trust: Iterable[bytes], now: Time64, above: Iterable[bytes] = ()
) -> CrlVerdict:
    """Read and judge a list.

    Args:
        octets: `SecuredCrl`.
        trust: the roots.
        now: when.
        above: certificates between a root and the generator.
    """
    try:
        signed = read_signed(octets)
        if signed is None or signed.payload is None:
            return CrlVerdict(Reason.MALFORMED)
        contents = _contents(CRL_CONTENTS.decode(signed.payload))
    except CoerError:
        return CrlVerdict(Reason.MALFORMED)
    if signed.psid != CRL_PSID:
        return CrlVerdict(Reason.PSID_NOT_PERMITTED, contents)
    verifier = Verifier(_LISTS, 1)
    for root in trust:
        verifier.add_root(root)
    verifier.add_certificates(list(above))
    verdict = verifier.verify(octets, at=now)
    reason = Reason(verdict.overall)
    if reason is Reason.OK and not _may_sign(signed.certificate, verdict.ssp, contents):
        reason = Reason.SSP_MISMATCH
    return CrlVerdict(reason, contents, now >= contents.next_crl)


def hash_entry(certificate: bytes, expiry: Time64) -> HashEntry:
    """The entry that revokes a certificate."""
    return HashEntry(_core.certificate_digest(certificate)[0][-10:], expiry)


def crl_ssp(series: Iterable[int], *, issuer_is_craca: bool = False) -> bytes:
    """The SSP of a certificate that may sign lists of these series."""
    whose = "issuerIsCraca" if issuer_is_craca else "isCraca"
    return CRL_SSP.encode({"version": 1, "associatedCraca": whose, "crls": list(series)})


def _may_sign(certificate: bytes | None, ssp: bytes | None, contents: Crl) -> bool:
    """Whether the signer speaks for the list's CRACA and on its series (CrlSsp)."""
    if certificate is None or ssp is None:
        return False
    try:
        granted = CRL_SSP.decode(ssp)
    except CoerError:
        return False
    tree = _core.describe_certificate(certificate)
    own = granted["associatedCraca"] == "isCraca"
    craca = tree["hashedId8"] if own else next(iter(tree["issuer"].values()))
    return craca == contents.craca.hex() and contents.series in granted["crls"]


def _grouped(entries: Iterable[LinkedEntry]) -> list[dict[str, Any]]:
    """Entries under what they have in common, as the list saves bytes."""

    def key(one: LinkedEntry) -> tuple[int, bytes, bytes, int]:
        return one.j_max, one.la1_id, one.la2_id, one.i_max

    groups: list[dict[str, Any]] = []
    for j_max, of_j in groupby(sorted(entries, key=key), key=lambda one: one.j_max):
        authorities = []
        for ids, of_la in groupby(of_j, key=lambda one: (one.la1_id, one.la2_id)):
            periods = []
            for i_max, of_i in groupby(of_la, key=lambda one: one.i_max):
                seeds = [{"linkageSeed1": one.seed1, "linkageSeed2": one.seed2} for one in of_i]
                periods.append({"iMax": i_max, "contents": seeds})
            authorities.append({"la1Id": ids[0], "la2Id": ids[1], "contents": periods})
        groups.append({"jmax": j_max, "contents": authorities})
    return groups


def _contents(value: dict[str, Any]) -> Crl:
    kind, specific = value["typeSpecific"]
    common: dict[str, Any] = {
        "series": value["crlSeries"],
        "craca": value["crlCraca"],
        "issued": _time(value["issueDate"]),
        "next_crl": _time(value["nextCrl"]),
        "is_full": kind.startswith("full"),
    }
    if kind.endswith("HashCrl"):
        entries = tuple(HashEntry(one["id"], _time(one["expiry"])) for one in specific["entries"])
        return Crl(**common, serial=specific["crlSerial"], hashes=entries)
    if not kind.endswith("LinkedCrl"):
        raise CoerError("a list of this kind is not known")
    linked = tuple(
        LinkedEntry(
            la["la1Id"],
            la["la2Id"],
            one["linkageSeed1"],
            one["linkageSeed2"],
            period["iMax"],
            group["jmax"],
        )
        for group in specific.get("individual", ())
        for la in group["contents"]
        for period in la["contents"]
        for one in period["contents"]
    )
    return Crl(
        **common,
        serial=specific["indexWithinI"],
        linked=linked,
        i_rev=specific["iRev"],
        has_groups=bool(specific.get("groups")),
    )


def _time(seconds: int) -> Time64:
    return Time64(seconds * MICROSECONDS_PER_SECOND)
