"""Enrolment over real TLS: our client on post-quantum TLS, curl and openssl on classical TLS."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, ManualClock, SystemClock, Time64, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net import HttpClient, Reason, Request, Side, TlsContext, serve_http, tls_profile
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.est.service import EstPolicy, EstService
from roadseal.operate.pki.keys import SigningKey, generate_key
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.tls_identity import certification_request, issue_identity, tls_identity
from roadseal.pilot.identities import handshake
from roadseal.store import open_store

NOW = parse_instant("2026-11-26T09:00:00")
LIFE_S = 10 * DAY_S


@dataclass
class Site:
    """An authority, its enrolments, and an EST server on loopback."""

    authority: Authority
    enrolments: Enrolments
    clock: ManualClock
    log: EventLog
    algorithm: str
    port: int = 0

    def client(
        self, key: SigningKey | None = None, certificate: x509.Certificate | None = None
    ) -> HttpClient:
        """A client without a certificate, or with one."""
        chain = self.authority.chain[:-1]
        mine = [tls_identity(key, certificate, chain)] if key and certificate else []
        profile = tls_profile(self.authority.profile)
        roots = self.authority.chain[-1:]
        context = TlsContext(Side.CLIENT, profile, mine, roots, anonymous=not mine)
        return HttpClient("127.0.0.1", self.port, context, clock=self.clock, expect=["est.example"])

    def invite(self, identity: str) -> str:
        """A secret for a week."""
        return self.enrolments.invite(
            identity, Time64(self.clock.now() + 7 * DAY_S * MICROSECONDS_PER_SECOND)
        )


@asynccontextmanager
async def site(
    folder: Path, profile: str = "hybrid-2026", algorithm: str = "ml-dsa-65"
) -> AsyncIterator[Site]:
    clock, log = ManualClock(NOW), EventLog()
    if profile == "classical-2016":  # curl has no clock of ours
        clock = ManualClock(SystemClock().now())
    store = open_store(folder / "pki.db", SCHEMA)
    common = {
        "algorithm": algorithm,
        "passphrase": b"correct horse",
        "profile": load_profile(profile),
        "clock": clock,
        "emit": log,
    }
    root = Authority.create(store, "root", **common)
    authority = Authority.create(store, "issuing", parent=root, **common)
    server = issue_identity(
        authority, "est.example", algorithm=algorithm, template="server", life_s=400 * DAY_S
    )
    enrolments = Enrolments(store, "issuing")
    service = EstService(
        authority, enrolments, clock=clock, emit=log, policy=EstPolicy(life_s=LIFE_S)
    )
    context = TlsContext(
        Side.SERVER,
        tls_profile(authority.profile),
        [server],
        authority.chain[-1:],
        anonymous=True,
        leaf_grace_s=7 * DAY_S,
    )
    found = Site(authority, enrolments, clock, log, algorithm)
    running = await serve_http(context, service.handle, clock=clock, emit=log)
    found.port = running.port
    try:
        yield found
    finally:
        await running.close()


def test_a_device_enrols_once_with_a_secret_and_then_with_its_certificate(tmp_path: Path) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            secret = here.invite("rsu-1.example")
            first = generate_key("ml-dsa-65")
            async with here.client() as http:
                est = EstClient(http)
                assert set(await est.authorities()) == set(here.authority.chain)
                assert await est.accepted_keys() == ["ml-dsa-65", "ecdsa-p256"]
                csr = certification_request(first, "rsu-1.example")
                certificate = await est.enrol(csr, "rsu-1.example", secret)
                assert await est.enrol(csr, "rsu-1.example", secret) == certificate  # answer lost
                other = certification_request(generate_key("ml-dsa-65"))
                with pytest.raises(RoadsealError, match="401"):
                    await est.enrol(other, "rsu-1.example", secret)
            assert certificate.public_key() == first.public_key()
            here.clock.advance(7 * DAY_S)
            second = generate_key("ml-dsa-65")
            async with here.client(first, certificate) as http:
                renewed = await EstClient(http).renew(certification_request(second))
            assert renewed.subject == certificate.subject
            assert renewed.serial_number != certificate.serial_number
            refused = [event for event in here.log.events if event.kind == "est.refused"]
            assert [event.facts["reason"] for event in refused] == ["est-credential"]

    asyncio.run(go())


def test_nobody_enrols_for_another(tmp_path: Path) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            secret = here.invite("rsu-1.example")
            key = generate_key("ml-dsa-65")
            async with here.client() as http:
                est = EstClient(http)
                forged = certification_request(key, "centre.example")
                with pytest.raises(RoadsealError, match="403: est-identity"):
                    await est.enrol(forged, "rsu-1.example", secret)
                with pytest.raises(RoadsealError, match="401"):
                    await est.enrol(certification_request(key), "rsu-2.example", secret)
                with pytest.raises(RoadsealError, match="401"):
                    await est.renew(certification_request(key))  # without a certificate

    asyncio.run(go())


def test_a_key_outside_the_profile_does_not_spend_the_secret(tmp_path: Path) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            secret = here.invite("rsu-1.example")
            async with here.client() as http:
                est = EstClient(http)
                weak = certification_request(generate_key("ecdsa-p384"))
                with pytest.raises(RoadsealError, match="400: pki-key-profile"):
                    await est.enrol(weak, "rsu-1.example", secret)
                strong = certification_request(generate_key("ml-dsa-65"))
                assert await est.enrol(strong, "rsu-1.example", secret)

    asyncio.run(go())


def test_an_expired_certificate_renews_once_in_grace_and_a_revoked_one_never(
    tmp_path: Path,
) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            key = generate_key("ml-dsa-65")
            secret = here.invite("rsu-1.example")
            async with here.client() as http:
                csr = certification_request(key)
                certificate = await EstClient(http).enrol(csr, "rsu-1.example", secret)
            here.clock.advance(LIFE_S + DAY_S)
            request = certification_request(generate_key("ml-dsa-65"))
            async with here.client(key, certificate) as http:
                renewed = await EstClient(http).renew(request)
                assert await EstClient(http).renew(request) == renewed
                again = certification_request(generate_key("ml-dsa-65"))
                with pytest.raises(RoadsealError, match="403: est-grace"):
                    await EstClient(http).renew(again)
            serial = f"{certificate.serial_number:x}"
            here.authority.revoke(serial, x509.ReasonFlags.key_compromise)
            async with here.client(key, certificate) as http:
                with pytest.raises(RoadsealError, match="403: pki-revoked"):
                    await EstClient(http).renew(request)

    asyncio.run(go())


def test_a_spent_secret_does_not_outlive_the_certificate_it_gave(tmp_path: Path) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            key = generate_key("ml-dsa-65")
            secret = here.invite("rsu-1.example")
            async with here.client() as http:
                est = EstClient(http)
                first = await est.enrol(certification_request(key), "rsu-1.example", secret)
                serial = f"{first.serial_number:x}"
                here.authority.revoke(serial, x509.ReasonFlags.key_compromise)
                with pytest.raises(RoadsealError, match="403: pki-revoked"):
                    await est.enrol(certification_request(key), "rsu-1.example", secret)

    asyncio.run(go())


def test_a_secret_is_for_one_authority(tmp_path: Path) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            other = Enrolments(open_store(tmp_path / "pki.db", SCHEMA), "root")
            secret = other.invite("rsu-1.example", Time64(here.clock.now() + DAY_S * 1_000_000))
            async with here.client() as http:
                with pytest.raises(RoadsealError, match="401"):
                    await EstClient(http).enrol(
                        certification_request(generate_key("ml-dsa-65")), "rsu-1.example", secret
                    )

    asyncio.run(go())


def test_renewal_widens_no_usage(tmp_path: Path) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            key = generate_key("ml-dsa-65")
            issued = here.authority.issue(
                IssueRequest(certification_request(key), "rsu-1.example", "1", template="client")
            )
            certificate = x509.load_der_x509_certificate(issued.certificate)
            async with here.client(key, certificate) as http:
                fresh = certification_request(generate_key("ml-dsa-65"))
                renewed = await EstClient(http).renew(fresh)
            before, after = (
                one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
                for one in (certificate, renewed)
            )
            assert before == after

    asyncio.run(go())


@pytest.mark.parametrize(
    ("method", "target", "kind", "body", "status"),
    [
        ("GET", "/.well-known/est/nothing", "", b"", 404),
        ("GET", "/elsewhere", "", b"", 404),
        ("GET", "/.well-known/est/another-ca/cacerts", "", b"", 404),
        ("GET", "/.well-known/est/issuing/cacerts", "", b"", 200),
        ("POST", "/.well-known/est/cacerts", "", b"", 405),
        ("POST", "/.well-known/est/simpleenroll", "text/plain", b"", 415),
        ("POST", "/.well-known/est/simpleenroll", "application/pkcs10", b"*", 400),
        ("POST", "/.well-known/est/simpleenroll", "application/pkcs10", b"MAA=", 400),
        ("GET", "/.well-known/est/serverkeygen", "", b"", 404),
    ],
)
def test_what_is_no_request_gets_a_status(
    tmp_path: Path, method: str, target: str, kind: str, body: bytes, status: int
) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            service = EstService(here.authority, here.enrolments, clock=here.clock, emit=here.log)
            headers = {"content-type": kind}
            assert (await service.handle(Request(method, target, headers, body))).status == status

    asyncio.run(go())


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_and_openssl_enrol_and_renew(tmp_path: Path) -> None:
    """A second implementation of every part: HTTP, TLS, PKCS #10 and PKCS #7."""

    async def go() -> None:
        async with site(tmp_path, "classical-2016", "ecdsa-p256") as here:
            secret = here.invite("rsu-1.example")
            root = tmp_path / "root.pem"
            root.write_bytes(here.authority.chain[-1].public_bytes(Encoding.PEM))
            request = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            subject = ["-nodes", "-subj", "/CN=rsu-1.example", "-keyout", "key.pem"]

            async def run(*command: str) -> bytes:
                process = await asyncio.create_subprocess_exec(
                    *command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
                out, error = await process.communicate()
                assert process.returncode == 0, error.decode()
                return out

            async def ask(operation: str, *options: str) -> bytes:
                url = f"https://est.example:{here.port}/.well-known/est/{operation}"
                to = ["--resolve", f"est.example:{here.port}:127.0.0.1", "--cacert", "root.pem"]
                body = await run("curl", "-sS", "--fail-with-body", *to, *options, url)
                (tmp_path / "answer.b64").write_bytes(body)
                await run("openssl", "base64", "-d", "-in", "answer.b64", "-out", "answer.p7")
                return await run(
                    "openssl", "pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs"
                )

            assert (await ask("cacerts")).count(b"BEGIN CERTIFICATE") == 2
            post = ["-H", "Content-Type: application/pkcs10", "--data-binary", "@csr.b64"]
            await run("openssl", *request, *subject, "-outform", "DER", "-out", "csr.der")
            await run("openssl", "base64", "-in", "csr.der", "-out", "csr.b64")
            issued = await ask("simpleenroll", "-u", f"rsu-1.example:{secret}", *post)
            issuing = here.authority.chain[0].public_bytes(Encoding.PEM)
            (tmp_path / "device.pem").write_bytes(issued + issuing)
            (tmp_path / "issuing.pem").write_bytes(issuing)
            verify = ["verify", "-CAfile", "root.pem", "-untrusted", "issuing.pem"]
            assert b"OK" in await run("openssl", *verify, "device.pem")
            old_key = (tmp_path / "key.pem").rename(tmp_path / "old.pem")
            await run("openssl", *request, *subject, "-outform", "DER", "-out", "csr.der")
            await run("openssl", "base64", "-in", "csr.der", "-out", "csr.b64")
            mine = ["--cert", "device.pem", "--key", old_key.name]
            renewed = await ask("simplereenroll", *mine, *post)
            assert x509.load_pem_x509_certificate(renewed) != x509.load_pem_x509_certificate(issued)

    asyncio.run(go())


def test_who_expects_a_name_admits_nobody_without_one(tmp_path: Path) -> None:
    """`anonymous` does not overrule `expect`, and grace is a server's."""

    async def go() -> None:
        async with site(tmp_path) as here:
            profile, roots = tls_profile(here.authority.profile), here.authority.chain[-1:]
            own = issue_identity(here.authority, "est.example", algorithm="ml-dsa-65")
            server = TlsContext(Side.SERVER, profile, [own], roots, anonymous=True)
            client = TlsContext(
                Side.CLIENT, profile, [], roots, anonymous=True, leaf_grace_s=400 * DAY_S
            )
            refused = handshake(
                client, server, here.clock, centre="est.example", units=["rsu-1.example"]
            )
            assert refused is not None
            assert refused.reason is Reason.NO_CERTIFICATE
            here.clock.advance(40 * DAY_S)
            anybody = client.session(at=here.clock.now(), expect=["est.example"])
            peer = server.session(at=here.clock.now())
            while (out := anybody.outgoing()) or (back := peer.outgoing()):
                if out:
                    peer.receive(out)
                else:
                    anybody.receive(back)
            assert anybody.refusal is not None
            assert anybody.refusal.reason is Reason.EXPIRED

    asyncio.run(go())


def test_who_serves_others_still_asks_for_a_certificate() -> None:
    """`anonymous` opens only the end that says so."""
    with pytest.raises(RoadsealError, match="has no use for the identities"):
        TlsContext(Side.CLIENT, tls_profile(load_profile("hybrid-2026")), [], [])
