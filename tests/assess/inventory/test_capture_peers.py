"""Captures made here of real implementations: the protocols that no field capture holds."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import peers

from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Role
from roadseal.assess.inventory.probe import Manner, Permission, parse_target, probe
from roadseal.assess.inventory.wire import collect_capture


def findings(capture: Path) -> list[Finding]:
    return [one for one in collect_capture(capture, "x") if isinstance(one, Finding)]


def test_snmp_community_and_version_3(tmp_path: Path) -> None:
    with peers.snmpd(tmp_path) as port, peers.captured(tmp_path, f"udp port {port}") as file:
        assert peers.snmpget(port, "-v2c", "-c", "corridor7") == 0
        user = ("-v3", "-l", "authNoPriv", "-u", "field", "-a", "SHA-256", "-A", "authentic7")
        assert peers.snmpget(port, *user) == 0
    by_version = {finding.facts["version"]: finding for finding in findings(file)}
    assert by_version.keys() == {"2c", "3"}
    assert by_version["2c"].algorithms == (AlgorithmUse("community-string", Role.PLAINTEXT),)
    assert AlgorithmUse("hmac-sha-256", Role.INTEGRITY) in by_version["3"].algorithms
    assert "corridor7" not in repr(by_version), "a community is a password"


def test_mqtt_with_a_password_in_clear(tmp_path: Path) -> None:
    peers.need("mosquitto", "mosquitto_pub")
    port = peers.free_port()
    (tmp_path / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with (
        peers.running(["mosquitto", "-c", "m.conf"], tcp_port=port, cwd=tmp_path),
        peers.captured(tmp_path, f"tcp port {port}") as file,
    ):
        command = [
            "mosquitto_pub",
            "-p",
            str(port),
            "-u",
            "rsu",
            "-P",
            "cityPass7",
            "-t",
            "a",
            "-m",
            "b",
        ]
        subprocess.run(command, check=True)
    (finding,) = findings(file)
    assert (finding.facts["protocol"], finding.facts["version"]) == ("mqtt", "3.1.1")
    assert finding.facts["password_in_clear"] is True
    assert "cityPass7" not in repr(finding)


def test_our_own_probe_is_heard_in_a_capture(tmp_path: Path) -> None:
    """The server's answer to a hello without key shares is a HelloRetryRequest."""
    with peers.s_server(tmp_path) as port, peers.captured(tmp_path, f"tcp port {port}") as file:
        permission = Permission.of(["127.0.0.0/8"], active=True, rate_per_s=1000)
        target = parse_target(f"tls://127.0.0.1:{port}")
        ((_, heard),) = probe([target], permission, secrets.token_bytes, manner=Manner())
    (finding,) = findings(file)
    assert finding.facts["retry_group"] == heard.spoken[0].facts["group"]


def test_ssh_peers_without_a_common_cipher_agree_on_nothing(tmp_path: Path) -> None:
    peers.need("ssh")
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
    with (
        peers.sshd(tmp_path, "Ciphers=aes256-ctr") as port,
        peers.captured(tmp_path, f"tcp port {port}") as file,
    ):
        command = ["ssh", *(f"-o{option}" for option in options), "-oCiphers=aes128-ctr"]
        command += ["-p", str(port), "127.0.0.1", "true"]
        assert subprocess.run(command, capture_output=True, check=False).returncode
    # The test's own look whether the server is up may be in the capture, too.
    (finding,) = (one for one in findings(file) if "outcome" in one.facts)
    assert "no common cipher to server" in str(finding.facts["outcome"])
    assert not any(use.preferred for use in finding.algorithms)


def test_tls_peers_that_refuse_each_other_agree_on_nothing(tmp_path: Path) -> None:
    """The server by its suites, the client by its trust, both in the words of OpenSSL."""
    old = ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384")
    for asked, refusal in (
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), "refused by the server"),
        (("-tls1_2", "-verify_return_error"), "refused by the client: unknown CA"),
    ):
        with (
            peers.s_server(tmp_path, *old) as port,
            peers.captured(tmp_path, f"tcp port {port}") as file,
        ):
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *asked]
            subprocess.run(command, input=b"Q\n", capture_output=True, check=False, timeout=20)
        (finding,) = (one for one in findings(file) if "outcome" in one.facts)
        assert refusal in str(finding.facts["outcome"])
        assert not any(use.preferred for use in finding.algorithms)
        file.unlink()
