"""Peers that are not ours: Debian's openssl, the standard library's ssl, Go, a plain pyOpenSSL."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL, crypto

from roadseal.clock import SystemClock
from roadseal.events import EventLog
from roadseal.net import (
    CLASSICAL,
    HYBRID,
    HYBRID_TRANSITION,
    PQC,
    Authority,
    Side,
    TlsContext,
    connect,
    serve,
)

ECDSA, ML_DSA = "ecdsa_secp256r1_sha256", "mldsa65"
CENTRE, UNIT = "centre.example", "rsu.example"
CLOCK = SystemClock()  # foreign peers know no other time than the machine's

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")
needs_go = pytest.mark.skipif(
    shutil.which("go") is None or "ROADSEAL_INTEROP" not in os.environ,
    reason="needs go 1.24 and ROADSEAL_INTEROP=1: the first build takes a minute",
)


class Place:
    """Identities of today and their files, as a foreign peer wants them."""

    def __init__(self, folder: Path):
        now = CLOCK.now()
        self.folder = folder
        self.roots = {
            each: Authority.root(each, f"root {each}", now=now) for each in (ECDSA, ML_DSA)
        }
        self.issuers = {
            each: root.intermediate("issuer", now=now) for each, root in self.roots.items()
        }
        self.anchors = [root.certificate for root in self.roots.values()]

    def identity(self, algorithm, name):
        return self.issuers[algorithm].issue(name, now=CLOCK.now())

    def context(self, side, profile, name):
        own = [self.identity(each, name) for each in profile.certificate_algorithms]
        return TlsContext(side, profile, own, self.anchors)

    def files(self, name, algorithm=ECDSA):
        """Write chain.pem, key.pem, root.pem for a foreign peer."""
        identity = self.identity(algorithm, name)
        chain = (identity.certificate, *identity.chain)
        (self.folder / "chain.pem").write_bytes(
            b"".join(c.public_bytes(Encoding.PEM) for c in chain)
        )
        (self.folder / "key.pem").write_bytes(
            identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (self.folder / "root.pem").write_bytes(
            self.roots[algorithm].certificate.public_bytes(Encoding.PEM)
        )
        return self.folder


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


class Served:
    """Our server, echoing, with its events."""

    def __init__(self, place, profile):
        self.place, self.profile, self.log = place, profile, EventLog()

    async def __aenter__(self):
        async def echo(stream):
            while (message := await stream.receive()) is not None:
                await stream.send(message)

        context = self.place.context(Side.SERVER, self.profile, CENTRE)
        self.server = await serve(context, echo, clock=CLOCK, expect=[UNIT], emit=self.log)
        return self

    async def __aexit__(self, *_):
        await self.server.close()

    def facts(self, kind):
        return [event.facts for event in self.log.events if event.kind == kind]


async def told(*command, said=b""):
    """Run a foreign peer; return its output, or stop it after 20 s."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=-1, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate(said)
    except TimeoutError:
        process.kill()
        raise
    return output.decode(errors="replace")


def s_client(place, port, *more):
    pem = place.files(UNIT)
    return [
        *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3"),
        *("-cert", pem / "chain.pem", "-cert_chain", pem / "chain.pem", "-key", pem / "key.pem"),
        *("-CAfile", pem / "root.pem", "-verify_return_error", "-verify_hostname", CENTRE, *more),
    ]


@needs_openssl
@pytest.mark.parametrize("profile", [CLASSICAL, HYBRID_TRANSITION], ids=lambda p: p.name)
def test_debian_s_client_is_served_classically(place, profile):
    async def run():
        async with Served(place, profile) as served:
            output = await told(*s_client(place, served.server.port))
            return output, served.facts("tls.opened")

    output, opened = asyncio.run(run())
    assert "Verification: OK" in output
    assert [(f["group"], f["server_signature"]) for f in opened] == [("X25519", ECDSA)]


