"""Real servers on loopback, of Debian: what probes ask and captures hear."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

LOOPBACK = "127.0.0.1"


def need(*programs: str) -> None:
    """Skip where a program of Debian is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], *, tcp_port: int | None, cwd: Path) -> Iterator[None]:
    """Run a server until the end of the block; it is ready once its port answers."""
    with (cwd / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        if tcp_port is not None:
            wait_for(tcp_port, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with socket.socket() as attempt:
            if attempt.connect_ex((LOOPBACK, port)) == 0:
                return
        assert process.poll() is None, "the server died"
        time.sleep(0.05)
    pytest.fail("the server does not answer")


def certificate(folder: Path, *algorithm: str) -> tuple[Path, Path]:
    """A self-signed certificate and its key, by OpenSSL."""
    need("openssl")
    name = algorithm[0].replace(":", "-")
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", *algorithm, "-nodes", "-days", "2"]
    command += ["-subj", "/CN=rsu.example", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@contextmanager
def s_server(folder: Path, *options: str, key: Sequence[str] = P256) -> Iterator[int]:
    """OpenSSL's test server."""
    cert, private = certificate(folder, *key)
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"{LOOPBACK}:{port}", "-quiet"]
    command += ["-cert", str(cert), "-key", str(private), *options]
    with running(command, tcp_port=port, cwd=folder):
        yield port


@contextmanager
def nginx(folder: Path, directives: str) -> Iterator[int]:
    """Debian's nginx with `directives` in its TLS server."""
    need("nginx")
    cert, private = certificate(folder, *P256)
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{ }}
        http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
        fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
        server {{ listen {LOOPBACK}:{port} ssl; ssl_certificate {cert};
        ssl_certificate_key {private}; {directives} }} }}"""
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, tcp_port=port, cwd=folder):
        yield port


@contextmanager
def sshd(folder: Path, *options: str) -> Iterator[int]:
    """Debian's OpenSSH server; nobody can log in."""
    need("sshd", "ssh-keygen")
    key = folder / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    command = [str(shutil.which("sshd")), "-D", "-e", "-f", "/dev/null", "-h", str(key)]
    command += ["-p", str(port), "-o", f"ListenAddress={LOOPBACK}", "-o", f"PidFile={folder}/pid"]
    for option in options:
        command += ["-o", option]
    with running(command, tcp_port=port, cwd=folder):
        yield port


@contextmanager
def snmpd(folder: Path) -> Iterator[int]:
    """net-snmp's agent with a community and a user of version 3."""
    need("snmpd", "snmpget")
    port = free_port(socket.SOCK_DGRAM)
    configuration = folder / "snmpd.conf"
    configuration.write_text(
        "rocommunity corridor7 127.0.0.1\n"
        "createUser field SHA-256 authentic7 AES privately7\n"
        "rouser field authNoPriv\n"
    )
    command = ["snmpd", "-f", "-Lo", "-C", "-c", str(configuration)]
    command += [f"--persistentDir={folder}", f"udp:{LOOPBACK}:{port}"]
    with running(command, tcp_port=None, cwd=folder):
        for _ in range(100):
            if snmpget(port, "-v2c", "-c", "corridor7") == 0:
                break
            time.sleep(0.05)
        yield port


def snmpget(port: int, *options: str) -> int:
    command = ["snmpget", *options, "-t", "1", "-r", "0", f"{LOOPBACK}:{port}", "1.3.6.1.2.1.1.1.0"]
    return subprocess.run(command, capture_output=True, check=False).returncode


@contextmanager
def captured(folder: Path, port_filter: str) -> Iterator[Path]:
    """Capture on loopback, with Wireshark's own writer, for the time of the block."""
    need("dumpcap")
    file = folder / "loopback.pcapng"
    command = ["dumpcap", "-q", "-i", "lo", "-f", port_filter, "-w", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for _ in range(100):
        if file.exists() and file.stat().st_size:
            break
        if process.poll() is not None:
            pytest.skip("capturing on loopback is not permitted here")
        time.sleep(0.05)
    time.sleep(0.3)  # the filter is in force a moment after the file exists
    try:
        yield file
    finally:
        time.sleep(0.7)  # the kernel hands packets over in blocks
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()
