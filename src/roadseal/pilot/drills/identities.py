"""Drills of the identities on the wire: the corridor's own PKI, real keys, real EST, real TLS.

Time is virtual. A unit keeps its certificate alive over EST; its centre opens sessions only with
who is in force.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from cryptography import x509

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, from_datetime
from roadseal.crypto import Purpose
from roadseal.errors import RoadsealError
from roadseal.fleet import Device
from roadseal.net import Side, TlsContext
from roadseal.operate.pki import Authority, der
from roadseal.operate.pki.incident import affected, revoke_affected
from roadseal.operate.pki.keys import SigningKey, generate_key
from roadseal.operate.pki.path.validation import PathRules, validate_path
from roadseal.operate.pki.public_key import composite_of
from roadseal.operate.pki.request import DAY_S, IssueRequest
from roadseal.operate.pki.signer import CompositeSigner, SoftwareSigner
from roadseal.operate.pki.standing import TIERS, StatusKeeper
from roadseal.operate.pki.template import common_name, signed
from roadseal.operate.pki.tls_identity import (
    certification_request,
    issue_identity,
)
from roadseal.operate.pki.unit.device import Renewal, hear_time
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.identity_site import CENTRE, GRACE_S, LIFE_S, UNIT, Site, played
from roadseal.pilot.identities import handshake
from roadseal.pilot.measures import Moment, Provenance

_COMPOSITE: Final = "composite-mldsa65-ecdsa-p256-sha512/draft-19"
POLL_S: Final = 60.0
"""How often a relying party asks for the status list when no push comes."""

_SIGNER = "firmware.drill.invalid"
_STEP_S = DAY_S  # how often a unit looks after its certificate


async def _authority_offline(site: Site) -> Finding:
    """Outages of 9 and of 16 days from the hour in which the renewal falls due."""
    seen: dict[int, tuple[Counter[str], float | None]] = {}
    for days in (9, 16):
        site.invite()
        site.state = replace(site.state, preferred=None, pending=None)
        await site.wake()
        site.secret = None
        end = from_datetime(site.certificate.not_valid_after_utc)
        begin = site.clock.now()
        found: Counter[str] = Counter()
        first_s: float | None = None
        gone = Time64(begin + round(LIFE_S * 0.6) * MICROSECONDS_PER_SECOND)
        back = Time64(gone + days * DAY_S * MICROSECONDS_PER_SECOND)
        while site.clock.now() < back + 2 * DAY_S * MICROSECONDS_PER_SECOND:
            site.clock.advance(_STEP_S)
            site.cut = gone <= site.clock.now() < back
            await site.wake()
            outcome = site.session()
            found[outcome] += 1
            if outcome != "open" and first_s is None:
                first_s = (site.clock.now() - gone) / MICROSECONDS_PER_SECOND
        seen[days] = found, first_s
        renewed = from_datetime(site.certificate.not_valid_after_utc) > end
        found["renewed at last"] += renewed
    (short, _), (long, first_s) = seen[9], seen[16]
    shut = sum(long[one] for one in long if one not in ("open", "renewed at last"))
    held = (
        short["open"] == sum(short.values()) - 1
        and short["renewed at last"] == long["renewed at last"] == 1
        and set(long) <= {"open", "expired", "renewed at last"}
        and first_s is not None
        and first_s >= LIFE_S / 3
    )
    at = "never" if first_s is None else f"{first_s / DAY_S:.1f} days"
    return Finding(
        held,
        f"9 days without the authority refused no session of {sum(short.values()) - 1}; with 16 "
        f"days, {shut} of {sum(long.values()) - 1} were refused as expired, the first after {at}; "
        "the unit renewed itself on the authority's return, within its grace.",
        sum(short.values()) + sum(long.values()) - 2,
        {
            "certificate_life_days": LIFE_S / DAY_S,
            "refused_in_9_days": float(sum(short.values()) - 1 - short["open"]),
            "refused_in_16_days": float(shut),
            "first_refusal_days": 0.0 if first_s is None else round(first_s / DAY_S, 2),
        },
    )


async def _expired(site: Site) -> Finding:
    """A unit sleeps past the end of its certificate, twice."""
    before = site.session()
    site.clock.advance(LIFE_S + DAY_S)
    late = site.session()
    first = await site.wake()
    after = site.session()
    site.clock.advance(LIFE_S + GRACE_S + DAY_S)
    second = await site.wake()  # beyond its grace, and without a new secret
    shut = site.session()
    site.invite()
    third = await site.wake()
    again = site.session()
    held = [before, late, after, shut, again] == ["open", "expired", "open", "expired", "open"]
    held &= (first, second, third) == (Renewal.GRACE, None, Renewal.BOOTSTRAP)
    return Finding(
        held,
        f"A day after its end the certificate opened no session ({late}) and renewed itself once; "
        f"beyond the grace of {GRACE_S // DAY_S} days it did not, and a new bootstrap secret was "
        "needed.",
        5,
        {"sessions_with_expired": float((late, shut).count("open")), "renewals_in_grace": 1.0},
        (
            Moment(0.0, "certificate issued"),
            Moment(float(LIFE_S), "certificate ends"),
            Moment(float(LIFE_S + DAY_S), "renewed in grace"),
        ),
    )


async def _revoked(site: Site) -> Finding:
    """Revoke the unit; some relying parties are pushed to, the others poll."""
    draws = site.scene.draws("pki-revoked")
    keeper, name, tier = site.keeper, site.authority.name, TIERS["T1"]
    leaf = site.certificate
    trusted_before = keeper.judge(leaf, site.clock.now(), tier).accepted
    old = keeper.encoded[name]
    site.authority.revoke(site.serial, x509.ReasonFlags.key_compromise, block_key=True)
    new = site.authority.publish_status()
    waits_s = []
    for party in range(100):  # one in four is offline to the push, and polls
        wait_s = 0.2 if party % 4 else POLL_S * draws.uniform(0.9, 1.1) * draws.random() + 0.2
        site.clock.time = Time64(site.scene.start + round(wait_s * MICROSECONDS_PER_SECOND))
        one = StatusKeeper({name: site.authority.public_key})
        one.take(name, old)
        one.take(name, new)
        if not one.judge(leaf, site.clock.now(), tier).accepted:
            waits_s.append(wait_s)
    keeper.take(name, new)
    replayed = keeper.take(name, old).value
    refused = not keeper.judge(leaf, site.clock.now(), tier).accepted
    renewal = await _renew_revoked(site)
    p99_s = sorted(waits_s)[98] if len(waits_s) == 100 else float("inf")
    held = trusted_before and refused and replayed == "older" and renewal is None and p99_s <= 60
    return Finding(
        held,
        f"99 of 100 relying parties refused the unit {p99_s:.1f} s after the decision; the list "
        f"from before, played again, was {replayed}; the unit's renewal was refused.",
        103,
        {"refused_p99_s": round(p99_s, 2)},
        (
            Moment(0.0, "revocation decided, list signed and pushed"),
            Moment(round(p99_s, 2), "99 of 100 refuse"),
        ),
        Provenance.MODELLED,  # how long push and poll take; the lists are real
    )


async def _renew_revoked(site: Site) -> Renewal | None:
    site.clock.time = Time64(site.scene.start + round(LIFE_S * 0.8) * MICROSECONDS_PER_SECOND)
    return await site.wake()


async def _root_rollover(site: Site) -> Finding:
    """Push the new root, issue beside the old, switch, retire: sessions all along."""
    opened = [site.session()]
    old_root = site.authority.chain[-1]
    successor = site.pki.authority(site.algorithm, "next")
    both = [old_root, successor.chain[-1]]
    opened.append(site.session(anchors=both))  # trust first
    early = _with_authority(site, successor, [old_root])  # what the wrong order would do
    opened.append(_with_authority(site, successor, both))  # new certificates, both trusted
    opened.append(_with_authority(site, successor, both[1:]))  # the old root is gone
    stale = site.session(anchors=both[1:])  # who kept the old certificate
    held = opened == ["open"] * 4 and early != "open" and stale != "open"
    return Finding(
        held,
        f"{opened.count('open')} of 4 sessions opened through the four steps; with certificates "
        f"before trust it would have been {early}, with the retired root it is {stale}.",
        6,
        {"sessions_opened": float(opened.count("open"))},
    )


def _with_authority(site: Site, authority: Authority, anchors: list[x509.Certificate]) -> str:
    """A session in which both ends show certificates of `authority`."""
    unit, centre = (
        issue_identity(authority, name, algorithm=site.algorithm) for name in (UNIT, CENTRE)
    )
    profile = site.scene.approach.backhaul
    refused = handshake(
        TlsContext(Side.CLIENT, profile, [unit], anchors),
        TlsContext(Side.SERVER, profile, [centre], anchors),
        site.clock,
        centre=CENTRE,
        units=[UNIT],
    )
    return "open" if refused is None else refused.reason.value


async def _wrong_clock(site: Site) -> Finding:
    """The unit's clock goes back forty days; the last signed status list holds it."""
    site.clock.advance(LIFE_S * 0.8)
    site.clock_error_s = -40 * DAY_S
    lost = await site.wake()  # it believes that its certificate has not begun
    heard = site.keeper.not_before(Time64(0))
    site.state = hear_time(site.state, heard)
    held_up = await site.wake()
    return Finding(
        lost is not Renewal.RENEW and held_up is Renewal.RENEW and site.session() == "open",
        "A clock 40 days behind kept the unit from renewing; the time of the last signed status "
        "list as a floor let it.",
        3,
        {"clock_error_days": 40.0},
    )


