"""Issuing against raw signing, and mutual TLS with ML-DSA-65 against P-256.

`python benches/bench_pki.py`. Ratios of CPU time in one run.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import SystemClock
from roadseal.crypto import load_profile
from roadseal.events import EventLog
from roadseal.net import CLASSICAL, HYBRID, LOOPBACK, measure_handshakes, summarise
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.keys import SigningKey, generate_key, signing_hash
from roadseal.operate.pki.request import read_request
from roadseal.operate.pki.signer import SoftwareSigner
from roadseal.store import open_store

BATCH, ROUNDS, HANDSHAKES = 100, 8, 60


def main() -> None:
    """Print issuing and handshakes."""
    _issuing()
    _handshakes()


def _handshakes() -> None:
    """Bytes and CPU of mutual TLS, every signature of the chain post-quantum."""
    clock, link, costs = SystemClock(), LOOPBACK, {}
    for profile in (CLASSICAL, HYBRID):
        for sent in (True, False):
            samples = measure_handshakes(
                profile, link, HANDSHAKES, 1, clock, send_intermediate=sent
            )
            one = summarise(samples)
            cpu_s = one.client_cpu_p50_s + one.server_cpu_p50_s
            costs[profile.name, sent] = cpu_s, one.bytes_up_p50 + one.bytes_down_p50
    for sent, how in ((False, "issuers provisioned before"), (True, "issuers sent")):
        cpu_s, size = costs[HYBRID.name, sent]
        classical_s, _ = costs[CLASSICAL.name, sent]
        print(
            f"mutual TLS, ML-DSA-65 with X25519MLKEM768, {how}: {size / 1000:.1f} kB, "
            f"{cpu_s / classical_s:.1f} × the CPU of P-256"
        )


def _issuing() -> None:
    """Print issued certificates per raw signature, interleaved so that load hits both."""
    clock = SystemClock()
    with TemporaryDirectory() as folder:
        for algorithm in ("ecdsa-p256", "ml-dsa-65"):
            store = open_store(Path(folder) / f"{algorithm}.db", SCHEMA)
            authority = Authority.create(
                store,
                "bench",
                algorithm=algorithm,
                passphrase=b"bench",
                profile=load_profile("hybrid-2026"),
                clock=clock,
                emit=EventLog(),
            )
            key = generate_key(algorithm)
            signer = SoftwareSigner(key)
            builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
            csr = builder.sign(key, signing_hash(key)).public_bytes(Encoding.DER)
            library_s = signer_s = request_s = issue_s = 0.0
            for turn in range(ROUNDS):
                messages = [number.to_bytes(2000) for number in range(BATCH)]
                start_s = clock.cpu_s()
                for message in messages:
                    _sign_by_library(key, message)
                library_end_s = clock.cpu_s()
                for message in messages:
                    signer.sign(message)
                signer_end_s = clock.cpu_s()
                for _ in messages:
                    read_request(csr)
                request_end_s = clock.cpu_s()
                authority.issue_many(
                    [IssueRequest(csr, "rsu", f"{turn}-{number}") for number in range(BATCH)]
                )
                issue_s += clock.cpu_s() - request_end_s
                request_s += request_end_s - signer_end_s
                signer_s += signer_end_s - library_end_s
                library_s += library_end_s - start_s
            print(
                f"{algorithm:10} issuing / signing by cryptography {library_s / issue_s:.2f}, "
                f"by our own signer {signer_s / issue_s:.2f}, which reading and verifying requests "
                f"alone limits to {signer_s / (signer_s + request_s):.2f} "
                f"({ROUNDS * BATCH / issue_s:,.0f} certificates a CPU second)"
            )
            store.close()


def _sign_by_library(key: SigningKey, message: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA256()))
    return key.sign(message)


if __name__ == "__main__":
    main()
