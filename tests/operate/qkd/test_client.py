"""The client meets the servers of others: their JSON, their certificates, their mistakes."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import shutil
import ssl
import subprocess
import threading

import pytest

from roadseal.clock import SystemClock
from roadseal.errors import RoadsealError
from roadseal.net import (
    INTEROP,
    HttpClient,
    Response,
    Side,
    TlsContext,
    TlsRefusedError,
    serve_http,
    serve_plain_http,
)
from roadseal.net.pem import load_identity, load_roots
from roadseal.operate.qkd.client import Etsi014Client, Etsi014Error

KEY = bytes(range(32))
ID = "bc490419-7d60-487f-adc1-4ddcc177c139"
CLOCK = SystemClock()


def asked(answer: Response, question):
    """What `question` gets from a server that answers so."""

    async def run():
        async def handle(_request):
            return answer

        server = await serve_plain_http(handle, clock=CLOCK)
        client = Etsi014Client.over(HttpClient("127.0.0.1", server.port, None, clock=CLOCK))
        try:
            return await question(client)
        finally:
            await client.http.close()
            await server.close()

    return asyncio.run(run())


def box(*entries) -> Response:
    return Response(
        200, {"content-type": "application/json"}, json.dumps({"keys": entries}).encode()
    )


def entry(**changes):
    return {"key_ID": ID, "key": base64.b64encode(KEY).decode(), **changes}


def enc(client):
    return client.enc_keys("B", size=256)


@pytest.mark.parametrize(
    "answer",
    [
        box(entry(key_extension=None, key_ID_extension={})),
        box(entry(key_extension=[1], vendor_field="x")),
        box(entry(key_extension="text")),
        box(entry(key=base64.encodebytes(KEY).decode())),  # in lines, as MIME has it
        Response(200, {}, b"\xef\xbb\xbf" + box(entry()).body),  # after a byte order mark
        Response(200, {"content-type": "text/plain"}, b"  " + box(entry()).body + b"\n"),
    ],
)
def test_a_key_is_read_from_dialects_of_the_container(answer) -> None:
    (key,) = asked(answer, enc)
    assert (key.key_id, bytes(key.octets), key.provenance) == (ID, KEY, None)


@pytest.mark.parametrize(
    "answer",
    [
        box(),
        box(entry(), entry()),
        box(entry(), entry(key_ID="0" * 8)),
        box(entry(key="AAAA")),
        box(entry(key="not base64!")),
        box(entry(key="")),
        box(entry(key=None)),
        box(entry(key_ID=7)),
        box("text"),
        Response(200, {}, b'{"keys": null}'),
        Response(200, {}, b"[]"),
        Response(200, {}, b""),
        Response(200, {}, b"<html>"),
        Response(200, {}, b"[" * 100_000),
        Response(200, {}, b'{"keys": [{"key_ID": "\\ud800", "key": "AAAA"}]}'),
    ],
)
def test_what_is_no_container_of_the_keys_asked_for_gives_no_key(answer) -> None:
    with pytest.raises(RoadsealError) as raised:
        asked(answer, enc)
    assert raised.value.code == "qkd-kme-malformed"


@pytest.mark.parametrize(
    ("answer", "message", "details"),
    [
        (Response(401), "not authorised", {}),
        (Response(401, {}, b'{"message": "no such SAE"}'), "no such SAE", {}),
        (
            Response(503, {}, b'{"message": "empty", "details": [{"left": 0}]}'),
            "empty",
            {"left": 0},
        ),
        (Response(400, {}, b'{"message": "no", "details": {"a": 1}}'), "no", {"a": 1}),
        (Response(400, {}, b'{"message": "no", "details": "text"}'), "no", {}),
        (Response(404, {}, b'{"error": "not found"}'), "not found", {}),
        (Response(504, {}, b"<html>Gateway Timeout</html>"), "504.", {}),
        (Response(500, {}, b"\xff\xfe"), "500.", {}),
    ],
)
def test_errors_of_any_form_say_their_status(answer, message, details) -> None:
    with pytest.raises(Etsi014Error) as raised:
        asked(answer, enc)
    assert raised.value.status == answer.status
    assert message in raised.value.message
    assert raised.value.details == details


def test_keys_by_id_come_in_the_order_asked_whatever_the_servers() -> None:
    ids = [ID, ID.replace("b", "0"), ID.replace("b", "1")]
    keys = [bytes([i]) * 32 for i in range(3)]
    entries = [
        entry(key_ID=i.upper(), key=base64.b64encode(k).decode())
        for i, k in zip(ids, keys, strict=True)
    ]
    found = asked(box(*entries[::-1]), lambda client: client.dec_keys("A", ids))
    assert [bytes(key.octets) for key in found] == keys
    with pytest.raises(RoadsealError, match="not one of ETSI"):
        asked(box(*entries[:2]), lambda client: client.dec_keys("A", ids))


# --- TLS as others have it ------------------------------------------------------------------------


def openssl(where, *arguments) -> None:
    subprocess.run(["openssl", *arguments], cwd=where, check=True, capture_output=True, timeout=60)


def certificates(where, key: tuple[str, ...], *, names: str) -> None:
    """A CA and one leaf, as openssl makes them without a configuration file."""
    openssl(where, "req", "-x509", *key, "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=other maker", "-days", "2")  # fmt: skip
    openssl(where, "req", *key, "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr",
            "-subj", "/CN=KME_X")  # fmt: skip
    (where / "ext").write_text(f"subjectAltName={names}\n")
    openssl(where, "x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "leaf.pem", "-days", "1", "-extfile", "ext")  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = box(entry()).body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments) -> None:
        pass


KINDS = {
    "RSA": ("-newkey", "rsa:2048"),
    "P-256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "P-384": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["DNS:kme.example", "IP:127.0.0.1", "URI:urn:kme:x"])
def test_a_server_with_usual_certificates_is_reached_with_the_interop_profile(
    tmp_path, kind, name
) -> None:
    certificates(tmp_path, KINDS[kind], names=name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    identity = load_identity(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    mine = TlsContext(Side.CLIENT, INTEROP, [identity], load_roots(tmp_path / "ca.pem"))

    async def ask(expect):
        port = server.server_address[1]
        async with Etsi014Client("127.0.0.1", port, mine, expect=[expect], clock=CLOCK) as client:
            return await client.enc_keys("B")

    try:
        (key,) = asyncio.run(ask(name.partition(":")[2]))
        assert bytes(key.octets) == KEY
        with pytest.raises(TlsRefusedError, match="identity mismatch"):
            asyncio.run(ask("KME_X"))  # a common name is no name of a server (RFC 9525)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
@pytest.mark.parametrize("kind", KINDS)
def test_clients_with_usual_certificates_are_served_under_the_interop_profile(
    tmp_path, kind
) -> None:
    certificates(tmp_path, KINDS[kind], names="DNS:localhost")
    identity = load_identity(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    context = TlsContext(Side.SERVER, INTEROP, [identity], load_roots(tmp_path / "ca.pem"))

    async def run() -> bytes:
        async def handle(request):
            assert request.peer is not None
            return box(entry(vendor=request.peer.client_signature))

        server = await serve_http(context, handle, clock=CLOCK)
        command = ["curl", "-sSf", "--cacert", "ca.pem", "--cert", "leaf.pem", "--key", "leaf.key"]
        url = f"https://localhost:{server.port}/api/v1/keys/B/enc_keys"
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, url],
            cwd=tmp_path,
            capture_output=True,
            timeout=30,
            check=False,
        )
        await server.close()
        assert done.returncode == 0, done.stderr
        return done.stdout

    (found,) = json.loads(asyncio.run(run()))["keys"]
    assert found["key"] == base64.b64encode(KEY).decode()
    assert found["vendor"].startswith("rsa_pss" if kind == "RSA" else "ecdsa")