async def _component_broken(site: Site) -> Finding:
    """Somebody has the ECDSA half of a composite authority's key."""
    composite = composite_of(_COMPOSITE)
    if composite is None or not site.pki.crypto[Purpose.FIRMWARE].accepts(_COMPOSITE):
        return Finding(None, "This approach has no composite signatures.", 0)
    post_quantum, traditional = map(SoftwareSigner.generate, composite.halves)
    signer = CompositeSigner(composite, post_quantum, traditional)
    authority = site.pki.authority(_COMPOSITE, "composite")
    asked = IssueRequest(_request(signer), _SIGNER, "1", template="firmware")
    leaf = x509.load_der_x509_certificate(authority.issue(asked).certificate)
    rules = PathRules(site.clock.now())
    still = validate_path(leaf, authority.chain[:1], authority.chain[1:], rules)
    message = b"firmware 2.0"
    bound = composite.bound(message)
    other = SoftwareSigner.generate(composite.halves[0])  # the half it does not have
    forged = other.sign(bound, composite.label) + traditional.sign(bound)
    believed = signer.public_key.verify(message, forged)
    reissued = len(authority.certificates()) - 1
    return Finding(
        still.ok and not believed and reissued == 0,
        f"With the ECDSA half in other hands {int(believed)} of 1 forged signatures was believed; "
        f"{reissued} certificates had to be issued anew.",
        2,
        {"forgeries_believed": float(believed), "certificates_reissued": float(reissued)},
    )


