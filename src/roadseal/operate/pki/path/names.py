"""Names: when two are the same, and when one lies outside name constraints.

Source: RFC 5280 clauses 4.2.1.10 and 7.1.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from roadseal.operate.pki.path.extensions import extension

_KINDS: Final = (
    x509.DNSName,
    x509.RFC822Name,
    x509.UniformResourceIdentifier,
    x509.IPAddress,
    x509.DirectoryName,
)


def same_name(one: x509.Name, other: x509.Name) -> bool:
    """Whether two distinguished names are equal, without regard to case and repeated spaces."""
    return one == other or _folded(one) == _folded(other)


def outside_constraints(
    certificate: x509.Certificate,
    constraints: Sequence[x509.NameConstraints],
    spend: Callable[[int], None],
) -> str | None:
    """Return what lies outside `constraints`, or None if everything lies inside.

    Args:
        certificate: whose names are held to them.
        constraints: of every authority above it.
        spend: told how many comparisons this takes before they are made; it may raise.
    """
    if not constraints:
        return None
    names = list(_names(certificate))
    subtrees = sum(
        len(one.permitted_subtrees or ()) + len(one.excluded_subtrees or ()) for one in constraints
    )
    spend(len(names) * subtrees)
    for name in names:
        for one in constraints:
            bases = (*(one.permitted_subtrees or ()), *(one.excluded_subtrees or ()))
            if not is_whole(name) and any(_comparable(name, base) for base in bases):
                return f"{name.value} is no name that a constraint could be held to"
            if any(_touches(name, base) for base in one.excluded_subtrees or ()):
                return f"{name.value} is excluded"
            permitted = [base for base in one.permitted_subtrees or () if _comparable(name, base)]
            if permitted and not any(_within(name, base) for base in permitted):
                return f"{name.value} is not permitted"
            unknown = not isinstance(name, _KINDS)
            if unknown and any(type(base) is type(name) for base in bases):
                return "a constraint on a kind of name that is not understood"
    return None


def is_whole(name: x509.GeneralName) -> bool:
    """Whether a name is what its kind says: a URI with a host, labels, one address, one mailbox."""
    match name:
        case x509.UniformResourceIdentifier():
            return _uri_host(name.value) is not None
        case x509.DNSName():
            return all(name.value.removesuffix(".").split("."))
        case x509.IPAddress():
            return isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address)
        case x509.RFC822Name():
            local, at, host = name.value.partition("@")
            is_quoted = local.startswith('"')  # "\\f\\o\\o"@host and foo@host are one mailbox
            return bool(local and at and host) and "@" not in host and not is_quoted
    return True


def _names(certificate: x509.Certificate) -> Iterable[x509.GeneralName]:
    if certificate.subject.rdns:
        yield x509.DirectoryName(certificate.subject)
    alternative = extension(certificate, x509.SubjectAlternativeName)
    if alternative is None:
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            yield x509.RFC822Name(str(attribute.value))
    else:
        yield from alternative


def _comparable(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    return type(name) is type(base)


def _within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    match name, base:
        case x509.DNSName(), x509.DNSName():
            return _dns_within(name.value, base.value)
        case x509.RFC822Name(), x509.RFC822Name():
            return _email_within(name.value, base.value)
        case x509.UniformResourceIdentifier(), x509.UniformResourceIdentifier():
            host = _uri_host(name.value)
            return host is not None and _host_within(host, base.value)
        case x509.IPAddress(), x509.IPAddress():
            network = base.value
            return (
                isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network)
                and isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address)
                and name.value.version == network.version
                and name.value in network
            )
        case x509.DirectoryName(), x509.DirectoryName():
            inner, outer = _folded(name.value), _folded(base.value)
            return inner[: len(outer)] == outer
    return False


def _uri_host(uri: str) -> str | None:
    """The host of a URI by name; None without one, which no constraint admits (§4.2.1.10)."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host or None
    return None


def _touches(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """Whether a name lies in an excluded subtree, or is a wildcard for a name that does."""
    if _within(name, base):
        return True
    if not (isinstance(name, x509.DNSName) and isinstance(base, x509.DNSName)):
        return False
    star, _, parent = _labels(name.value).partition(".")
    return star == "*" and _labels(base.value).partition(".")[2] == parent


def _dns_within(name: str, base: str) -> bool:
    """A base that begins with a dot means names below it only, as it does for hosts of URIs."""
    name, base = _labels(name), _labels(base)
    if base.startswith("."):
        return name.endswith(base)
    return not base or name == base or name.endswith("." + base)


def _labels(name: str) -> str:
    return name.lower().rstrip(".")


def _email_within(name: str, base: str) -> bool:
    local, _, host = name.rpartition("@")
    if "@" in base:
        base_local, _, base_host = base.rpartition("@")
        return (local, host.lower()) == (base_local, base_host.lower())
    return _host_within(host, base)


def _host_within(host: str, base: str) -> bool:
    host, base = _labels(host), _labels(base)
    return host.endswith(base) if base.startswith(".") else not base or host == base


def _folded(name: x509.Name) -> list[frozenset[tuple[str, str | bytes]]]:
    return [
        frozenset((one.oid.dotted_string, _fold(one.value)) for one in rdn) for rdn in name.rdns
    ]


def _fold(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
