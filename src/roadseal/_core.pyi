"""Roadseal's compiled core; use it through `roadseal.v2x`."""

from mmap import mmap
from os import PathLike
from typing import Any, final

__all__ = [
    "CaptureContents",
    "CascadeCorrector",
    "CascadeResponder",
    "CertificateOutline",
    "CertificateVerdict",
    "FlowReader",
    "Located",
    "SignatureMatcher",
    "SigningKey",
    "Verdict",
    "Verifier",
    "VerifyingKey",
    "authentication_tag",
    "base64_lines",
    "butterfly_cocoons",
    "butterfly_expansions",
    "certificate_digest",
    "certificate_outline",
    "describe_certificate",
    "describe_message",
    "encode_certificate",
    "encode_signed_data",
    "encode_to_be_signed_certificate",
    "encode_to_be_signed_data",
    "find_messages",
    "fn_dsa_count_valid",
    "hash_of",
    "p256_add_base",
    "p256_multiply_add",
    "public_key_outline",
    "read_answer",
    "read_capture",
    "read_tls_recording",
    "signer_certificates",
    "signing_digest",
    "toeplitz",
    "toeplitz_kernel",
]

@final
class SigningKey:
    """A private key in this process: it signs and is never read back."""

    @staticmethod
    def generate(algorithm_id: str) -> SigningKey:
        """Generate a key from the operating system's randomness."""

    @staticmethod
    def generate_secret(algorithm_id: str) -> bytes:
        """Generate what `from_secret` loads, for whoever must store it sealed."""

    @staticmethod
    def from_secret(algorithm_id: str, secret: bytes) -> SigningKey:
        """Load an ECDSA scalar, an ML-DSA seed, an encoded FN-DSA signing key.

        Of a dual key: the scalar, then the FN-DSA key.
        """

    @property
    def algorithm(self) -> str: ...
    @property
    def public_key(self) -> bytes: ...
    def sign(self, digest: bytes, algorithm_id: str | None = None) -> bytes:
        """Sign a digest, with one half only of a dual key if `algorithm_id` names it."""

    def sign_message(self, message: bytes) -> bytes:
        """Sign a message of any length with ML-DSA, pure and with an empty context."""

@final
class VerifyingKey:
    """A public key, decoded once."""

    def __new__(cls, algorithm_id: str, public_key: bytes) -> VerifyingKey: ...
    def count_valid(self, digests: list[bytes], signatures: list[bytes]) -> int:
        """How many of the pairs of digest and raw signature hold.

        A post-quantum key also takes a message of any length for the digest.
        """

@final
class Verifier:
    """Decides whether messages may be believed; shared between threads, bounded in memory.

    Args:
        policy: what it asks of messages.
        threads: how many cores `verify_batch` uses.
    """

    def __new__(cls, policy: Any, threads: int) -> Verifier: ...
    def add_root(self, certificate: bytes) -> str:
        """Trust a self-signed certificate; `ok`, or why it cannot be a root."""

    def add_certificates(self, certificates: list[bytes]) -> list[str]:
        """Keep certificates for good, in any order; one reason each."""

    def learn(self, certificate: bytes) -> str:
        """Learn a certificate as if a message had brought it; kept while there is room."""

    def look_into(self, certificate: bytes) -> CertificateVerdict:
        """Judge a certificate without keeping it."""

    def pin(self, signer: bytes | None, algorithm_id: str, public_key: bytes) -> None:
        """Take this key for the signer with this HashedId8, whoever issued its certificate.

        `None` is the signer "self". The key is in SEC 1 or FIPS 204/206 encoding.
        """

    def revoke(self, hash_end: bytes, scope: tuple[bytes, int] | None = None) -> None:
        """Refuse what a certificate, or anything it issued, signed; its hash ends so.

        With a scope, `cracaId` and `crlSeries`, only certificates that name it are meant.
        """

    def revoke_linkage(self, scope: tuple[bytes, int], period: int, values: list[bytes]) -> None:
        """Refuse certificates of this scope with one of these linkage values for this period."""

    def anchor(self, certificate_sha256: bytes, until_us: int) -> None:
        """A post-quantum batch vouches for the certificate until then (Time64)."""

    def knows(self, signer: bytes) -> bool:
        """Whether a certificate with this HashedId8 is at hand."""

    def occupancy(self) -> tuple[int, int, int, int]:
        """Certificates trusted, learned, messages remembered, certificates anchored."""

    def verify(
        self, message: bytes, at: int | None = None, here: tuple[int, int] | None = None
    ) -> Verdict:
        """Judge a message at Time64 `at`, or at its own time if that is `None`.

        `here` is the receiver's latitude and longitude in 1/10 microdegree, for messages that do
        not say where they are from.
        """

    def verify_batch(
        self, messages: list[bytes], at: int | None = None, here: tuple[int, int] | None = None
    ) -> list[Verdict]:
        """Judge messages in order, on all cores given, without the GIL."""

