"""Configurations that do without cryptography, and those that everybody has the password of."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from assess_scanning import read

from roadseal.assess.inventory.finding import Finding, Role
from roadseal.assess.register.use import Lane, lane_of

SERVER = "server {{ listen {}; server_name x; {} }}"
HOST = "<VirtualHost {}>\nServerName x\n{}\n</VirtualHost>\n"
HAPROXY = "defaults\n mode {}\nfrontend f\n bind {}\n {}\n default_backend b\n"
BACKEND = "defaults\n mode http\nbackend b\n server one {}\n maxconn 3\n"
BSS = "interface=w\nssid=x\nhw_mode=g\nchannel=1\n"
TUNNEL = "dev tun\nremote rsu.example 1194\nifconfig 10.0.0.1 10.0.0.2\n"
# what is said of plaintext: it counts, it is said and does not count, it is not there
COUNTED, ASIDE, ABSENT = True, False, None
CASES = {
    "nginx.conf": [
        (SERVER.format("80", "root /x;"), COUNTED),
        (SERVER.format("[::]:8080 default_server", ""), COUNTED),
        (SERVER.format("443 ssl http2", ""), ABSENT),
        (SERVER.format("443", "ssl on; ssl_protocols TLSv1.2;"), ABSENT),
        (SERVER.format("443 quic", "ssl_protocols TLSv1.3;"), ABSENT),
        (SERVER.format("80", "return 301 https://$host$request_uri;"), ASIDE),
        (SERVER.format("80", "location / { return 301 https://$host; }"), ASIDE),
        (SERVER.format("80", "location /old { return 301 https://x; }"), COUNTED),
        (SERVER.format("127.0.0.1:80", ""), ASIDE),
        (SERVER.format("unix:/run/x", ""), ASIDE),
        ("http\n{\n  server\n  {\n    listen 80;\n    server_name x;\n  }\n}\n", COUNTED),
        ("http { server { server_name x; root /x; } }", COUNTED),
        ("stream { server { listen 502; proxy_pass plc:502; } }", ASIDE),
        (SERVER.format("443 ssl", "location / { proxy_pass http://10.0.0.9:80/; }"), COUNTED),
        (SERVER.format("443 ssl", "location / { proxy_pass https://10.0.0.9/; }"), ABSENT),
        (SERVER.format("443 ssl", "location / { proxy_pass http://localhost:80; }"), ASIDE),
        (
            "upstream app { server 127.0.0.1:1; server unix:/x; }\n"
            + SERVER.format("443 ssl", "location / { proxy_pass http://app/; }"),
            ASIDE,
        ),
    ],
    "apache2.conf": [
        (HOST.format("*:80", "DocumentRoot /x"), COUNTED),
        (HOST.format("*:443", "SSLEngine on"), ABSENT),
        (HOST.format("*:443", "SSLEngine off"), COUNTED),
        (HOST.format("*:80", "Redirect permanent / https://x/"), ASIDE),
        ("ServerRoot /x\nDocumentRoot /y\nListen 80\n", COUNTED),
        (HOST.format("*:443", "SSLEngine on\nProxyPass / http://10.0.0.9/"), COUNTED),
        (HOST.format("*:443", "SSLEngine on\nProxyPass / http://127.0.0.1/"), ASIDE),
    ],
    "haproxy.cfg": [
        (HAPROXY.format("http", ":80", ""), COUNTED),
        (HAPROXY.format("http", ":80", "stats enable"), COUNTED),
        (HAPROXY.format("http", ":443 ssl crt x.pem", ""), ABSENT),
        (HAPROXY.format("http", ":80", "http-request redirect scheme https"), ASIDE),
        (HAPROXY.format("tcp", ":502", ""), ASIDE),
        (BACKEND.format("10.0.0.9:80 check"), COUNTED),
        (BACKEND.format("10.0.0.9:443 ssl verify required"), ABSENT),
        ("global\n stats socket ipv4@0.0.0.0:9999 level admin\n maxconn 3\n", COUNTED),
    ],
    "mosquitto.conf": [
        ("listener 1883\n", COUNTED),
        ("port 1883\n", COUNTED),
        ("listener 8883\ncafile /x\ntls_version tlsv1.2\n", COUNTED),
        ("listener 8883\ncertfile /x\nkeyfile /y\ntls_version tlsv1.2\n", ABSENT),
        ("listener 8883\npsk_hint x\npsk_file /y\n", ABSENT),
        ("listener 1883 localhost\n", ASIDE),
        ("listener 0 /run/mqtt.sock\n", ASIDE),
        ("listener 8883\ncertfile /x\nkeyfile /y\nlistener 1883\nallow_anonymous true\n", COUNTED),
        ("connection centre\naddress centre.example:1883\ntopic # out\n", COUNTED),
        (
            "connection centre\naddress centre.example:8883\nbridge_cafile /x\ntopic # out\n"
            "bridge_tls_version tlsv1.2\n",
            ABSENT,
        ),
    ],
    "hostapd.conf": [
        (BSS, COUNTED),
        (BSS + "wpa=0\n", COUNTED),
        (BSS + "wpa=2\nwpa_key_mgmt=SAE\n", ABSENT),
        (BSS + "wpa=2\nwpa_key_mgmt=SAE\nbss=guest\nssid=guest\n", COUNTED),
        (BSS + "wep_key0=1234567890\n", ABSENT),
    ],
    "link.ovpn": [
        (TUNNEL, COUNTED),
        (TUNNEL + "secret static.key\ncipher AES-256-CBC\n", ABSENT),
        (TUNNEL + "secret k\ncipher AES-256-CBC\nmanagement 0.0.0.0 7505\n", COUNTED),
        (TUNNEL + "secret k\ncipher AES-256-CBC\nmanagement 127.0.0.1 7505\n", ABSENT),
    ],
    "snmpd.conf": [
        ("rocommunity k7-verkehr\n", COUNTED),
        ("com2sec readonly default k7-verkehr\nsysLocation x\n", COUNTED),
        ("createUser a SHA-256 longlonglong\n", COUNTED),
        ("createUser a SHA-256 longlonglong AES longlonglong\n", ABSENT),
        ("createUser -e 0x8000 a SHA DES AES AES\n", ABSENT),
        ("rwuser a noauth\n", COUNTED),
    ],
    "snmp.conf": [("defVersion 2c\n", COUNTED), ("defSecurityLevel authPriv\n", ABSENT)],
    "swanctl.conf": [
        ("connections { a { local_addrs = ::1\n proposals = aes256-sha256-x25519\n"
         "children { b { ah_proposals = sha256 } } } }\n", COUNTED),
    ],
}  # fmt: skip


OPC_UA = {
    'endpoint = "opc.tcp://plc:4840"\nsecurity_policy = "None"\nsecurity_mode = "None"\n': ["None"],
    '{"url": "opc.tcp://plc", "securityPolicy": "Basic256Sha256", "securityMode": "Sign"}':
        ["Basic256Sha256"],
    "uri: opc.tcp://plc\nsecurityModes: [None, SignAndEncrypt]\n": ["None"],
    'client("opc.tcp://plc", securityMode=MessageSecurityMode.None)': ["None"],
    "opc.tcp://plc\nhttp://opcfoundation.org/UA/SecurityPolicy#None\n": ["None"],
    "see opc.tcp://plc and its security policy: none is better\n": [],
    "security_policy = None\n": [],
}  # fmt: skip


@pytest.mark.parametrize("text", OPC_UA)
def test_opc_ua_without_security_is_plaintext_under_any_spelling(text: str) -> None:
    found, gaps = read("gateway.conf", text.encode())
    assert not gaps
    assert [one.facts["policy"] for one in found] == OPC_UA[text]
    plain = [use for one in found for use in one.algorithms if use.role is Role.PLAINTEXT]
    assert bool(plain) is ("None" in OPC_UA[text])


def plaintext(name: str, text: str) -> list[bool]:
    found, gaps = read(name, text.encode())
    assert not gaps
    return [use.preferred for one in found for use in one.algorithms if use.role is Role.PLAINTEXT]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [(name, text, expected) for name, cases in CASES.items() for text, expected in cases],
)
def test_plaintext_is_said_where_it_is_and_counts_where_it_leaves_the_machine(
    name: str, text: str, expected: bool | None
) -> None:
    said = plaintext(name, text)
    if expected is None:
        assert not said
    else:
        assert said
        assert any(said) is expected


SECRETS = {
    "snmpd.conf": ["rocommunity {}\n", "com2sec x default {}\n", "trapsink h {}\n",
                   "createUser a MD5 {} DES {}\n", "rwcommunity -Cn x {}\n"],
    "snmp.conf": ["defVersion 3\ndefAuthPassphrase {}\ndefSecurityLevel authPriv\n"
                  "defAuthType SHA\n"],
    "hostapd.conf": [BSS + "wpa=2\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase={}\n",
                     BSS + "ieee8021x=1\nwpa=2\nauth_server_shared_secret={}\n"],
    "wpa_supplicant.conf": ['network={{\n ssid="x"\n key_mgmt=WPA-PSK\n psk="{}"\n}}\n'],
    "haproxy.cfg": [HAPROXY.format("http", ":443 ssl crt x", "stats auth operator1:{}"),
                    "userlist u\n user op insecure-password {}\nfrontend f\n bind :1 ssl\n"],
    "ipsec.secrets": [': PSK "{}"\n', "10.0.0.1 %any : PSK {}\n: RSA k.pem\n"],
    "swanctl.conf": ['secrets {{\n ike-rsu {{\n secret = "{}"\n }}\n}}\nconnections {{ a {{\n'
                     "local_addrs = ::1\nproposals = default\n}} }}\n"],
    "mosquitto.conf": ["connection c\naddress h:1883\nremote_username u\nremote_password {}\n"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in SECRETS.items() for t in ts])
def test_a_credential_that_everybody_knows_is_broken_today_and_no_secret_is_written_down(
    name: str, text: str
) -> None:
    for secret, known in (("qwertyuiop", True), ("k7Verkehr2039", False)):
        found, _ = read(name, text.format(*[secret] * text.count("{}")).encode())
        uses = [use for one in found for use in one.algorithms if use.name == "default-credential"]
        assert found
        assert bool(uses) is known
        assert all(lane_of(use.role, use.name, "remote") is Lane.BROKEN for use in uses)
        assert secret not in repr(found)


@contextlib.contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    if not shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/sbin"):
        pytest.skip(f"{command[0]} is not installed")
    command[0] = str(shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/sbin"))
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def answer(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as one:
        one.settimeout(5)
        one.sendall(request)
        with contextlib.suppress(OSError):
            return one.recv(4096)
    return b""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=x", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize(
    "options",
    ["", "tls_version tlsv1.2\npsk_file {0}/psk\n", "psk_hint x\npsk_file {0}/psk\n",
     "certfile {0}/cert.pem\nkeyfile {0}/key.pem\n", "cafile {0}/cert.pem\n"],
)  # fmt: skip
def test_mosquitto_answers_in_clear_where_plaintext_is_said(
    options: str, certificate: Path, tmp_path: Path
) -> None:
    (certificate / "psk").write_text("a:0011\n")
    (certificate / "psk").chmod(0o644)
    (certificate / "key.pem").chmod(0o644)
    port = free_port()
    text = f"user root\nlistener {port}\n{options.format(certificate)}allow_anonymous true\n"
    (tmp_path / "mosquitto.conf").write_text(text)
    connect = bytes.fromhex("101000044d5154540402003c000474657374")
    with running(["mosquitto", "-c", "mosquitto.conf"], tmp_path, port):
        in_clear = answer(port, connect).startswith(b"\x20\x02\0\0")
    assert bool(plaintext("mosquitto.conf", text)) is in_clear


@pytest.mark.parametrize("options", ["{}", "{} ssl", "{} http2"])
def test_nginx_answers_in_clear_where_plaintext_is_said(
    options: str, certificate: Path, tmp_path: Path
) -> None:
    port = free_port()
    listen = options.format(port)
    text = (
        "daemon off; pid x.pid; error_log e.log; events {}\n"
        "http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n"
        f"  ssl_certificate {certificate}/cert.pem; ssl_certificate_key {certificate}/key.pem;\n"
        "  uwsgi_temp_path u; scgi_temp_path s;\n"
        f"  server {{ listen {listen}; location / {{ return 200 hello; }} }} }}\n"
    )
    (tmp_path / "nginx.conf").write_text(text)
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    if "http2" in options:
        request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    with running(["nginx", "-p", str(tmp_path), "-c", "nginx.conf"], tmp_path, port):
        got = answer(port, request)
    in_clear = got.startswith((b"HTTP/1.1 200", b"\0\0\x12\4"))
    assert bool(plaintext("nginx.conf", text)) is in_clear


def test_the_line_of_the_finding_is_the_listeners() -> None:
    found: list[Finding] = read("mosquitto.conf", b"log_dest stdout\n\nlistener 1883\n")[0]
    assert [one.location.line for one in found] == [3]
