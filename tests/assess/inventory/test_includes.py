"""What configurations include: followed within the root, and nowhere else."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from assess_scanning import READER, mutants, scan_folder

from roadseal.assess.inventory.config.include import MAX_DEPTH
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Role
from roadseal.assess.inventory.neighbours import Neighbourhood
from roadseal.assess.inventory.scan import ScanResult

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))
TREES: dict[str, tuple[dict[str, str], dict[str, set[str]]]] = {
    "nginx": (
        {
            "etc/nginx/nginx.conf": "events {}\nhttp {\n  include /etc/nginx/conf.d/*.conf;\n"
            "  include snippets/tls.conf;\n}\n",
            "etc/nginx/conf.d/a.conf": "server { listen 443 ssl; include snippets/weak; }\n",
            "etc/nginx/snippets/weak": "ssl_ciphers RC4-SHA;\n",
            "etc/nginx/snippets/tls.conf": "ssl_ecdh_curve P-384;\n",
        },
        {"etc/nginx/snippets/weak": {"rc4-128"}, "etc/nginx/snippets/tls.conf": {"p384"}},
    ),
    "nginx, TLS by an include": (
        {
            "nginx.conf": "http { server { include listen.inc; server_name x; } }\n",
            "listen.inc": "listen 80;\n",
        },
        {"listen.inc": {"plaintext"}},
    ),
    "apache": (
        {
            "apache2/apache2.conf": 'ServerRoot "/apache2"\nErrorLog x\nInclude ports.conf\n'
            "IncludeOptional sites-enabled/*.conf\nIncludeOptional missing/*.conf\n",
            "apache2/ports.conf": "Listen 443\n",
            "apache2/sites-enabled/x.conf": "<VirtualHost *:443>\nSSLEngine on\n"
            "Include common/ciphers\n</VirtualHost>\n",
            "apache2/common/ciphers": "SSLCipherSuite RC4-SHA\n",
        },
        {"apache2/common/ciphers": {"rc4-128"}},
    ),
    "ssh": (
        {
            "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n",
            "etc/ssh/sshd_config.d/one.conf": "MACs hmac-md5\n",
        },
        {"etc/ssh/sshd_config.d/one.conf": {"hmac-md5"}},
    ),
    "haproxy": (
        {
            "haproxy.cfg": "defaults\n mode http\nfrontend f\n"
            " bind :443 ssl crt-list /certs.list\n",
            "certs.list": "a.pem [alpn h2 ciphers RC4-SHA] rsu.example\nb.pem other.example\n",
        },
        {"certs.list": {"rc4-128"}},
    ),
    "strongswan": (
        {
            "swanctl/swanctl.conf": "include conf.d/*.conf\n",
            "swanctl/conf.d/a.conf": "connections {\n a {\n proposals = 3des-md5-modp1024\n }\n}\n",
        },
        {"swanctl/conf.d/a.conf": {"3des-cbc", "hmac-md5", "dh-1024"}},
    ),
    "ipsec": (
        {"ipsec.conf": "include extra.conf\n", "extra.conf": "conn a\n  esp=null-md5\n"},
        {"extra.conf": {"null", "hmac-md5"}},
    ),
    "mosquitto": (
        {
            "etc/mosquitto/mosquitto.conf": "include_dir /etc/mosquitto/conf.d\n",
            "etc/mosquitto/conf.d/plain.conf": "listener 1883\n",
            "etc/mosquitto/conf.d/not-read.txt": "listener 1884\n",
        },
        {"etc/mosquitto/conf.d/plain.conf": {"plaintext"}},
    ),
    "openssl": (
        {
            "openssl.cnf": ".include = conf.d\n.include more.cnf\n[req]\n",
            "conf.d/a.cnf": "Groups = X25519\n",
            "more.cnf": "default_md = md5\n",
        },
        {"conf.d/a.cnf": {"x25519"}, "more.cnf": {"md5"}},
    ),
    "chrony": (
        {
            "etc/chrony/chrony.conf": "confdir /etc/chrony/conf.d /etc/chrony/none\n"
            "sourcedir /etc/chrony/sources.d\ndriftfile x\n",
            "etc/chrony/conf.d/a.conf": "server a nts\n",
            "etc/chrony/sources.d/b.sources": "server b iburst\n",
        },
        {
            "etc/chrony/conf.d/a.conf": {"tls-1.3-default"},
            "etc/chrony/sources.d/b.sources": {"plaintext"},
        },
    ),
    "snmp": (
        {"snmpd.conf": "includeDir parts\nsysLocation x\n", "parts/a.conf": "rocommunity k7\n"},
        {"parts/a.conf": {"community-string", "plaintext"}},
    ),
}


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def by_file(result: ScanResult) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in result.findings:
        found.setdefault(one.location.uri, set()).update(use.name for use in one.algorithms)
    return found


@pytest.mark.parametrize("kind", TREES)
def test_what_is_included_is_read_in_its_format_and_said_once(kind: str, tmp_path: Path) -> None:
    files, expected = TREES[kind]
    result = scan_folder(plant(tmp_path, files))
    found = by_file(result)
    for uri, names in expected.items():
        assert names <= found.get(uri, set()), (uri, found)
    assert not {uri for uri in found if uri.endswith("not-read.txt")}
    gaps = [gap.location.uri for gap in result.coverage.gaps]
    assert gaps == (["apache2/apache2.conf"] if kind == "apache" else [])  # missing/*.conf
    assert len(result.findings) == len({one.id for one in result.findings})


def test_tls_that_is_included_keeps_a_listener_from_being_called_plain(tmp_path: Path) -> None:
    site = "server {\n  include listen;\n  server_name x;\n  ssl_protocols TLSv1.3;\n}\n"
    root = plant(tmp_path, {"nginx.conf": f"http {{ {site} }}", "listen": "listen 443 ssl;\n"})
    roles = {use.role for one in scan_folder(root).findings for use in one.algorithms}
    assert Role.PLAINTEXT not in roles


WEAK = "MACs hmac-md5\n"


AWAY = ["/etc/outside", "../outside", "../../x/outside", "link", "folder/outside", "up/outside"]


@pytest.mark.parametrize("named", AWAY)
def test_nothing_outside_of_the_root_is_included_and_it_is_said(named: str, tmp_path: Path) -> None:
    root = plant(tmp_path / "x/root", {"sshd_config": f"PermitRootLogin no\nInclude {named}\n"})
    plant(tmp_path, {"x/outside": WEAK, "outside": WEAK})
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "folder").symlink_to(tmp_path, target_is_directory=True)
    (root / "up").symlink_to("../", target_is_directory=True)
    result = scan_folder(root)
    assert "hmac-md5" not in {use.name for one in result.findings for use in one.algorithms}
    said = [gap for gap in result.coverage.gaps if gap.location.uri == "sshd_config"]
    assert [(gap.cause, gap.location.line) for gap in said] == [(Cause.OUTSIDE, 2)]


def test_links_within_the_root_are_followed_as_the_image_would(tmp_path: Path) -> None:
    files = {"etc/ssh/sshd_config": "Include /etc/ssh/d/*\n", "srv/real": WEAK}
    root = plant(tmp_path, files)
    (root / "etc/ssh/d").mkdir()
    (root / "etc/ssh/d/absolute").symlink_to("/srv/real")
    result = scan_folder(root)
    assert by_file(result) == {"srv/real": {"hmac-md5"}}


def test_cycles_and_depth_end_and_are_said(tmp_path: Path) -> None:
    files = {"a/sshd_config": f"Include one\n{WEAK}", "a/one": "Include sshd_config\n",
             "b/sshd_config": "Include d0\n",
             "c/sshd_config": "Include sshd_config\n"}  # fmt: skip
    files |= {f"b/d{n}": f"Include d{n + 1}\n" for n in range(MAX_DEPTH + 2)}
    result = scan_folder(plant(tmp_path, files))
    details = {(gap.location.uri.split("/")[0], gap.cause) for gap in result.coverage.gaps}
    assert details == {
        ("a", Cause.UNREADABLE), ("b", Cause.TRUNCATED), ("c", Cause.UNREADABLE),
    }  # fmt: skip
    assert by_file(result) == {"a/sshd_config": {"hmac-md5"}}


def test_many_files_that_include_each_other_end_in_time(tmp_path: Path) -> None:
    files = {f"d/{n}.conf": "Include *.conf\nMACs hmac-md5\n" for n in range(60)}
    result = scan_folder(plant(tmp_path, {"sshd_config": "Include d/*.conf\n", **files}))
    assert len(by_file(result)) == 60
    assert any(gap.cause is Cause.TRUNCATED for gap in result.coverage.gaps)
    assert not any(gap.cause is Cause.CRASHED for gap in result.coverage.gaps)


def test_a_file_that_is_named_alone_says_that_its_includes_are_not_followed(tmp_path: Path) -> None:
    root = plant(tmp_path, {"sshd_config": f"Include one\n{WEAK}", "one": WEAK})
    result = scan_folder(root / "sshd_config")
    assert [gap.cause for gap in result.coverage.gaps] == [Cause.OUTSIDE]
    assert len(result.findings) == 1


def test_nginx_reads_the_files_that_are_followed(tmp_path: Path) -> None:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not program:
        pytest.skip("nginx is not installed")
    cipher = "ssl_ciphers AES128-SHA;\n"
    files = {
        "nginx.conf": "pid x.pid; error_log e.log; events {} http { access_log off;\n"
        "include conf.d/*.conf; include one; include /nothing-of-the-kind/*; }\n",
        "conf.d/b.conf": "server { listen 8443; include deep/*.inc; }\n",
        "conf.d/.hidden.conf": cipher,
        "conf.d/c.txt": cipher,
        "deep/x.inc": cipher,
        "one": cipher,
        "two": cipher,
    }
    root = plant(tmp_path, files)
    dumped = subprocess.run(
        [program, "-T", "-p", str(root), "-c", "nginx.conf"], capture_output=True, check=False
    )
    if dumped.returncode:
        pytest.skip("this nginx refuses to dump")
    read = re.findall(rf"configuration file {re.escape(str(root))}/(\S+):", dumped.stdout.decode())
    # a file of one statement is recognised through what includes it
    found = {uri for uri, names in by_file(scan_folder(root)).items() if "aes-128-cbc" in names}
    assert found == {uri for uri in read if "ssl_ciphers" in files[uri]}


@pytest.mark.fuzz
def test_mutants_of_includes(tmp_path: Path) -> None:
    files = {f"{n}/{name}": text for n, (tree, _) in enumerate(TREES.values())
             for name, text in tree.items()}  # fmt: skip
    root = plant(tmp_path, files)
    names = list(files)
    for number, data in enumerate(mutants([text.encode() for text in files.values()], MUTANTS)):
        name = names[number % len(names)]
        near = Neighbourhood(str(root.resolve()), str(root.resolve() / name))
        for output in READER.read(name, data, READER.matcher.scan(data), near):
            assert isinstance(output, (Finding, Gap))
            assert not (isinstance(output, Gap) and output.cause is Cause.CRASHED), (output, data)
