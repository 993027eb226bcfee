"""Web servers and proxies that serve, or pass on, without TLS.

A listener on the machine itself and one that only sends people to HTTPS carry nothing away; a
proxy that passes TCP on does not know what is in it. They are said, and not counted.

Sources: ngx_http_core_module (listen), ngx_http_proxy_module; Apache httpd 2.4 core and mod_ssl;
HAProxy 2.6 configuration manual §4.2 (bind, server, redirect) and §9.3 (stats socket).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence

from roadseal.assess.inventory.config.credentials import known_to_all
from roadseal.assess.inventory.config.directive import Block, Directive
from roadseal.assess.inventory.config.format import PLAIN, PLAIN_ASIDE, Said

_TO_HTTPS = re.compile(r"(?:^|\s)https://")
_NGINX_PASSES = {"proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass"}


def is_local(address: str) -> bool:
    """Whether an address with or without port never leaves the machine."""
    if address.startswith(("unix:", "unix@", "/", "abns@", "fd@", "sockpair@")):
        return True
    host = address.removeprefix("ipv4@").removeprefix("ipv6@")
    if match := re.fullmatch(r"\[([^\]]*)\](?::\S*)?", host):
        host = match[1]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def nginx(statements: Sequence[Directive]) -> Iterator[Said]:
    """Every ``listen`` without ``ssl``, and every pass to another machine without TLS."""
    servers: dict[Block, list[Directive]] = {}
    upstreams: dict[str, list[str]] = {}
    for one in statements:
        for block in one.blocks:
            if block.name == "server":
                servers.setdefault(block, []).append(one)
            elif block.name == "upstream" and block.words and one.name == "server":
                upstreams.setdefault(block.words[0], []).append(one.words[0] if one.words else "")
        if one.name in _NGINX_PASSES and one.words:
            yield from _nginx_pass(one, upstreams)
    for block, inside in servers.items():
        yield from _nginx_server(block, inside)


def _nginx_server(block: Block, inside: list[Directive]) -> Iterator[Said]:
    own = [one for one in inside if one.blocks[-1] == block]
    outer = {each.name for each in inside[0].blocks}
    listens = [one for one in own if one.name == "listen" and one.words]
    switched_on = any(one.name == "ssl" and one.value == "on" for one in own)
    starttls = any(one.name == "starttls" and one.value == "only" for one in own)
    if switched_on or starttls:
        return
    # of HTTP, only a location passes on
    passed_on = "stream" in outer or any(one.name == "proxy_pass" for one in own)
    elsewhere = any(
        _TO_HTTPS.search(one.value)
        for one in inside
        if one.name in {"return", "rewrite"} and one.blocks[-1].words in {(), ("/",)}
    )
    first = inside[0]
    if not listens and "http" in outer:  # the default, which is port 80
        listens = [Directive(first.line, "listen", ("80",), "server", True, (), first.uri)]
    for one in listens:
        if {"ssl", "quic"} & set(one.words):
            continue
        where = f"on {one.words[0]}"
        if is_local(one.words[0]):
            yield one, f"without TLS {where}, on this machine", [PLAIN_ASIDE]
        elif passed_on:
            yield one, f"TCP or UDP {where}, passed on as it comes", [PLAIN_ASIDE]
        elif elsewhere:
            yield one, f"without TLS {where}, sends to https://", [PLAIN_ASIDE]
        else:
            yield one, f"without TLS {where}", [PLAIN]


def _nginx_pass(one: Directive, upstreams: Mapping[str, Sequence[str]]) -> Iterator[Said]:
    scheme, parted, rest = one.words[0].partition("://")
    if not parted:
        scheme, rest = "", one.words[0]
        if one.name == "proxy_pass":
            return  # TCP as it comes
    if scheme.casefold() in {"https", "grpcs"}:
        return
    host = rest if rest.startswith("unix:") else rest.partition("/")[0]
    targets = upstreams.get(host) or [host]
    local = all(map(is_local, targets))
    text = "on this machine" if local else "to another machine"
    yield one, f"without TLS {text}", [PLAIN_ASIDE if local else PLAIN]


def apache(statements: Sequence[Directive]) -> Iterator[Said]:
    """Every virtual host without ``SSLEngine on``, and every proxy to ``http://``."""
    host: Directive | None = None
    inside: list[Directive] = []
    outside: list[Directive] = []
    hosts: list[tuple[Directive, list[Directive]]] = []
    for one in statements:
        name = one.name.casefold()
        if name == "<virtualhost":
            host, inside = one, []
        elif name == "</virtualhost>":
            if host:
                hosts.append((host, inside))
            host = None
        else:
            (inside if host else outside).append(one)
        if name in {"proxypass", "proxypassmatch", "balancermember"}:
            yield from _apache_pass(one)
    everywhere = _engine(outside)
    for host, inside in hosts:
        if not (_engine(inside) or everywhere):
            yield from _apache_host(host, inside)
    serves = any(one.name.casefold() in {"documentroot", "proxypass"} for one in outside)
    if not hosts and serves and not everywhere:
        for one in outside:
            plain = one.name.casefold() == "listen" and one.words and "https" not in one.words
            if plain and not one.words[0].endswith("443"):
                yield one, f"without TLS on {one.words[0]}", [PLAIN]