def _request(signer: CompositeSigner) -> bytes:
    """A PKCS #10 request of a composite key, which no library writes."""
    version, no_attributes = der.integer(0), der.tlv(0xA0)
    body = der.sequence(version, common_name(_SIGNER), signer.public_key.info, no_attributes)
    return signed(body, signer.public_key.algorithm, signer.sign(body))


async def _module_compromised(site: Site) -> Finding:
    """A maker's key module leaks: select, look, revoke and block, renew."""
    devices = [
        Device(f"rsu-{n:02}.drill.invalid", "maker", "1.0", "sound" if n % 3 else "leaky")
        for n in range(12)
    ]
    keys = {device.id: generate_key(site.algorithm) for device in devices}

    def issue(device: str, name: str, key: SigningKey) -> str:
        csr = certification_request(key)
        return site.authority.issue(IssueRequest(csr, device, f"{name}/{device}")).serial

    serials = {device.id: issue(device.id, "first", keys[device.id]) for device in devices}
    leaky = [device for device in devices if device.module == "leaky"]
    found = affected(site.pki.store, site.authority.name, leaky, site.clock.now())
    revoked = revoke_affected(site.authority, found)
    in_force = {one.serial for one in site.authority.certificates()}
    blocked = renewed = 0
    for device in leaky:
        try:
            issue(device.id, "again", keys[device.id])
        except RoadsealError as error:
            blocked += error.code == "pki-key-blocked"
        renewed += bool(issue(device.id, "incident", generate_key(site.algorithm)))
    wrong = [one for one in devices if (serials[one.id] in in_force) is (one in leaky)]
    return Finding(
        len(found) == revoked == blocked == renewed == len(leaky) and not wrong,
        f"The dry run named {len(found)} of {len(devices)} units; {revoked} certificates were "
        f"revoked, {blocked} of their keys refused a new one, {len(wrong)} units were touched "
        f"wrongly; {renewed} got a certificate for a new key.",
        len(devices),
        {
            "named_by_dry_run": float(len(found)),
            "revoked": float(revoked),
            "keys_refused": float(blocked),
            "renewed": float(renewed),
        },
    )


