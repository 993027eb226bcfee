"""Services that are told to use cryptography and not which: the library, or another file, decides.

What it decides differs by version and by system, so nothing is known of it but that it is there.

Sources: ngx_http_ssl_module (``listen … ssl``); mod_ssl (``SSLEngine``); HAProxy's configuration
manual §5.1 (``ssl``); mosquitto.conf(5) (``certfile``); openvpn(8), "TLS Mode Options";
swanctl.conf(5) and ipsec.conf(5) (proposals have a default); sshd_config(5) (``KexAlgorithms``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.finding import AlgorithmUse, Role

TEXT = "without a choice of algorithms: the library's defaults, or another file's"


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """How a configuration language turns cryptography on, and how it chooses algorithms.

    Args:
        turns_on: whether a directive does.
        choosers: directives, in lower case, any of which makes a choice.
        default: canonical name of what is used without one.
    """

    turns_on: Callable[[Directive], bool]
    choosers: frozenset[str]
    default: str

    def find(self, statements: Sequence[Directive]) -> tuple[Directive, list[AlgorithmUse]] | None:
        """The first directive that turns on what no directive chooses."""
        first: Directive | None = None
        for one in statements:
            name = one.name.lower()
            if name in self.choosers and one.value.lower() not in {"", "default"}:
                return None
            if first is None and self.turns_on(one):
                first = one
        return (first, [AlgorithmUse(self.default, Role.KEY_EXCHANGE)]) if first else None


def _named(*names: str, but: Sequence[str] = ()) -> Callable[[Directive], bool]:
    return lambda one: one.name.lower() in names and one.value.lower() not in but


def _nginx(one: Directive) -> bool:
    words = {word.lower() for word in one.words}
    return (one.name == "listen" and bool(words & {"ssl", "quic"})) or (
        one.name == "ssl" and words == {"on"}
    )


def _haproxy(one: Directive) -> bool:
    words = {word.lower() for word in one.words}
    chosen = words & {"ciphers", "ciphersuites", "curves", "ecdhe"}
    return one.name.lower() == "bind" and "ssl" in words and not chosen


NGINX = LeftOpen(
    _nginx, frozenset({"ssl_ciphers", "ssl_ecdh_curve", "ssl_conf_command"}), "tls-default"
)
APACHE = LeftOpen(
    _named("sslengine", but=("off",)),
    frozenset({"sslciphersuite", "sslopensslconfcmd"}),
    "tls-default",
)
HAPROXY = LeftOpen(
    _haproxy,
    frozenset(f"ssl-default-bind-{each}" for each in ("ciphers", "ciphersuites", "curves")),
    "tls-default",
)
MOSQUITTO = LeftOpen(
    _named("certfile", "bridge_cafile"), frozenset({"ciphers", "ciphers_tls1.3"}), "tls-default"
)
OPENVPN = LeftOpen(
    _named("ca", "cert", "pkcs12", "tls-client", "tls-server", "peer-fingerprint"),
    frozenset({"tls-cipher", "tls-ciphersuites", "tls-groups", "ecdh-curve"}),
    "tls-default",
)
SWANCTL = LeftOpen(_named("remote_addrs", "local_addrs"), frozenset({"proposals"}), "ike-default")
IPSEC = LeftOpen(
    _named("authby", "leftcert", "leftauth", "leftid", "rightid"), frozenset({"ike"}), "ike-default"
)
SSHD = LeftOpen(
    _named("hostkey", "permitrootlogin", "usepam", "subsystem", "authorizedkeysfile"),
    frozenset({"kexalgorithms"}),
    "ssh-default",
)