def _engine(statements: Sequence[Directive]) -> bool:
    engines = [one for one in statements if one.name.casefold() == "sslengine"]
    return bool(engines) and engines[-1].value.casefold() == "on"


def _apache_host(host: Directive, inside: Sequence[Directive]) -> Iterator[Said]:
    address = host.words[0].rstrip(">") if host.words else "every address"
    redirects = any(
        _TO_HTTPS.search(one.value)
        for one in inside
        if one.name.casefold() in {"redirect", "redirectpermanent", "redirectmatch", "rewriterule"}
    )
    said = Directive(host.line, "VirtualHost", (address,), host.section, False, (), host.uri)
    if is_local(address):
        yield said, f"without TLS on {address}, on this machine", [PLAIN_ASIDE]
    elif redirects:
        yield said, f"without TLS on {address}, sends to https://", [PLAIN_ASIDE]
    else:
        yield said, f"without TLS on {address}", [PLAIN]


def _apache_pass(one: Directive) -> Iterator[Said]:
    for each in one.words:
        scheme, parted, rest = each.partition("://")
        if parted and scheme.casefold() in {"http", "ws", "ajp", "fcgi", "scgi", "uwsgi"}:
            local = is_local(rest.partition("/")[0])
            text = "on this machine" if local else "to another machine"
            yield one, f"{scheme} without TLS {text}", [PLAIN_ASIDE if local else PLAIN]
            return


_HAPROXY_SECTIONS = {"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers",
                     "userlist", "cache", "program", "mailers", "ring", "http-errors"}  # fmt: skip


def haproxy(statements: Sequence[Directive]) -> Iterator[Said]:
    """Every ``bind`` and ``server`` of HTTP without ``ssl``; the statistics' credentials."""
    sections: list[tuple[str, list[Directive]]] = []
    for one in statements:
        if one.name in _HAPROXY_SECTIONS and (one.name != "cache" or one.words):
            sections.append((one.name, []))
        elif sections:
            sections[-1][1].append(one)
    inherited: list[Directive] = []
    for kind, inside in sections:
        if kind == "defaults":
            inherited = inside
        elif kind in {"frontend", "backend", "listen"}:
            yield from _haproxy_section(inside, inherited)
        for one in inside:
            yield from _haproxy_secret(kind, one)


def _haproxy_section(inside: list[Directive], inherited: list[Directive]) -> Iterator[Said]:
    modes = [one.value for one in (*inherited, *inside) if one.name == "mode"]
    http = bool(modes) and modes[-1] == "http"
    elsewhere = any(
        one.value.startswith(("scheme https", "redirect scheme https"))
        for one in inside
        if one.name in {"redirect", "http-request"}
    )
    statistics = any(one.name == "stats" for one in inside)
    secured = any(
        one.name == "default-server" and "ssl" in one.words for one in (*inherited, *inside)
    )
    for one in inside:
        if "ssl" in one.words or not one.words:
            continue
        if one.name == "bind":
            address = one.words[0]
            text = f"without TLS on {address}" + (", with statistics" if statistics else "")
        elif one.name == "server" and len(one.words) > 1 and not secured:
            address = one.words[1]
            text = "without TLS on the way to a server"
        else:
            continue
        if is_local(address):
            yield one, f"{text}, on this machine", [PLAIN_ASIDE]
        elif not http:
            yield one, "TCP, passed on as it comes", [PLAIN_ASIDE]
        elif elsewhere and one.name == "bind":
            yield one, f"{text}, sends to https://", [PLAIN_ASIDE]
        else:
            yield one, text, [PLAIN]


def _haproxy_secret(kind: str, one: Directive) -> Iterator[Said]:
    words = one.words
    if one.name == "stats" and words[:1] == ("auth",) and len(words) > 1:
        if uses := known_to_all(words[1].partition(":")[2]):
            yield one, "auth with a default password", uses
    elif one.name == "user" and "insecure-password" in words[:-1]:
        if uses := known_to_all(words[words.index("insecure-password") + 1]):
            yield one, "with a default password", uses
    elif kind == "global" and one.name == "stats" and words[:1] == ("socket",) and len(words) > 1:
        local = is_local(words[1]) or "ssl" in words
        text = "the management interface without TLS" + (" on this machine" if local else "")
        yield one, text, [PLAIN_ASIDE if local else PLAIN]