@needs_openssl
@pytest.mark.parametrize("profile", [PQC, HYBRID], ids=lambda p: p.name)
def test_debian_s_client_is_refused_where_a_pq_group_is_required(place, profile):
    async def run():
        async with Served(place, profile) as served:
            output = await told(*s_client(place, served.server.port))
            async with asyncio.timeout(3):
                while not served.log.events:
                    await asyncio.sleep(0.01)
            return output, served.facts("tls.refused"), served.facts("tls.opened")

    output, refused, opened = asyncio.run(run())
    assert "handshake failure" in output
    assert [facts["reason"] for facts in refused] == ["no_common_group"]
    assert opened == []


@needs_openssl
def test_our_client_talks_to_debian_s_server(place):
    async def run():
        pem = place.files(CENTRE)
        process = await asyncio.create_subprocess_exec(
            *("openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-naccept", "1", "-rev"),
            *(
                "-cert",
                pem / "chain.pem",
                "-cert_chain",
                pem / "chain.pem",
                "-key",
                pem / "key.pem",
            ),
            *("-CAfile", pem / "root.pem", "-Verify", "3", "-verify_return_error"),
            stdin=-1,
            stdout=-1,
            stderr=-1,
        )
        try:
            async with asyncio.timeout(10):
                while b"ACCEPT" not in (line := await process.stdout.readline()):
                    assert line, (await process.stderr.read()).decode()
                port = int(line.rsplit(b":", 1)[1])
                stream = await connect(
                    "127.0.0.1",
                    port,
                    place.context(Side.CLIENT, CLASSICAL, UNIT),
                    expect=[CENTRE],
                    clock=CLOCK,
                )
                stream.session.send(b"lasrever\n")  # -rev answers each line reversed, unframed
                await stream._flush()
                answer = b""
                while len(answer) < 9:
                    answer += stream.session.receive(await stream._reader.read(4096))
                await stream.close()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        return stream.negotiated, answer

    negotiated, answer = asyncio.run(run())
    assert (negotiated.group, negotiated.server_signature) == ("X25519", ECDSA)
    assert answer == b"reversal\n"


@pytest.mark.parametrize(("profile", "served_"), [(HYBRID_TRANSITION, True), (HYBRID, False)])
def test_the_standard_librarys_ssl_is_a_legacy_peer(place, profile, served_):
    async def run():
        context = ssl.create_default_context(cafile=place.files(UNIT) / "root.pem")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(place.folder / "chain.pem", place.folder / "key.pem")
        async with Served(place, profile) as served:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", served.server.port, ssl=context, server_hostname=CENTRE
                )
            except ssl.SSLError:
                return None
            writer.write(b"\0\0\0\x03abc")
            answer = await reader.readexactly(7)
            writer.close()
            return answer, served.facts("tls.opened")[0]["group"]

    expected = (b"\0\0\0\x03abc", "X25519") if served_ else None
    if ssl.OPENSSL_VERSION_INFO >= (3, 5):
        pytest.skip("this Python's ssl knows ML-KEM and is no legacy peer")
    assert asyncio.run(run()) == expected


@pytest.fixture(scope="session")
def go_peer(tmp_path_factory):
    """Build the Go peer once; it uses only Go's standard library."""
    built = tmp_path_factory.mktemp("peer") / "peer"
    source = Path(__file__).parent / "peer"
    environment = os.environ | {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""}

    async def build():
        process = await asyncio.create_subprocess_exec(
            "go", "build", "-o", built, ".", cwd=source, stdout=-1, stderr=-1, env=environment
        )
        _, error = await process.communicate()
        return process.returncode, error.decode()

    code, error = asyncio.run(build())
    if code:
        pytest.skip(f"go cannot build the peer: {error[-200:]}")
    return built


