"""First enrolment with a manufacturer's certificate; what is declined; clients of others."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from test_est import Site, site

from roadseal.clock import to_datetime
from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Request, Side, TlsContext, serve_http, tls_profile
from roadseal.operate.pki.der import SET, integer, object_identifier, sequence, tlv
from roadseal.operate.pki.est.client import EstClient
from roadseal.operate.pki.est.makers import Makers, read_made
from roadseal.operate.pki.est.messages import (
    encode_body,
    encode_csr_attributes,
    read_csr_attributes,
)
from roadseal.operate.pki.est.service import EstPolicy, EstService
from roadseal.operate.pki.keys import SigningKey, generate_key
from roadseal.operate.pki.public_key import KEY_IDENTIFIERS
from roadseal.operate.pki.request import read_request
from roadseal.operate.pki.tls_identity import certification_request, issue_identity, tls_identity
from roadseal.store import open_store

FOREVER = datetime(9999, 12, 31, 23, 59, 59)
NAME = "rsu-1.example"


class Maker:
    """A manufacturer with a root and a factory's authority under it."""

    def __init__(self, site_: Site, name: str = "Acme") -> None:
        self.now = to_datetime(site_.clock.now())
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.factory_key = ec.generate_private_key(ec.SECP256R1())
        root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} Root")])
        factory = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} Factory")])
        self.root = self._certify(root, self.key.public_key(), root, self.key, is_ca=True)
        public = self.factory_key.public_key()
        self.factory = self._certify(factory, public, root, self.key, is_ca=True)

    def device(
        self, serial: str, *, is_ca: bool = False, end: datetime = FOREVER
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")]
        if serial:
            names.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
        issuer, signer = self.factory.subject, self.factory_key
        made = self._certify(
            x509.Name(names), key.public_key(), issuer, signer, is_ca=is_ca, end=end
        )
        return key, made

    def _certify(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        issuer: x509.Name,
        signer: ec.EllipticCurvePrivateKey,
        *,
        is_ca: bool,
        end: datetime = FOREVER,
    ) -> x509.Certificate:
        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now.replace(year=self.now.year - 1, microsecond=0))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not is_ca, key_cert_sign=is_ca, **usage),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority, critical=False)
            .sign(signer, hashes.SHA256())
        )


@asynccontextmanager
async def factory_site(
    tmp_path: Path, profile: str = "hybrid-2026", name: str = "est.example"
) -> AsyncIterator[tuple[Site, Maker, Makers]]:
    """An EST server that trusts a maker for one device."""
    algorithm = "ecdsa-p256" if profile == "classical-2016" else "ml-dsa-65"
    async with site(tmp_path, profile, algorithm) as here:
        maker = Maker(here)
        makers = Makers(open_store(tmp_path / "pki.db"), here.authority.name)
        makers.trust(maker.root, {"SN-0001": NAME})
        service = EstService(
            here.authority,
            here.enrolments,
            clock=here.clock,
            emit=here.log,
            policy=EstPolicy(),
            makers=makers,
        )
        own = issue_identity(here.authority, name, algorithm=algorithm, template="server")
        roots = [here.authority.chain[-1], *makers.roots()]
        context = TlsContext(
            Side.SERVER, tls_profile(here.authority.profile), [own], roots, anonymous=True
        )
        running = await serve_http(context, service.handle, clock=here.clock, emit=here.log)
        here.port = running.port
        try:
            yield here, maker, makers
        finally:
            await running.close()


def client(
    here: Site, key: SigningKey, certificate: x509.Certificate, *chain: x509.Certificate
) -> HttpClient:
    mine = [tls_identity(key, certificate, chain)]
    roots = here.authority.chain[-1:]
    context = TlsContext(Side.CLIENT, tls_profile(here.authority.profile), mine, roots)
    return HttpClient("127.0.0.1", here.port, context, clock=here.clock, expect=["est.example"])


def test_a_device_that_is_expected_enrols_with_what_its_maker_gave_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with factory_site(tmp_path) as (here, maker, makers):
            born, idevid = maker.device("SN-0001")
            key = generate_key("ml-dsa-65")
            csr = certification_request(key)
            async with client(here, born, idevid, maker.factory) as http:
                est = EstClient(http)
                certificate = await est.enrol(csr, "ignored", "ignored")
                assert await est.enrol(csr, "", "") == certificate  # the answer was lost
                with pytest.raises(RoadsealError, match=r"403: est-maker.*another key"):
                    await est.enrol(certification_request(generate_key("ml-dsa-65")), "", "")
                with pytest.raises(RoadsealError, match="401"):
                    await est.renew(csr)  # nothing of ours to renew
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            assert names.value.get_values_for_type(x509.DNSName) == [NAME]
            async with here.client(key, certificate) as http:
                renewed = await EstClient(http).renew(
                    certification_request(generate_key("ml-dsa-65"))
                )
            assert renewed.subject == certificate.subject
            makers.trust(maker.root, {"SN-0001": NAME})  # listed again: it was reset
            fresh = certification_request(generate_key("ml-dsa-65"))
            async with client(here, born, idevid, maker.factory) as http:
                assert await EstClient(http).enrol(fresh, "", "") != certificate

    asyncio.run(go())


