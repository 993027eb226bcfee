"""Messages on the wire: post-quantum TLS between roadside and centre, and links to measure it on.

`connect` and `serve` carry messages over mutually authenticated TLS 1.3; a `TlsProfile` says what a
session may be made of; `serve_http` and `HttpClient` speak HTTP/1.1 inside one. `Relay` puts a
backhaul medium between them, `measure_handshakes` measures (through it, or through the kernel's
netem), and `classical_secrets_opened` shows what a quantum adversary gets out of a recording.
"""

from roadseal.net.capture import KeyExchange, Reading, Recording, read_key_exchange
from roadseal.net.http import Handler, HttpLimits, Request, Response
from roadseal.net.http_client import HttpClient
from roadseal.net.http_server import serve_http, serve_plain_http
from roadseal.net.identity import Authority, Identity
from roadseal.net.link import LOOPBACK, Link, load_links, shipped_links
from roadseal.net.measure import measure_handshakes
from roadseal.net.netem import require_netem
from roadseal.net.profile import (
    CLASSICAL,
    HYBRID,
    HYBRID_TRANSITION,
    INTEROP,
    PQC,
    PROFILES,
    TlsProfile,
    tls_profile,
    widened,
)
from roadseal.net.qday import Opened, Outcome, QuantumOracle, classical_secrets_opened
from roadseal.net.refusal import Reason, Refusal
from roadseal.net.relay import Relay
from roadseal.net.samples import HandshakeSample, HandshakeSummary, Impairment, summarise
from roadseal.net.server import TlsServer, serve
from roadseal.net.session import Negotiated, Side, State, TlsSession
from roadseal.net.stream import StreamLimits, TlsRefusedError, TlsStream, connect
from roadseal.net.tls import TlsContext

__all__ = [
    "CLASSICAL",
    "HYBRID",
    "HYBRID_TRANSITION",
    "INTEROP",
    "LOOPBACK",
    "PQC",
    "PROFILES",
    "Authority",
    "Handler",
    "HandshakeSample",
    "HandshakeSummary",
    "HttpClient",
    "HttpLimits",
    "Identity",
    "Impairment",
    "KeyExchange",
    "Link",
    "Negotiated",
    "Opened",
    "Outcome",
    "QuantumOracle",
    "Reading",
    "Reason",
    "Recording",
    "Refusal",
    "Relay",
    "Request",
    "Response",
    "Side",
    "State",
    "StreamLimits",
    "TlsContext",
    "TlsProfile",
    "TlsRefusedError",
    "TlsServer",
    "TlsSession",
    "TlsStream",
    "classical_secrets_opened",
    "connect",
    "load_links",
    "measure_handshakes",
    "read_key_exchange",
    "require_netem",
    "serve",
    "serve_http",
    "serve_plain_http",
    "shipped_links",
    "summarise",
    "tls_profile",
    "widened",
]
