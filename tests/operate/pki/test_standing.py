"""What relying parties know of revocation, how old it is, and what they make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography import x509

from roadseal.clock import ManualClock, Time64, parse_instant
from roadseal.crypto import load_profile
from roadseal.events import EventLog
from roadseal.net import HttpClient, Request, Side, TlsContext, serve_http, tls_profile
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.path.validation import PathReason, PathRules, validate_path
from roadseal.operate.pki.standing import TIERS, State, StatusKeeper, Taken
from roadseal.operate.pki.status_service import (
    StatusListener,
    StatusService,
    poll_status,
    push_status,
)
from roadseal.operate.pki.tls_identity import certification_request, issue_identity
from roadseal.store import open_store

NOW = parse_instant("2026-11-26T09:00:00")
SECOND_US = 1_000_000


class Here:
    """An authority with one device, and somebody who relies on it."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.authority = Authority.create(
            open_store(folder / "pki.db", SCHEMA),
            "root",
            algorithm="ml-dsa-65",
            passphrase=b"x",
            profile=load_profile("hybrid-2026"),
            clock=self.clock,
            emit=EventLog(),
        )
        self.leaf, self.serial = self.issue("1")
        self.keeper = StatusKeeper({"root": self.authority.public_key})

    def issue(self, key: str) -> tuple[x509.Certificate, str]:
        csr = certification_request(generate_key("ml-dsa-65"))
        issued = self.authority.issue(IssueRequest(csr, f"rsu-{key}.example", key))
        return x509.load_der_x509_certificate(issued.certificate), issued.serial

    def reason(self, tier: str = "T1") -> PathReason:
        rules = PathRules(self.clock.now(), status=self.keeper, tier=TIERS[tier])
        return validate_path(self.leaf, [], self.authority.chain, rules).reason


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_a_revoked_certificate_is_refused_once_the_list_is_there(here: Here) -> None:
    assert here.keeper.take("root", here.authority.publish_status()) is Taken.NEWER
    assert here.reason() is PathReason.OK
    here.authority.revoke(here.serial, x509.ReasonFlags.key_compromise)
    assert here.keeper.take("root", here.authority.publish_status()) is Taken.NEWER
    assert here.reason() is PathReason.REVOKED


def test_an_old_list_played_again_unrevokes_nobody(here: Here) -> None:
    old = here.authority.publish_status()
    here.authority.revoke(here.serial, x509.ReasonFlags.key_compromise)
    new = here.authority.publish_status()
    assert here.keeper.take("root", new) is Taken.NEWER
    assert here.keeper.take("root", new) is Taken.SAME
    assert here.keeper.take("root", old) is Taken.OLDER
    assert here.reason() is PathReason.REVOKED
    restarted = StatusKeeper({"root": here.authority.public_key})
    restarted.take("root", here.keeper.encoded["root"])
    assert restarted.take("root", old) is Taken.OLDER


def test_lists_of_others_are_refused(here: Here) -> None:
    encoded = here.authority.publish_status()
    assert here.keeper.take("nobody", encoded) is Taken.REFUSED
    assert here.keeper.take("root", encoded[:-1]) is Taken.REFUSED


def test_a_clock_that_is_behind_does_not_keep_a_revocation_out(here: Here) -> None:
    here.authority.revoke(here.serial, x509.ReasonFlags.key_compromise)
    here.keeper.take("root", here.authority.publish_status())
    early = Time64(NOW - 3_600 * SECOND_US)
    standing = here.keeper.judge(here.leaf, early, TIERS["T1"])
    assert standing.state is State.REVOKED
    young, _ = here.issue("2")
    assert here.keeper.judge(young, early, TIERS["T1"]).age_s == 0