@pytest.mark.parametrize(
    ("serial", "why"),
    [
        ("SN-0002", "not expected"),
        ("sn-0001", "not expected"),
        ("", "no serial number"),
    ],
)
def test_whom_nobody_expects_gets_nothing_whatever_its_maker_signed(
    tmp_path: Path, serial: str, why: str
) -> None:
    async def go() -> None:
        async with factory_site(tmp_path) as (here, maker, _):
            born, idevid = maker.device(serial)
            csr = certification_request(generate_key("ml-dsa-65"))
            async with client(here, born, idevid, maker.factory) as http:
                with pytest.raises(RoadsealError, match=f"403: est-maker.*{why}"):
                    await EstClient(http).enrol(csr, "", "")

    asyncio.run(go())


def test_an_authority_of_the_maker_is_no_device(tmp_path: Path) -> None:
    async def go() -> None:
        async with factory_site(tmp_path) as (here, maker, makers):
            key, _ = read_request(certification_request(generate_key("ml-dsa-65")))
            now = here.clock.now()
            _, forged = maker.device("SN-0001", is_ca=True)
            with pytest.raises(RoadsealError, match="an authority's"):
                makers.recognise((forged, maker.factory, maker.root), key, now)
            _, device = maker.device("SN-0001")
            with pytest.raises(RoadsealError, match="does not hold"):
                makers.recognise((device, maker.root), key, now)  # not by the root itself
            assert makers.recognise((device, maker.factory, maker.root), key, now).identity == NAME

    asyncio.run(go())


def test_another_maker_and_an_expired_certificate_get_no_session(tmp_path: Path) -> None:
    async def go() -> None:
        async with factory_site(tmp_path) as (here, maker, _):
            other = Maker(here)  # the same names, other keys
            past = maker.now.replace(tzinfo=None, microsecond=0)
            csr = certification_request(generate_key("ml-dsa-65"))
            for one, (born, idevid) in (
                (other, other.device("SN-0001")),
                (maker, maker.device("SN-0001", end=past.replace(day=1))),
            ):
                async with client(here, born, idevid, one.factory) as http:
                    with pytest.raises(RoadsealError):
                        await EstClient(http).enrol(csr, "", "")
            await asyncio.sleep(0.3)  # the server tells after it has hung up
            refused = [one.facts for one in here.log.events if one.kind == "tls.refused"]
            assert len(refused) == 2, refused

    asyncio.run(go())


def test_a_list_of_deliveries_says_where_it_is_wrong() -> None:
    assert read_made("serial,identity\n1,a\n2,b\n", "x") == {"1": "a", "2": "b"}
    for text, line in (
        ("serial\n1\n", 1),
        ("serial,identity\n1,\n", 2),
        ("serial,identity\n1,a\n1,b\n", 3),
        ("serial,identity\n1,a\n2,a\n", 3),
        (f"serial,identity\n{'9' * 65},a\n", 2),
        ("serial,identity\n\x071,a\n", 2),
    ):
        with pytest.raises(RoadsealError, match=f"x:{line} "):
            read_made(text, "x")


@pytest.mark.parametrize("operation", ["serverkeygen", "fullcmc"])
def test_optional_operations_are_declined_with_the_way_to_go(
    tmp_path: Path, operation: str
) -> None:
    async def go() -> None:
        async with site(tmp_path) as here:
            service = EstService(here.authority, here.enrolments, clock=here.clock, emit=here.log)
            response = await service.handle(Request("POST", f"/.well-known/est/{operation}"))
            assert response.status == 501
            assert b"simpleenroll" in response.body

    asyncio.run(go())


def test_the_attributes_have_the_template_of_rfc_9908() -> None:
    """Read by somebody else's module of that document."""
    decoder = pytest.importorskip("pyasn1.codec.der.decoder")
    rfc7030 = pytest.importorskip("pyasn1_alt_modules.rfc7030")
    rfc9908 = pytest.importorskip("pyasn1_alt_modules.rfc9908")
    encoded = encode_csr_attributes(["ml-dsa-65", "ecdsa-p256"])
    found, rest = decoder.decode(encoded, asn1Spec=rfc7030.CsrAttrs())
    assert not rest
    assert str(found[0]["oid"]) == "2.16.840.1.101.3.4.3.18"
    assert str(found[1]["attribute"]["attrType"]) == "1.2.840.10045.2.1"
    attribute = found[2]["attribute"]
    assert attribute["attrType"] == rfc9908.id_aa_certificationRequestInfoTemplate
    template, rest = decoder.decode(
        attribute["attrValues"][0], asn1Spec=rfc9908.CertificationRequestInfoTemplate()
    )
    assert not rest
    assert str(template["subjectPKInfo"]["algorithm"]["algorithm"]) == "2.16.840.1.101.3.4.3.18"
    assert not template["subjectPKInfo"]["subjectPublicKey"].isValue
    assert not template["subject"].isValue
    assert read_csr_attributes(encode_body(encoded)) == ["ml-dsa-65", "ecdsa-p256"]


