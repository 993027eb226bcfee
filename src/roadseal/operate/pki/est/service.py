"""Enrolment over EST: one value in, one value out; `roadseal.net` puts it on post-quantum TLS.

A device comes once with a bootstrap credential, a secret or its manufacturer's certificate, and
afterwards with the certificate it has. What it asks for is checked against who it is: nobody gets a
certificate for another.

Source: RFC 7030 §§ 3.2, 4.1 to 4.5; RFC 8951 (what is encoded how); RFC 9908
(csrattrs).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from roadseal.clock import Clock
from roadseal.crypto import Purpose
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.net import Request, Response
from roadseal.operate.pki.authority import Authority, Issued
from roadseal.operate.pki.est.enrolment import Enrolled, Enrolments
from roadseal.operate.pki.est.makers import Makers
from roadseal.operate.pki.est.messages import (
    CSR_ATTRIBUTES,
    ENCODING,
    REQUEST,
    WELL_KNOWN,
    certificates_response,
    decode_body,
    encode_body,
    encode_csr_attributes,
)
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import DAY_S, IssueRequest, read_request

_DECLINED: Final = {
    "serverkeygen": "A key is made where it will live: make it on the device and use simpleenroll.",
    "fullcmc": "There is no full CMC here: use simpleenroll and simplereenroll.",
}
"""The optional operations of RFC 7030 §§ 4.3 and 4.4, and what to do instead."""

_UNAUTHORIZED: Final = Response(
    401, {"www-authenticate": 'Basic realm="roadseal"', "content-type": "text/plain"}
)


@dataclass(frozen=True, slots=True)
class EstPolicy:
    """What a device gets.

    Args:
        life_s: validity of its certificates, seconds.
        grace_s: how long after its end a certificate still renews itself, once.
        template: kind of certificate.
    """

    life_s: int = 30 * DAY_S
    grace_s: int = 7 * DAY_S
    template: str = "device"


class EstService:
    """The EST server of one authority; `handle` is a `roadseal.net.Handler`."""

    def __init__(
        self,
        authority: Authority,
        enrolments: Enrolments,
        *,
        clock: Clock,
        emit: Emit,
        policy: EstPolicy | None = None,
        makers: Makers | None = None,
    ) -> None:
        self._authority = authority
        self._enrolments = enrolments
        self._clock = clock
        self._emit = emit
        self._policy = policy or EstPolicy()
        self._makers = makers

    @property
    def name(self) -> str:
        """The authority's, which is its label in addresses (RFC 7030 §3.2.2)."""
        return self._authority.name

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The authority's certificates, its own first."""
        return self._authority.chain

    async def handle(self, request: Request) -> Response:
        """Answer one request; never raises for what the client does."""
        operation = self._operation(request)
        if operation is None:
            return Response(404)
        try:
            match request.method, operation:
                case "GET", "cacerts":
                    return certificates_response(self._authority.chain)
                case "GET", "csrattrs":
                    accepted = self._authority.profile[Purpose.TLS_AUTHENTICATION].accept
                    body = encode_body(encode_csr_attributes(accepted))
                    return Response(200, {"content-type": CSR_ATTRIBUTES, **ENCODING}, body)
                case "POST", "simpleenroll" | "simplereenroll":
                    return self._enrol(request, renews=operation == "simplereenroll")
                case _, "cacerts" | "csrattrs" | "simpleenroll" | "simplereenroll":
                    return Response(405)
                case "POST", "serverkeygen" | "fullcmc":
                    return _declined(operation)
            return Response(404)
        except RoadsealError as error:
            return self._refused(request, error)

    def _operation(self, request: Request) -> str | None:
        prefix, rest = request.segments[:2], request.segments[2:]
        if prefix != WELL_KNOWN or not 1 <= len(rest) <= 2:
            return None
        if len(rest) == 2 and rest[0] != self._authority.name:  # RFC 7030 §3.2.2: a CA label
            return None
        return rest[-1]

    def _enrol(self, request: Request, *, renews: bool) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != REQUEST:
            return Response(415)
        encoded = decode_body(request.body)
        key, csr = read_request(encoded)
        self._authority.refuse_key(key, self._policy.template)  # before a secret is spent on it
        who = self._who(request, key, renews=renews)
        if who is None:
            return _UNAUTHORIZED
        _refuse_other_names(csr, who)
        # A key gets one certificate for one occasion, however often it asks; the occasion of a
        # device without a certificate is its key, so that a second invitation doubles nothing.
        issued = self._issue(
            encoded, who, key, "bootstrap" if who.template is None else who.occasion
        )
        if who.template is None and issued.not_after < self._clock.now():
            issued = self._issue(encoded, who, key, who.occasion)
        return certificates_response([x509.load_der_x509_certificate(issued.certificate)])

    def _issue(self, csr: bytes, who: Enrolled, key: PublicKey, occasion: str) -> Issued:
        return self._authority.issue(
            IssueRequest(
                csr,
                who.identity,
                who.idempotency_key or f"est/{occasion}/{key.hashes[0].hex()}",
                who.names,
                self._policy.life_s,
                who.template or self._policy.template,
            )
        )

    def _who(self, request: Request, key: PublicKey, *, renews: bool) -> Enrolled | None:
        certificate = request.peer.peer_certificate if request.peer else None
        chain = request.peer.peer_chain if request.peer else ()
        if self._makers is not None and not renews and self._makers.knows(chain):
            return self._makers.recognise(chain, key, self._clock.now())
        if certificate is not None:
            return self._enrolments.by_certificate(
                certificate, key, self._clock.now(), renews=renews, grace_s=self._policy.grace_s
            )
        if renews:
            return None
        credential = _basic(request.headers.get("authorization", ""))
        if credential is None:
            return None
        return self._enrolments.by_secret(*credential, key, self._clock.now())

    def _refused(self, request: Request, error: RoadsealError) -> Response:
        peer = request.peer
        subject = ", ".join(sorted(peer.peer_names)) if peer and peer.peer_names else "unknown"
        self._emit(Event(self._clock.now(), subject, "est.refused", {"reason": error.code}))
        headers = {"content-type": "text/plain; charset=utf-8"}
        text = f"{error.code}: {error}\n".encode()
        match error.code:
            case "pki-approval":
                return Response(202, headers | {"retry-after": "60"}, text)
            case "est-credential":
                return Response(401, dict(_UNAUTHORIZED.headers), text)
            case "est-maker" | "est-identity" | "pki-revoked" | "pki-key-blocked" | "est-grace":
                return Response(403, headers, text)
            case "pki-module":
                return Response(503, headers | {"retry-after": "60"}, text)
        return Response(400, headers, text)


def _declined(operation: str) -> Response:
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Response(501, headers, f"est-{operation}: {_DECLINED[operation]}\n".encode())


def _refuse_other_names(csr: x509.CertificateSigningRequest, who: Enrolled) -> None:
    """A request may leave names out; those it has must be its own (RFC 7030 §4.2.2)."""
    asked: set[str] = set()
    try:
        names = csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        asked |= {str(one.value) for one in names}
        found = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        asked |= {str(name.value) for name in found}
    except x509.ExtensionNotFound:
        pass
    except Exception:  # names can be malformed in more ways than the library has errors for
        asked.add("an unreadable name")
    if others := asked - {who.identity, *who.names}:
        raise RoadsealError(
            "est-identity",
            f"{who.identity} asked for a certificate for {min(others)[:80]!r}.",
            advice="Ask under the name that was enrolled, or leave names out.",
        )


def _basic(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header (RFC 7617)."""
    scheme, _, value = header.partition(" ")
    try:
        user, colon, password = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    usable = scheme.lower() == "basic" and colon and "\0" not in user
    return (user, password) if usable else None