@needs_go
@pytest.mark.parametrize(
    ("profile", "group"), [(HYBRID, "X25519MLKEM768"), (HYBRID_TRANSITION, "X25519")]
)
def test_a_go_client_gets_the_ecdsa_twin(place, go_peer, profile, group):
    """Go has X25519MLKEM768 and no ML-DSA certificates: the peer the twin is for."""

    async def run():
        async with Served(place, profile) as served:
            address = f"127.0.0.1:{served.server.port}"
            output = await told(go_peer, "client", address, CENTRE, group, place.files(UNIT))
            return json.loads(output), served.facts("tls.opened")

    report, opened = asyncio.run(run())
    assert report["Error"] == ""
    assert (report["Version"], report["Group"], report["Answer"]) == ("TLS 1.3", group, "from go")
    assert report["Cipher"] == "TLS_AES_256_GCM_SHA384"
    assert [(f["group"], f["server_signature"]) for f in opened] == [(group, ECDSA)]


@needs_go
@pytest.mark.parametrize(("profile", "group"), [(HYBRID, "X25519"), (PQC, "X25519MLKEM768")])
def test_a_go_client_below_the_profile_is_refused(place, go_peer, profile, group):
    async def run():
        async with Served(place, profile) as served:
            address = f"127.0.0.1:{served.server.port}"
            output = await told(go_peer, "client", address, CENTRE, group, place.files(UNIT))
            async with asyncio.timeout(3):
                while not served.log.events:
                    await asyncio.sleep(0.01)
            return json.loads(output), served.facts("tls.refused")

    report, refused = asyncio.run(run())
    assert "handshake failure" in report["Error"]
    expected = "no_common_group" if profile is HYBRID else "no_common_signature"
    assert [facts["reason"] for facts in refused] == [expected]


@needs_go
def test_our_client_talks_to_a_go_server_with_its_twin(place, go_peer):
    async def run():
        process = await asyncio.create_subprocess_exec(
            *(go_peer, "server", "127.0.0.1:0", CENTRE, "X25519MLKEM768", place.files(CENTRE)),
            stdout=-1,
            stderr=-1,
        )
        async with asyncio.timeout(10):
            port = int(await process.stderr.readline())
            stream = await connect(
                "127.0.0.1",
                port,
                place.context(Side.CLIENT, HYBRID, UNIT),
                expect=[CENTRE],
                clock=CLOCK,
            )
            await stream.send(b"from roadseal")
            answer = await stream.receive()
            await stream.close()
            output, _ = await process.communicate()
        return stream.negotiated, answer, json.loads(output)

    negotiated, answer, report = asyncio.run(run())
    assert answer == b"from roadseal"
    assert report["Group"] == negotiated.group == "X25519MLKEM768"
    assert negotiated.client_signature == negotiated.server_signature == ECDSA


def test_a_plain_pyopenssl_with_its_defaults_speaks_hybrid_ml_dsa(place):
    """Nothing of ours on the other side but the bundled OpenSSL and its default parameters."""
    identity = place.identity(ML_DSA, UNIT)
    context = SSL.Context(SSL.TLS_METHOD)
    der = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    context.use_certificate(identity.certificate)
    for certificate in identity.chain:
        context.add_extra_chain_cert(certificate)
    with pytest.warns(DeprecationWarning, match="PKey"):
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_ASN1, der))
    context.get_cert_store().add_cert(
        crypto.X509.from_cryptography(place.roots[ML_DSA].certificate)
    )
    context.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[-1]))
    plain = SSL.Connection(context, None)
    plain.set_connect_state()
    ours = place.context(Side.SERVER, HYBRID, CENTRE).session(at=CLOCK.now(), expect=[UNIT])
    for _ in range(4):
        with suppress(SSL.WantReadError):
            plain.do_handshake()
        with suppress(SSL.WantReadError):
            ours.receive(plain.bio_read(65536))
        if ours.negotiated:
            break
        plain.bio_write(ours.outgoing())
    assert ours.negotiated.group == plain.get_group_name() == "X25519MLKEM768"
    assert ours.negotiated.client_signature == ours.negotiated.server_signature == ML_DSA