def test_a_template_counts_before_the_list() -> None:
    template = sequence(integer(0), tlv(0xA0, KEY_IDENTIFIERS["ecdsa-p384"]), tlv(0xA1))
    attribute = sequence(object_identifier("1.2.840.113549.1.9.16.2.61"), tlv(SET, template))
    listed = object_identifier("2.16.840.1.101.3.4.3.18")
    body = encode_body(sequence(listed, attribute))
    assert read_csr_attributes(body) == ["ecdsa-p384", "ml-dsa-65"]
    for broken in (
        sequence(sequence(object_identifier("1.2.840.113549.1.9.16.2.61"))),
        sequence(sequence(object_identifier("1.2.840.113549.1.9.16.2.61"), tlv(SET))),
        sequence(sequence(object_identifier("1.2.840.113549.1.9.16.2.61"), tlv(SET, b"\x30\x7f"))),
    ):
        with pytest.raises(RoadsealError, match="attributes cannot be read"):
            read_csr_attributes(encode_body(broken))


@pytest.fixture(scope="module")
def estclient(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Somebody else's EST client, in Go, built once."""
    if found := shutil.which("estclient"):
        return found
    if not os.environ.get("ROADSEAL_INTEROP") or not shutil.which("go"):
        pytest.skip("no estclient here: set ROADSEAL_INTEROP=1 where Go is installed")
    folder = tmp_path_factory.mktemp("estclient")
    (folder / "go.mod").write_text(
        "module peer\ngo 1.21\nrequire github.com/globalsign/est v1.0.6\n"
    )
    built = subprocess.run(
        ["go", "build", "-mod=mod", "-o", "estclient", "github.com/globalsign/est/cmd/estclient"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"go cannot build estclient: {built.stderr[-200:]}")
    return str(folder / "estclient")


def test_a_go_client_enrols_with_secret_and_with_its_makers_certificate(
    tmp_path: Path, estclient: str
) -> None:
    async def go() -> None:
        async with factory_site(tmp_path, "classical-2016", "localhost") as (here, maker, _):
            (tmp_path / "root.pem").write_bytes(here.authority.chain[-1].public_bytes(Encoding.PEM))

            async def ask(command: str, *options: str) -> bytes:
                process = await asyncio.create_subprocess_exec(
                    estclient,
                    command,
                    *("-server", f"localhost:{here.port}", "-explicit", "root.pem"),
                    *options,
                    cwd=tmp_path,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                out, error = await process.communicate()
                assert process.returncode == 0, error.decode()
                return out

            def keep(name: str, key: SigningKey, *chain: x509.Certificate) -> list[str]:
                encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                (tmp_path / f"{name}.key").write_bytes(encoded)
                whole = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
                (tmp_path / f"{name}.pem").write_bytes(whole)
                return ["-key", f"{name}.key", "-certs", f"{name}.pem"]

            def request(name: str) -> tuple[SigningKey, list[str]]:
                key = generate_key("ecdsa-p256")
                csr = x509.load_der_x509_csr(certification_request(key))
                (tmp_path / f"{name}.csr").write_bytes(csr.public_bytes(Encoding.PEM))
                return key, ["-csr", f"{name}.csr"]

            assert (await ask("cacerts")).count(b"BEGIN CERTIFICATE") == 2
            assert await ask("csrattrs")
            key, csr = request("first")
            first = await ask(
                "enroll", "-user", "rsu-2.example", "-pass", here.invite("rsu-2.example"), *csr
            )
            leaf = x509.load_pem_x509_certificate(first)
            mine = keep("first", key, leaf, here.authority.chain[0])
            _, csr = request("second")
            renewed = x509.load_pem_x509_certificate(await ask("reenroll", *mine, *csr))
            assert renewed.subject == leaf.subject
            assert renewed.serial_number != leaf.serial_number
            born, idevid = maker.device("SN-0001")
            mine = keep("born", born, idevid, maker.factory)
            _, csr = request("third")
            made = x509.load_pem_x509_certificate(await ask("enroll", *mine, *csr))
            assert made.subject.rfc4514_string() == f"CN={NAME}"

    asyncio.run(go())