@final
class Verdict:
    """Whether a message may be believed, part by part; `None` is "not looked at"."""

    @property
    def ok(self) -> bool: ...
    @property
    def overall(self) -> str: ...
    @property
    def signature(self) -> str | None: ...
    @property
    def chain(self) -> str | None: ...
    @property
    def validity(self) -> str | None: ...
    @property
    def permission(self) -> str | None: ...
    @property
    def freshness(self) -> str | None: ...
    @property
    def psid(self) -> int | None: ...
    @property
    def generation_time(self) -> int | None: ...
    @property
    def expiry_time(self) -> int | None: ...
    @property
    def generation_location(self) -> tuple[int, int] | None: ...
    @property
    def signer(self) -> bytes | None: ...
    @property
    def with_certificate(self) -> bool: ...
    @property
    def algorithm(self) -> str | None: ...
    @property
    def certificate_algorithm(self) -> str | None: ...
    @property
    def anchored(self) -> bool: ...
    @property
    def payload(self) -> tuple[int, int] | None: ...
    @property
    def ssp(self) -> bytes | None: ...
    @property
    def missing(self) -> bytes | None:
        """HashedId8 of the certificate without which nothing more can be said."""

    @property
    def p2pcd_requests(self) -> list[bytes]:
        """HashedId3 of the certificates that the sender asks for."""

    @property
    def requested_certificate(self) -> tuple[int, int] | None:
        """Where in the message a certificate lies that somebody had asked for."""

@final
class CertificateVerdict:
    """Whether a certificate holds."""

    @property
    def readable(self) -> bool: ...
    @property
    def signature(self) -> str | None:
        """The issuer's signature; `None` if there is no issuer at hand or none needed."""

    @property
    def chain(self) -> str:
        """The chain up to a trusted root, or why the certificate could not be read."""

    @property
    def hashed_id8(self) -> bytes | None: ...
    @property
    def digest(self) -> bytes | None: ...
    @property
    def algorithm(self) -> str | None: ...
    @property
    def signed_with(self) -> str | None: ...
    @property
    def window_us(self) -> tuple[int, int] | None:
        """First and last microsecond (Time64) in which it and its known issuers hold."""

    @property
    def public_point(self) -> bytes | None:
        """An ECDSA key on a NIST curve as uncompressed SEC 1 octets."""