def test_a_list_says_nothing_of_a_namesakes_certificates(here: Here, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    here.keeper.take("root", here.authority.publish_status())
    standing = here.keeper.judge(Here(other).leaf, NOW, TIERS["T1"])
    assert (standing.state, standing.accepted) == (State.UNKNOWN, False)


@pytest.mark.parametrize(
    ("tier", "age_s", "reason", "alarmed"),
    [
        ("T1", 179, PathReason.OK, False),
        ("T1", 181, PathReason.REVOCATION_UNKNOWN, True),
        ("T2", 899, PathReason.OK, False),
        ("T2", 901, PathReason.REVOCATION_UNKNOWN, True),
        ("T3", 3601, PathReason.OK, True),
        ("T4", 3601, PathReason.OK, False),
    ],
)
def test_the_tier_decides_what_stale_means(
    here: Here, tier: str, age_s: int, reason: PathReason, alarmed: bool
) -> None:
    here.keeper.take("root", here.authority.publish_status())
    here.clock.advance(age_s)
    assert here.reason(tier) is reason
    standing = here.keeper.judge(here.leaf, here.clock.now(), TIERS[tier])
    assert standing.age_s == age_s
    assert (standing.alarm is not None) is alarmed


def test_without_any_list_only_lenient_tiers_accept(here: Here) -> None:
    assert here.reason("T1") is PathReason.REVOCATION_UNKNOWN
    assert here.reason("T4") is PathReason.OK


def test_a_certificate_younger_than_the_list_is_unknown_and_accepted_while_it_is_fresh(
    here: Here,
) -> None:
    here.keeper.take("root", here.authority.publish_status())
    young, _ = here.issue("2")
    standing = here.keeper.judge(young, NOW, TIERS["T1"])
    assert (standing.state, standing.accepted) == (State.UNKNOWN, True)
    late = Time64(NOW + 200 * SECOND_US)
    assert not here.keeper.judge(young, late, TIERS["T1"]).accepted


def test_the_list_is_a_floor_for_a_clock_that_went_back(here: Here) -> None:
    here.keeper.take("root", here.authority.publish_status())
    assert here.keeper.not_before(Time64(0)) == NOW
    later = Time64(NOW + 5)
    assert here.keeper.not_before(later) == later


def test_pushed_and_polled_over_post_quantum_tls(here: Here) -> None:
    async def go() -> None:
        profile = tls_profile(here.authority.profile)
        roots = here.authority.chain[-1:]
        names = ("centre.example", "rsu.example")
        centre, rsu = (
            issue_identity(here.authority, name, algorithm="ml-dsa-65") for name in names
        )
        service = StatusService(here.authority, clock=here.clock)
        listener = StatusListener(here.keeper)
        serving = await serve_http(
            TlsContext(Side.SERVER, profile, [centre], roots), service.handle, clock=here.clock
        )
        listening = await serve_http(
            TlsContext(Side.SERVER, profile, [rsu], roots), listener.handle, clock=here.clock
        )

        def client(identity: object, port: int, expect: str) -> HttpClient:
            context = TlsContext(Side.CLIENT, profile, [identity], roots)  # type: ignore[list-item]  # an Identity
            return HttpClient("127.0.0.1", port, context, clock=here.clock, expect=[expect])

        async with (
            client(rsu, serving.port, "centre.example") as poll,
            client(centre, listening.port, "rsu.example") as push,
        ):
            assert await poll_status(poll, "root", here.keeper) is Taken.NEWER
            assert await poll_status(poll, "root", here.keeper) is Taken.SAME
            first = await poll.request("GET", "/status/root")
            tag = {"if-none-match": first.headers["etag"]}
            assert (await poll.request("GET", "/status/root", headers=tag)).status == 304
            here.authority.revoke(here.serial, x509.ReasonFlags.key_compromise)
            assert (await poll.request("GET", "/status/root", headers=tag)).status == 200
            assert await push_status(service.current(), "root", [push]) == {push: "newer"}
            assert here.reason() is PathReason.REVOKED
            assert await push_status(first.body, "root", [push]) == {push: "older"}
        await serving.close()
        await listening.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/status/root", 200),
        ("GET", "/status/other", 404),
        ("GET", "/crl/root.crl", 200),
        ("GET", "/crl/root-1-of-4.crl", 200),
        ("GET", "/crl/root-4-of-4.crl", 404),
        ("GET", "/crl/root-x-of-4.crl", 404),
        ("POST", "/ocsp", 200),
        ("GET", "/ocsp/MAA=", 200),
        ("GET", "/ocsp/*", 200),
        ("GET", "/ocsp/%C3%A9", 200),
        ("GET", f"/crl/root-{'9' * 5000}-of-8.crl", 404),
        ("DELETE", "/status/root", 404),
    ],
)
def test_addresses(here: Here, method: str, target: str, status: int) -> None:
    service = StatusService(here.authority, clock=here.clock)
    assert asyncio.run(service.handle(Request(method, target))).status == status
