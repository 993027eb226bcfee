"""TLS 1.3 with mutual authentication, sans-I/O: bytes in, bytes out, and a verdict.

The only module that calls what pyOpenSSL keeps private: there is no public way to set groups and
signature algorithms, to see which signature was used, or to verify at a given time. Everything the
profile asks for is configured before the handshake and checked again after it (`roadseal.net.watch`
does), so a session outside the profile is refused even if the library should one day ignore what it
was told.

Not for several threads: one event loop, one thread.

Source: RFC 8446; X25519MLKEM768 draft-ietf-tls-ecdhe-mlkem; ML-DSA draft-ietf-tls-mldsa.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL, _util, crypto

from roadseal.clock import Time64, to_datetime
from roadseal.errors import RoadsealError
from roadseal.net.identity import Identity
from roadseal.net.profile import TlsProfile
from roadseal.net.session import Side, TlsSession
from roadseal.net.watch import MESSAGE_HEAD_BYTES, CompletedHandshake, Demands, HandshakeWatch

MAX_HANDSHAKE_BYTES: Final = 65_536
"""A mutual ML-DSA-65 handshake with an intermediate needs about 16 KB in each direction."""

_lib: Any = _util.lib
_ffi: Any = _util.ffi
_NO_AUTO_CHAIN: Final = 0x8  # SSL_MODE_NO_AUTO_CHAIN: else OpenSSL sends the root as well
_HANDSHAKE: Final = 22  # the record's content type, RFC 8446 5.1


class TlsContext:
    """One endpoint's configuration, shared by its sessions.

    Args:
        side: client or server.
        profile: what to offer and accept.
        identities: own certificates, at most one for each of the profile's algorithms;
            the peer's signature algorithms select among them.
        roots: trust anchors for the peer's chain.
        keylog: receives every session's secrets (NSS key log lines); only for a drill.
        anonymous: a server admits clients without a certificate, and a client needs none: for
            enrolment, where the first certificate is what the client comes for.
        leaf_grace_s: a server admits a client's certificate that expired up to this long ago; the
            service must look at it again.

    Raises:
        RoadsealError: ``identity-outside-profile``, ``tls-unsupported``.
    """

    def __init__(
        self,
        side: Side,
        profile: TlsProfile,
        identities: Sequence[Identity],
        roots: Collection[x509.Certificate],
        *,
        keylog: Callable[[bytes], None] | None = None,
        anonymous: bool = False,
        leaf_grace_s: float = 0.0,
    ) -> None:
        algorithms = [identity.algorithm for identity in identities]
        none_needed = anonymous and side is Side.CLIENT
        if not (algorithms or none_needed) or not set(algorithms) <= set(
            profile.certificate_algorithms
        ):
            raise RoadsealError(
                "identity-outside-profile",
                f"Profile {profile.name} has no use for the identities {algorithms}.",
                advice=f"Give one with {' or '.join(profile.certificate_algorithms)}.",
            )
        self.side = side
        self.profile = profile
        self._roots = frozenset(roots)
        self._anonymous = anonymous
        self._leaf_grace_s = leaf_grace_s if side is Side.SERVER else 0.0
        self._context = _configure(side, profile, anonymous=anonymous)
        store = self._context.get_cert_store()
        if store is not None:
            if profile.strict:
                store.set_flags(crypto.X509StoreFlags.X509_STRICT)
            for root in self._roots:
                store.add_cert(crypto.X509.from_cryptography(root))
        for identity in identities:
            _load(self._context, identity)
        if keylog is not None:
            self._context.set_keylog_callback(lambda _connection, line: keylog(line))

    def session(
        self,
        *,
        at: Time64,
        expect: Collection[str] | None = None,
        require: TlsProfile | None = None,
        cpu_s: Callable[[], float] | None = None,
        max_handshake_bytes: int = MAX_HANDSHAKE_BYTES,
    ) -> TlsSession:
        """Start a session.

        Args:
            at: the instant at which certificates must be valid.
            expect: the peer must own one of these names (DNS or URI, exact);
                None admits whoever chains to a root and leaves the rest to the caller.
            require: accept only this narrower profile, for a peer once seen to support more.
            cpu_s: a CPU clock; the session then sums what its own steps cost.
            max_handshake_bytes: refuse a peer that sends more before the session is open.

        Raises:
            RoadsealError: ``identity-required``: a client must say whom it expects.
        """
        if self.side is Side.CLIENT and expect is None:
            raise RoadsealError(
                "identity-required",
                "A client must say whom it expects.",
                advice="Pass the names that the server's certificate may carry.",
            )
        watch = HandshakeWatch(
            Demands(
                side=self.side,
                profile=require or self.profile,
                roots=self._roots,
                expect=None if expect is None else frozenset(expect),
                anonymous=self._anonymous,
                expired_after=to_datetime(at) - timedelta(seconds=self._leaf_grace_s),
            )
        )
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(watch)
        handle = connection._ssl
        _watches[int(_ffi.cast("uintptr_t", handle))] = watch
        parameters = _lib.SSL_get0_param(handle)
        _lib.X509_VERIFY_PARAM_set_time(parameters, int(to_datetime(at).timestamp()))
        if self.side is Side.CLIENT:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return TlsSession(
            self.side,
            connection,
            judge=lambda: watch.judge(_completed(connection)),
            objection=lambda: watch.refusal,
            cpu_s=cpu_s,
            max_handshake_bytes=max_handshake_bytes,
        )


_watches: WeakValueDictionary[int, HandshakeWatch] = WeakValueDictionary()


@_ffi.callback("void(int, int, int, const void *, size_t, SSL *, void *)")  # type: ignore[untyped-decorator]  # cffi has no types
def _on_message(
    written: int, _version: int, content_type: int, data: Any, size: int, ssl: Any, _argument: Any
) -> None:
    watch = _watches.get(int(_ffi.cast("uintptr_t", ssl)))
    if watch is not None and content_type == _HANDSHAKE and size:
        ours = watch.demands.side
        sender = ours if written else ours.peer
        watch.message(sender, bytes(_ffi.buffer(data, min(size, MESSAGE_HEAD_BYTES))))


def _on_certificate(
    connection: SSL.Connection, found: crypto.X509, code: int, depth: int, ok: int
) -> bool:
    watch = connection.get_app_data()
    if not isinstance(watch, HandshakeWatch):
        return False
    words = "" if ok else _ffi.string(_lib.X509_verify_cert_error_string(code)).decode()
    return watch.certificate(found.to_cryptography, depth, 0 if ok else code, words)


def _completed(connection: SSL.Connection) -> CompletedHandshake:
    return CompletedHandshake(
        version=connection.get_protocol_version_name(),
        group=str(connection.get_group_name()),
        cipher_suite=connection.get_cipher_name() or "",
        resumed=bool(_lib.SSL_session_reused(connection._ssl)),
        certificate=connection.get_peer_certificate(as_cryptography=True),
        chain=tuple(connection.get_verified_chain(as_cryptography=True) or ()),
    )


def _configure(side: Side, profile: TlsProfile, *, anonymous: bool) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(
        SSL.OP_NO_TICKET
        | SSL.OP_NO_COMPRESSION
        | SSL.OP_NO_RENEGOTIATION
        | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_mode(_NO_AUTO_CHAIN)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_tls13_ciphersuites(":".join(profile.cipher_suites).encode())
    # A slash ranks: the server asks again rather than settle for a lower group it was sent.
    groups = ("/" if side is Side.SERVER else ":").join(profile.groups)
    schemes = ":".join(profile.signature_schemes)
    handle = context._context
    if not (
        _lib.SSL_CTX_set1_curves_list(handle, groups.encode())
        and _lib.SSL_CTX_set1_sigalgs_list(handle, schemes.encode())
    ):
        raise RoadsealError(
            "tls-unsupported",
            f"This OpenSSL cannot do all of profile {profile.name}: {groups}; {schemes}.",
            advice="Install cryptography 50 or newer, which brings OpenSSL 4.",
        )
    required = 0 if anonymous else SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    context.set_verify(SSL.VERIFY_PEER | required, _on_certificate)
    _lib.SSL_CTX_set_msg_callback(handle, _on_message)
    return context


def _load(context: SSL.Context, identity: Identity) -> None:
    chain = b"".join(
        certificate.public_bytes(Encoding.PEM)
        for certificate in (identity.certificate, *identity.chain)
    )
    # The only bound call that gives a certificate its own chain reads a file; it holds no secret.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(chain)
        file.flush()
        context.use_certificate_chain_file(file.name)
    der = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = crypto.load_privatekey(crypto.FILETYPE_ASN1, der)
    # Context.use_privatekey takes no ML-DSA key of `cryptography` and deprecates its own.
    if not _lib.SSL_CTX_use_PrivateKey(context._context, key._pkey):
        raise RoadsealError(
            "identity-unusable",
            f"The key does not fit the certificate of {', '.join(sorted(identity.names))}.",
            advice="Give each certificate its own key.",
        )
