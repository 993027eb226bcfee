"""Foreign tunnels come up with keys from two KMEs, and do not with keys that differ.

wireguard-go with `wg`, and two strongSwan daemons with `swanctl`, each as Debian packages it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from test_kme import with_pair

from roadseal.operate.qkd.adapters import write_ikev2_ppk, write_wireguard_psk


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    root = os.geteuid() == 0 and Path("/dev/net/tun").exists()
    why = f"{' and '.join(missing)} not installed" if missing else "needs root and /dev/net/tun"
    return pytest.mark.skipif(bool(missing) or not root, reason=why)


def udp_ports(count: int) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def run(*command: str | Path, environment: dict[str, str] | None = None, stdin: str = "") -> str:
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def keys_of_both_ends(tmp_path, number=2):
    """Keys as the two SAEs of two KMEs get them: (key_ID, master's, slave's) each."""
    found = []

    async def test(pair, log):
        del log
        async with pair.client("SAE_A") as a, pair.client("SAE_B") as b:
            mine = await a.enc_keys("SAE_B", number=number, size=256)
            yours = await b.dec_keys("SAE_A", [key.key_id for key in mine])
            for one, other in zip(mine, yours, strict=True):
                found.append((one.key_id, bytes(one.octets), bytes(other.octets)))

    with_pair(tmp_path, test)
    return found


@pytest.fixture
def processes():
    started: list[subprocess.Popen] = []
    yield started
    for process in started:
        process.terminate()
    for process in started:
        process.wait(10)


# --- WireGuard ----------------------------------------------------------------------------------


def wireguard(tmp_path, processes, psks) -> bool:
    """Bring up two interfaces with these pre-shared keys; whether they shake hands."""
    names = [f"rs{os.getpid() % 100_000}x{i}" for i in range(2)]
    ports = udp_ports(2)
    private = [run("wg", "genkey").strip() for _ in names]
    public = [run("wg", "pubkey", stdin=key).strip() for key in private]
    for i, name in enumerate(names):
        environment = os.environ | {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(["wireguard-go", name], env=environment, **quiet))
        waited = time.monotonic()
        while not Path(f"/var/run/wireguard/{name}.sock").exists():
            assert time.monotonic() - waited < 10, "wireguard-go does not start"
            time.sleep(0.05)
        (tmp_path / f"key{i}").write_text(private[i])
        (tmp_path / f"key{i}").chmod(0o600)
        assert run("ip", "link", "set", name, "up") == ""
    for i, name in enumerate(names):
        write_wireguard_psk(tmp_path / f"psk{i}", psks[i])
        # the second one starts: the first is up by then
        start = ["endpoint", f"127.0.0.1:{ports[0]}", "persistent-keepalive", "1"] if i else []
        said = run(
            "wg", "set", name, "private-key", tmp_path / f"key{i}", "listen-port", str(ports[i]),
            "peer", public[1 - i], "preshared-key", tmp_path / f"psk{i}",
            "allowed-ips", f"192.0.2.{i}/32", *start,
        )  # fmt: skip
        assert said == ""
    end = time.monotonic() + 4  # a retry comes after five seconds: this is one attempt
    while time.monotonic() < end:
        times = [int(run("wg", "show", n, "latest-handshakes").split()[-1]) for n in names]
        if all(times):
            return True
        time.sleep(0.1)
    return False


@needs("wg", "wireguard-go", "ip")
def test_wireguard_shakes_hands_with_a_key_of_two_kmes(tmp_path, processes):
    ((_, mine, yours), _) = keys_of_both_ends(tmp_path / "kme")
    assert wireguard(tmp_path, processes, (mine, yours))


@needs("wg", "wireguard-go", "ip")
def test_wireguard_does_not_shake_hands_with_two_different_keys(tmp_path, processes):
    ((_, mine, _), (_, _, other)) = keys_of_both_ends(tmp_path / "kme")
    assert not wireguard(tmp_path, processes, (mine, other))


# --- IKEv2 --------------------------------------------------------------------------------------

DAEMON = """
charon-systemd {{
  load = random nonce aes sha1 sha2 hmac kdf gmp kernel-netlink socket-default vici
  port = {port}
  port_nat_t = {nat}
  install_routes = no
  plugins {{
    vici {{
      socket = unix://{here}/vici
    }}
  }}
  journal {{
    default = -1
  }}
}}
"""
TUNNEL = """
connections {{
  tunnel {{
    version = 2
    local_addrs = 127.0.0.1
    remote_addrs = 127.0.0.1
    local_port = {port}
    remote_port = {peer}
    proposals = aes256-sha384-modp3072
    childless = force
    ppk_id = {ppk_id}
    ppk_required = yes
    local {{
      auth = psk
      id = {own}
    }}
    remote {{
      auth = psk
      id = {other}
    }}
  }}
}}
secrets {{
  ike-both {{
    secret = "known to both, and not enough"
  }}
}}
include ppk.conf
"""


def strongswan(processes, key_id, keys, here: Path) -> str:
    """Let two daemons set up an IKE SA with these PPKs; what both say of it."""
    ports = udp_ports(4)
    for i in range(2):
        place = here / str(i)
        place.mkdir(parents=True)
        fields = {"port": ports[i], "nat": ports[2 + i], "peer": ports[1 - i], "here": place}
        ids = {"own": f"end{i}", "other": f"end{1 - i}", "ppk_id": key_id}
        (place / "strongswan.conf").write_text(DAEMON.format(**fields))
        (place / "swanctl.conf").write_text(TUNNEL.format(**fields, **ids))
        write_ikev2_ppk(place / "ppk.conf", key_id, keys[i])
        environment = os.environ | {"STRONGSWAN_CONF": str(place / "strongswan.conf")}
        with (place / "out").open("wb") as out:
            command = ["charon-systemd"]
            processes.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
        waited = time.monotonic()
        while "successfully loaded 1" not in (said := swanctl(place, "--load-all")):
            assert time.monotonic() - waited < 15, said + (place / "out").read_text()
            time.sleep(0.2)
        assert "loaded ppk secret" in said
    said = swanctl(here / "0", "--initiate", "--ike", "tunnel", "--timeout", "10")
    return said + swanctl(here / "1", "--list-sas")


def swanctl(place: Path, *arguments: str) -> str:
    environment = {"STRONGSWAN_CONF": str(place / "strongswan.conf")}
    file = ("--file", place / "swanctl.conf") if arguments == ("--load-all",) else ()
    return run(
        "swanctl", *arguments, *file, "--uri", f"unix://{place}/vici", environment=environment
    )


@needs("charon-systemd", "swanctl")
def test_strongswan_sets_up_an_ike_sa_with_a_ppk_of_two_kmes(tmp_path, short, processes):
    ((key_id, mine, yours), _) = keys_of_both_ends(tmp_path / "kme")
    said = strongswan(processes, key_id, (mine, yours), short)
    assert f"using PPK for PPK_ID '{key_id}'" in said
    assert "initiate completed successfully" in said
    assert "ESTABLISHED" in said
    assert "MODP_3072/PPK" in said


@needs("charon-systemd", "swanctl")
def test_strongswan_sets_up_no_ike_sa_with_two_different_ppks(tmp_path, short, processes):
    ((key_id, mine, _), (_, _, other)) = keys_of_both_ends(tmp_path / "kme")
    said = strongswan(processes, key_id, (mine, other), short)
    assert "AUTHENTICATION_FAILED" in said
    assert "ESTABLISHED" not in said


@pytest.fixture
def short():
    """A directory whose path is short enough for a UNIX socket."""
    with tempfile.TemporaryDirectory(prefix="rs-") as directory:
        yield Path(directory)
