"""Configurations as their manuals write them, and as Debian's packages bring them."""

import os
from pathlib import Path

import pytest
from assess_scanning import READER, algorithms, debian, mutants, read

from roadseal.assess.inventory.finding import Basis, Cause, Finding, Gap

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))
CASES = {
    "nginx.conf": (
        """
        # ssl_ciphers RC4-SHA;
        server { listen 443 ssl; server_name rsu.example;
            ssl_protocols TLSv1.2 TLSv1.3;   # no older ones
            ssl_ciphers "ECDHE-RSA-AES128-GCM-SHA256:!RC4-SHA:!aNULL";
            ssl_ecdh_curve X25519MLKEM768:prime256v1; }
        """,
        {"ecdh", "rsa", "aes-128-gcm", "x25519mlkem768", "p256"},
    ),
    "one-line/nginx.conf": (
        'server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_ciphers "AES128-SHA";'
        " ssl_ecdh_curve P-384;\n"
        " location / { proxy_ssl_protocols SSLv3; } location /x { proxy_ssl_ciphers RC4-MD5; } }\n",
        {"rsa", "aes-128-cbc", "hmac-sha-1", "p384", "ssl-3.0", "rc4-128", "hmac-md5"},
    ),
    "ssl.conf": (
        "SSLEngine on\nSSLProtocol all -SSLv3\nSSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384\n"
        "#SSLCipherSuite RC4-MD5\nSSLOpenSSLConfCmd Curves X25519:secp521r1\n",
        {"aes-256-gcm", "x25519", "p521"},
    ),
    "weak/nginx.conf": (
        "server { listen 443 ssl; ssl_certificate x; ssl_ciphers ALL:eNULL:!aNULL:RC4:-MD5; }",
        {"null", "rc4-128"},
    ),
    "haproxy.cfg": (
        "global\n  ssl-default-bind-ciphers DHE-RSA-AES256-SHA\nfrontend f\n"
        "  bind :443 ssl crt /x.pem curves P-384 ssl-min-ver TLSv1.2\n",
        {"dh", "rsa", "aes-256-cbc", "hmac-sha-1", "p384"},
    ),
    "sshd_config": (
        "#Ciphers 3des-cbc\nPermitRootLogin no\nKexAlgorithms sntrup761x25519-sha512@openssh.com,"
        "curve25519-sha256\nCiphers aes256-gcm@openssh.com\nMACs -hmac-md5\n",
        {"sntrup761x25519-sha512", "x25519", "aes-256-gcm"},
    ),
    "ipsec.conf": (
        "conn a\n  keyexchange=ikev2\n  ike=aes256gcm16-prfsha384-ecp384!\n"
        "  esp=3des-md5-modp1024\n"
        "  authby=secret\n",
        {"aes-256-gcm", "hmac-sha-384", "p384", "3des-cbc", "hmac-md5", "dh-1024", "psk"},
    ),
    "swanctl.conf": (
        "connections {\n rsu {\n  local_addrs = 10.0.0.1\n"
        "  proposals = aes256-sha256-x25519-ke1_mlkem768\n"
        "  local { auth = psk }\n  children { net { esp_proposals = aes128gcm16 } }\n }\n}\n",
        {"aes-256-cbc", "hmac-sha-256", "hybrid(x25519+ml-kem-768)", "psk", "aes-128-gcm"},
    ),
    "wg0.conf": (
        "[Interface]\nPrivateKey = x\nListenPort = 51820\n"
        "[Peer]\nPublicKey = y\nAllowedIPs = ::/0\n",
        {"x25519", "chacha20-poly1305", "blake2s-256"},
    ),
    "snmpd.conf": (
        "#rocommunity public\nsysLocation here\n"
        "createUser op SHA-256 secretsecret AES secretsecret\n"
        "rouser op priv\n",
        {"hmac-sha-256", "aes-128-cfb"},
    ),
    "snmp2/snmpd.conf": (
        "agentAddress udp:161\nrocommunity public\n",
        {"community-string", "plaintext", "default-credential"},
    ),
    "persistent/snmpd.conf": (
        "engineBoots 4\noldEngineID 0x80001f88\nusmUser 1 3 0x80001f88 0x61 0x61 NULL"
        " .1.3.6.1.6.3.10.1.1.2 0xfeed .1.3.6.1.6.3.10.1.2.2 0xbeef 0x\n",
        {"hmac-md5", "des-cbc"},
    ),
    "wep/hostapd.conf": ("interface=w\nssid=x\nwep_default_key=1\nwep_key1=1234567890\n", {"wep"}),
    "mosquitto.conf": (
        "listener 8883\ntls_version tlsv1.2\nciphers ECDHE-ECDSA-AES128-GCM-SHA256\npsk_file /p\n"
        "psk_hint rsu\n",
        {"ecdh", "ecdsa", "aes-128-gcm", "psk"},
    ),
    "openssl.cnf": (
        "openssl_conf = o\n[system_default_sect]\nMinProtocol = TLSv1.2\n"
        "Groups = X25519MLKEM768:X25519\n"
        "SignatureAlgorithms = RSA+SHA1:mldsa65\n[req]\ndefault_bits = 1024\ndefault_md = sha1\n",
        {"x25519mlkem768", "x25519", "rsa-pkcs1-sha-1", "ml-dsa-65", "rsa-1024", "sha-1"},
    ),
    "chrony.conf": (
        "driftfile /x\nrtcsync\nserver a iburst nts\npool b iburst\n! server c\n% server d\n",
        {"tls-1.3-default", "plaintext"},
    ),
    "ntp.conf": (
        "driftfile /x\nkeys /etc/ntp.keys\ntrustedkey 3\nserver a key 3\npool b iburst\n"
        "server c nts\nrestrict default kod\nserver d autokey\n",
        {"ntp-key", "plaintext", "tls-1.3-default", "ntp-autokey"},
    ),
    "hostapd.conf": (
        "interface=wlan0\nssid=rsu\nwpa=2\nwpa_key_mgmt=SAE WPA-PSK\n"
        "rsn_pairwise=CCMP\nwpa_pairwise=TKIP\n",
        {"sae", "psk", "aes-128-ccm", "tkip"},
    ),
    "wpa_supplicant.conf": (
        'ctrl_interface=/run\nnetwork={\n  ssid="x"\n  key_mgmt=WPA-PSK\n'
        '  pairwise=CCMP\n  psk="y"\n}\n',
        {"psk", "aes-128-ccm"},
    ),
    "client.ovpn": (
        "client\ndev tun\nremote x 1194\n"
        ";cipher BF-CBC\ndata-ciphers AES-256-GCM:CHACHA20-POLY1305\n"
        "auth SHA512\ntls-cipher TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256\n",
        {"aes-256-gcm", "chacha20-poly1305", "hmac-sha-512", "ecdh", "rsa", "aes-128-gcm"},
    ),
    "office/client.conf": (
        "client\ndev tun\nremote x 1194\n<ca>\n" + "" + "MIIB\n" * 200 + "</ca>\n"
        "<tls-crypt>\n" + "0123abcd\n" * 16 + "</tls-crypt>\ndata-ciphers AES-128-GCM\n",
        {"aes-128-gcm"},
    ),
    "examples/loopback-server": (
        "rport 16001\nremote localhost\ndev null\nverb 3\nreneg-sec 10\ntls-server\ndh dh2048.pem\n"
        "ca ca.crt\nkey server.key\ntls-auth ta.key 0\ncipher AES-256-GCM\nping 1\n",
        {"aes-256-gcm", "tls-default"},
    ),
    "opcua.xml": (
        "<Uri>http://opcfoundation.org/UA/SecurityPolicy#Basic128Rsa15</Uri>",
        {"rsa-pkcs1", "rsa-pkcs1-sha-1", "aes-128-cbc"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_configured_and_nothing_else(name: str) -> None:
    text, expected = CASES[name]
    found, gaps = read(name, text.encode())
    assert not gaps
    assert set(algorithms(found)) == expected
    assert all(one.basis is Basis.CONFIGURED for one in found)


@pytest.mark.parametrize(
    "name", [name for name in CASES if "/" not in name and name != "opcua.xml"]
)
def test_content_tells_the_format_where_the_name_does_not(name: str) -> None:
    text, expected = CASES[name]
    found, _ = read("unnamed", text.encode())
    assert set(algorithms(found)) == expected


ASKED = {
    "nginx.conf": ("server { listen 443 ssl; ssl_ecdh_curve X25519:P-256; ssl_ciphers "
                   "ECDHE-ECDSA-AES256-GCM-SHA384:AES128-SHA; }",
                   {"x25519", "ecdh", "ecdsa", "aes-256-gcm"}),
    "sshd_config": ("KexAlgorithms mlkem768x25519-sha256,curve25519-sha256\nCiphers "
                    "aes256-gcm@openssh.com,3des-cbc\n", {"mlkem768x25519-sha256", "aes-256-gcm"}),
    "swanctl.conf": ("connections { a { local_addrs = ::1\nproposals = default, "
                     "aes256-sha384-ecp384,3des-md5-modp1024 } }",
                     {"aes-256-cbc", "hmac-sha-384", "p384"}),
    "hostapd.conf": ("interface=w\nssid=x\nwpa=2\nwpa_key_mgmt=SAE WPA-PSK\n"
                     "rsn_pairwise=CCMP TKIP\n",
                     {"sae", "psk", "aes-128-ccm", "tkip"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_the_first_of_a_list_is_asked_for_and_the_others_are_allowed(name: str) -> None:
    """A station of a wireless network takes any of them: there is no first."""
    text, expected = ASKED[name]
    found, _ = read(name, text.encode())
    assert {use.name for one in found for use in one.algorithms if use.preferred} == expected
    for one in found:
        named = [(use.name, use.role) for use in one.algorithms]
        assert len(named) == len(set(named))


def test_a_changelog_is_no_configuration() -> None:
    prose = "\n".join(f"fix number {number} of the remote device" for number in range(200))
    text = f"{prose}\ncipher AES-256-GCM\nsecret handling\nkey schedule\nclient fixes\n"
    assert read("history", text.encode()) == ([], [])


@pytest.mark.parametrize("text", ["Ciphers are nice, and MACs too.\nKexAlgorithms matter.\n",
                                  "the server speaks tls_version\nof proposals\n"])  # fmt: skip
def test_prose_is_no_configuration(text: str) -> None:
    assert read("notes.txt", text.encode()) == ([], [])


PACKAGES = {
    "nginx-common": ("etc/nginx/nginx.conf", "config/nginx"),
    "apache2": ("etc/apache2/mods-available/ssl.conf", "config/apache"),
    "haproxy": ("etc/haproxy/haproxy.cfg", "config/haproxy"),
    "snmpd": ("etc/snmp/snmpd.conf", "config/snmpd"),
    "openssl": ("etc/ssl/openssl.cnf", "config/openssl"),
    "chrony": ("usr/share/chrony/chrony.conf", "config/chrony"),
    "openssh-client": ("etc/ssh/ssh_config", None),  # everything in it is a comment
    "mosquitto": ("etc/mosquitto/mosquitto.conf", None),
}


@pytest.mark.parametrize("package", PACKAGES)
def test_configurations_of_debian(package: str, tmp_path: Path) -> None:
    path, collector = PACKAGES[package]
    found, gaps = read(path, (debian(package, tmp_path) / path).read_bytes())
    assert all("include" in gap.detail for gap in gaps)  # what lies beside it is not shown here
    assert {one.collector for one in found} == ({collector} if collector else set())


@pytest.mark.fuzz
def test_mutants_of_configurations() -> None:
    seeds = [text.encode() for text, _ in CASES.values()]
    names = list(CASES)
    for number, data in enumerate(mutants(seeds, MUTANTS)):
        for output in READER.read(names[number % len(names)], data, READER.matcher.scan(data)):
            assert isinstance(output, (Finding, Gap))
            assert not (isinstance(output, Gap) and output.cause is Cause.CRASHED), (output, data)