AUTHORITY_OFFLINE: Final = Drill(
    "pki-authority-offline",
    "Authority of the wire offline",
    f"The authority does not answer for 9 and for 16 days while a certificate of "
    f"{LIFE_S // DAY_S} days falls due for renewal.",
    "Nothing is refused for a third of a life; what ends then is refused as expired, and renews "
    "itself once the authority is back.",
    played(_authority_offline),
)
EXPIRED: Final = Drill(
    "pki-expired",
    "Certificate expired on the unit",
    "A unit sleeps past the end of its certificate, once within its grace and once beyond.",
    "An expired certificate opens no session, renews itself once within the grace and never "
    "beyond it.",
    played(_expired),
)
REVOKED: Final = Drill(
    "pki-revoked",
    "Unit revoked on the wire",
    "A unit's certificate is revoked and its key blocked; three of four relying parties get the "
    f"list pushed, the others poll every {POLL_S:g} s ± 10 %.",
    "99 of 100 relying parties refuse the unit within 60 s, no old list changes that, and the unit "
    "gets no further certificate.",
    played(_revoked),
)
ROOT_ROLLOVER: Final = Drill(
    "pki-root-rollover",
    "Root rollover",
    "The root is replaced: trust first, then certificates, then the old root goes.",
    "A session opens at every step; the wrong order would have refused one.",
    played(_root_rollover),
)
WRONG_CLOCK: Final = Drill(
    "pki-wrong-clock",
    "Wrong clock on the unit",
    "A unit without GNSS starts with a clock 40 days behind while its renewal is due.",
    "The time of the last signed status list is the floor; the unit renews.",
    played(_wrong_clock),
)
COMPONENT_BROKEN: Final = Drill(
    "pki-component-broken",
    "One half of a composite broken",
    "Somebody computes the ECDSA key of a composite ML-DSA and ECDSA signer.",
    "No signature of theirs is believed, certificates stay good, and nothing is issued anew.",
    played(_component_broken),
)
MODULE_COMPROMISED: Final = Drill(
    "pki-module-compromised",
    "Key module compromised",
    "The key module of a third of the units gives up its keys.",
    "The dry run names exactly those; they are revoked, their keys blocked, and they renew with "
    "new ones.",
    played(_module_compromised),
)
