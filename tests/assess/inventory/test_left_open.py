"""Services that use cryptography and do not say which: findings of unknown bearing, not silence."""

import pytest
from assess_scanning import algorithms, read

from roadseal.assess.inventory.classifier import Bearing, classify

OPENVPN = "client\ndev tun\nproto udp\nremote vpn.example 1194\nca ca.crt\ncert c.crt\nkey c.key\n"
NGINX = (
    "server {\n listen 443 ssl;\n server_name a;\n ssl_certificate a.pem;\n"
    " ssl_certificate_key a.key;\n}\n"
)
APACHE = (
    "<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile a\nDocumentRoot /x\n</VirtualHost>\n"
)
HAPROXY = "frontend a\n mode http\n bind *:443 ssl crt /a.pem\n default_backend b\n"
MOSQUITTO = "listener 8883\ncafile a\ncertfile b\nkeyfile c\n"
SWANCTL = (
    "connections {\n a {\n  version = 2\n  local_addrs = 192.0.2.1\n  remote_addrs = 192.0.2.2\n"
    "  local {\n   auth = pubkey\n  }\n }\n}\n"
)
IPSEC = "conn a\n left=192.0.2.1\n right=192.0.2.2\n leftcert=a.pem\n keyexchange=ikev2\n"
SSHD = "HostKey /etc/ssh/k\nPermitRootLogin no\nUsePAM yes\n"

SILENT = {
    "client.conf": (OPENVPN, "tls-default", "tls-groups X25519MLKEM768\n"),
    "nginx.conf": (NGINX, "tls-default", "ssl_ecdh_curve X25519;\n"),
    "ssl.conf": (APACHE, "tls-default", "SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256\n"),
    "haproxy.cfg": (HAPROXY, "tls-default", "global\n ssl-default-bind-curves X25519\n"),
    "mosquitto.conf": (MOSQUITTO, "tls-default", "ciphers ECDHE-RSA-AES128-GCM-SHA256\n"),
    "swanctl.conf": (SWANCTL, "ike-default", "a {\n proposals = aes256-sha256-modp2048\n}\n"),
    "ipsec.conf": (IPSEC, "ike-default", " ike=aes256-sha256-modp2048\n"),
    "sshd_config": (SSHD, "ssh-default", "KexAlgorithms curve25519-sha256\n"),
}


@pytest.mark.parametrize("name", SILENT)
def test_cryptography_without_a_choice_is_unknown_until_there_is_one(name: str) -> None:
    text, default, choice = SILENT[name]
    found, gaps = read(name, text.encode())
    assert not gaps
    assert algorithms(found).count(default) == 1
    assert classify(default).bearing is Bearing.UNKNOWN
    chosen, _ = read(name, (text + choice).encode())
    assert default not in algorithms(chosen)
    assert chosen


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nginx.conf", "server {\n listen 80;\n server_name a;\n ssl_session_timeout 5m;\n}\n"),
        ("ssl.conf", "<VirtualHost *:80>\nSSLEngine off\nDocumentRoot /x\n</VirtualHost>\n"),
        ("haproxy.cfg", "frontend a\n mode http\n bind *:80\n default_backend b\n"),
        ("mosquitto.conf", "listener 1883\nallow_anonymous false\n"),
    ],
)
def test_what_does_not_turn_on_cryptography_leaves_nothing_open(name: str, text: str) -> None:
    found, _ = read(name, text.encode())
    assert not any(each.endswith("-default") for each in algorithms(found))


def test_a_proposal_called_default_is_no_choice() -> None:
    text = SWANCTL.replace("  local {", "  proposals = default\n  local {")
    found, _ = read("swanctl.conf", text.encode())
    assert "ike-default" in algorithms(found)