@final
class Located:
    """A secured message found in a capture."""

    @property
    def frame(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def network(self) -> str: ...
    @property
    def psid(self) -> int | None: ...
    @property
    def timestamp_ns(self) -> int | None: ...
    @property
    def legacy_v2(self) -> bool: ...
    @property
    def missing(self) -> int: ...
    @property
    def fragments(self) -> list[int]: ...
    @property
    def joined(self) -> bytes | None: ...

@final
class CaptureContents:
    """What is in a capture: secured messages, and counts of what else there is."""

    @property
    def messages(self) -> list[Located]: ...
    @property
    def frames(self) -> int: ...
    @property
    def unsecured(self) -> int: ...
    @property
    def incomplete(self) -> int: ...
    @property
    def damage(self) -> str | None: ...

@final
class SignatureMatcher:
    """Signatures, each of octets and the only offset where they count, in one automaton."""

    def __new__(
        cls, signatures: list[tuple[bytes, int | None]], max_hits: int
    ) -> SignatureMatcher: ...
    def scan(self, data: bytes) -> list[tuple[int, list[int]]]:
        """Every hit in `data`: index of the signature, and its offsets ascending."""

    def scan_files(
        self, paths: list[str], limit: int
    ) -> list[tuple[int, bool, str | None, list[tuple[int, list[int]]]]]:
        """Of each file: octets read, whether more than `limit`, what went wrong, and the hits."""

@final
class CertificateOutline:
    """What an X.509 certificate or a public key says, as far as it can be read."""

    @property
    def length(self) -> int: ...
    @property
    def serial(self) -> str | None: ...
    @property
    def issuer(self) -> str | None: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def not_before(self) -> str | None: ...
    @property
    def not_after(self) -> str | None: ...
    @property
    def signature_oid(self) -> str | None: ...
    @property
    def signature_parameters(self) -> bytes | None: ...
    @property
    def key_oid(self) -> str | None: ...
    @property
    def key_parameters(self) -> bytes | None: ...
    @property
    def key_bits(self) -> int | None: ...
    @property
    def spki(self) -> bytes | None: ...
    @property
    def is_ca(self) -> bool | None: ...
    @property
    def key_usage(self) -> int | None: ...
    @property
    def purposes(self) -> list[str]: ...
    @property
    def second_key_oid(self) -> str | None: ...
    @property
    def second_signature_oid(self) -> str | None: ...
    @property
    def self_issued(self) -> bool: ...
    @property
    def defects(self) -> list[str]: ...

def base64_lines(text: bytes) -> bytes | None:
    """The octets of well-formed base64 in lines of any length, or None."""

def certificate_outline(data: bytes) -> CertificateOutline | None:
    """The outline of the certificate at the start of `data`, or None if there is none."""

def public_key_outline(data: bytes) -> CertificateOutline | None:
    """The outline of the SubjectPublicKeyInfo at the start of `data`, or None."""

def read_capture(file: bytes) -> CaptureContents:
    """Find the secured messages of a pcap or pcapng file."""

def find_messages(log: bytes) -> list[tuple[int, int]]:
    """Offset and length of every signed or encrypted message in a binary log."""

def describe_message(message: bytes) -> dict[str, Any]:
    """A message as a tree; an unreadable one is `{"error": reason, "offset": …}`."""

def describe_certificate(certificate: bytes) -> dict[str, Any]:
    """A certificate as a tree; an unreadable one is `{"error": reason, "offset": …}`."""

def certificate_digest(certificate: bytes) -> tuple[bytes, str]:
    """The whole hash of a certificate's canonical form, and the hash's name."""

def signer_certificates(message: bytes) -> list[bytes]:
    """The certificates a message brings, as received: its signer's chain, and a requested one."""

def butterfly_expansions(
    key: bytes, encryption: bool, indices: list[tuple[int, int]]
) -> list[bytes]:
    """f_k(i, j) for each pair, 32 bytes big-endian, below the order of P-256."""

def butterfly_cocoons(
    caterpillar: bytes, key: bytes, encryption: bool, indices: list[tuple[int, int]]
) -> list[bytes]:
    """The caterpillar + f_k(i, j)·G for each pair, as uncompressed points; without the GIL."""

def p256_add_base(point: bytes, scalar: bytes) -> bytes:
    """`point` + `scalar`·G on P-256, uncompressed."""

def p256_multiply_add(scalar: bytes, point: bytes, other: bytes) -> bytes:
    """`scalar`·`point` + `other` on P-256, uncompressed."""

def hash_of(algorithm_id: str) -> str:
    """The name of the hash that goes with a key of this algorithm."""

def fn_dsa_count_valid(public_key: bytes, messages: list[bytes], signatures: list[bytes]) -> int:
    """How many FN-DSA-512 signatures hold by the library's own verification."""

def signing_digest(algorithm_id: str, signed: bytes, signer_digest: bytes | None = None) -> bytes:
    """What a signer signs: H(H(signed) ‖ H(signer's certificate))."""

def encode_to_be_signed_data(payload: bytes, header: Any, external_sha256: bool = False) -> bytes:
    """`ToBeSignedData` around a payload, or around the SHA-256 of one that travels another way."""

def encode_signed_data(
    to_be_signed: bytes,
    algorithm_id: str,
    signature: bytes,
    digest: bytes | None = None,
    certificate: bytes | None = None,
) -> bytes:
    """The whole message; without `digest` and `certificate` the signer is "self"."""

def encode_to_be_signed_certificate(
    contents: Any,
    algorithm_id: str,
    key: bytes,
    implicit: bool = False,
    alt_signature: bytes | None = None,
) -> bytes:
    """`ToBeSignedCertificate`."""

def encode_certificate(
    to_be_signed: bytes,
    issuer_algorithm_id: str,
    issuer_id: bytes | None = None,
    signature_algorithm_id: str | None = None,
    signature: bytes | None = None,
) -> bytes:
    """The certificate: without `issuer_id` a root, without `signature` an implicit one."""

@final
class CascadeResponder:
    def __new__(
        cls,
        bits: bytes,
        count: int,
        *,
        variant: str,
        error_rate: float,
        seed: int,
        frame_bits: int,
    ) -> CascadeResponder: ...
    def answer(self, message: bytes) -> bytes: ...
    def extend(self, passes: int) -> None: ...
    @property
    def revealed(self) -> int: ...
    @property
    def done(self) -> bool: ...

@final
class CascadeCorrector:
    def __new__(
        cls,
        bits: bytes,
        count: int,
        *,
        variant: str,
        error_rate: float,
        seed: int,
        frame_bits: int,
    ) -> CascadeCorrector: ...
    def start(self) -> bytes: ...
    def receive(self, answer: bytes) -> bytes: ...
    def extend(self, passes: int) -> bytes: ...
    @property
    def asked(self) -> int: ...
    @property
    def done(self) -> bool: ...
    def corrected(self) -> bytes: ...

def toeplitz(seed: bytes, bits: bytes, count: int, output_bits: int) -> bytes: ...
def toeplitz_kernel() -> str: ...
def authentication_tag(key: bytes, pad: bytes, message: bytes) -> bytes: ...

@final
class FlowReader:
    """The flows of a capture in batches, each flow as ``crates/flows`` describes `Flow`."""

    def __new__(
        cls,
        source: bytes | mmap | str | PathLike[str],
        *,
        max_flows: int = 65536,
        max_held_bytes: int = 67108864,
    ) -> FlowReader: ...
    def __iter__(self) -> FlowReader: ...
    def __next__(self) -> list[dict[str, Any]]: ...
    def summary(self) -> dict[str, Any]: ...
    @property
    def frames(self) -> int: ...
    @property
    def error(self) -> str | None: ...

def read_answer(protocol: str, data: bytes) -> dict[str, Any] | None: ...
def read_tls_recording(up: bytes, down: bytes) -> dict[str, Any]: ...
