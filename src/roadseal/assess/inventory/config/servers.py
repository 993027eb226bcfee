"""TLS servers and libraries: nginx, Apache, HAProxy, Mosquitto, OpenSSL.

Sources: ngx_http_ssl_module, mod_ssl, HAProxy 2.x, mosquitto.conf(5), config(5) of OpenSSL.
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.config import left_open, plain_field, plain_web, spelling
from roadseal.assess.inventory.config.credentials import known_to_all
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.format import (
    PSK,
    Format,
    Reader,
    flag,
    listed,
    versions,
)
from roadseal.assess.inventory.config.spelling import Uses, named
from roadseal.assess.inventory.finding import AlgorithmUse, Role

_ANONYMOUS = AlgorithmUse("anonymous", Role.LIVE_AUTHENTICATION)


def _haproxy_options(one: Directive) -> tuple[str, Uses] | None:
    """``bind … ssl ciphers X curves Y alpn …``: keywords in any order."""
    uses: Uses = []
    said: list[str] = []
    readers = {
        "ciphers": spelling.suites, "ciphersuites": spelling.suites, "curves": spelling.groups,
        "ecdhe": spelling.groups, "sigalgs": spelling.schemes, "client-sigalgs": spelling.schemes,
    }  # fmt: skip
    for keyword, value in zip(one.words, one.words[1:], strict=False):
        if keyword in readers:
            uses += readers[keyword](value)
            said.append(f"{keyword} {value}")
        elif keyword in {"ssl-min-ver", "ssl-max-ver"}:
            said.append(f"{keyword} {value}")
    if "ssl" in one.words:
        said.insert(0, "ssl")
    return (" ".join(said), uses) if said else None


def _bits(template: str, role: Role) -> Reader:
    def read(one: Directive) -> tuple[str, Uses] | None:
        return (
            (one.value, named([template.format(one.value)], role)) if one.value.isdigit() else None
        )

    return read


def _hash(one: Directive) -> tuple[str, Uses] | None:
    if not one.words or one.value.lower() == "default":
        return None
    return one.value, named([spelling.hash_name(one.value)], Role.INTEGRITY)


def _after_version(one: Directive) -> Directive:
    """``SSLCipherSuite TLSv1.3 …`` says first for which version it speaks."""
    words = one.words[1:] if one.words and one.words[0].lower() in {"ssl", "tlsv1.3"} else one.words
    return Directive(one.line, one.name, words, one.section, one.terminated)


def _openssl_command(one: Directive) -> tuple[str, Uses] | None:
    """SSL_CONF commands inside another configuration, SSL_CONF_cmd(3)."""
    readers = {
        "groups": spelling.groups,
        "curves": spelling.groups,
        "ciphersuites": spelling.suites,
        "cipherstring": spelling.suites,
        "signaturealgorithms": spelling.schemes,
    }
    if len(one.words) < 2 or (read := readers.get(one.words[0].lower())) is None:
        return None
    return one.value, read(" ".join(one.words[1:]))


def _known_password(one: Directive) -> tuple[str, Uses] | None:
    uses = known_to_all(one.value)
    return ("a default password", uses) if uses else None


_NGINX_SIDES: Final = ("", "proxy_", "grpc_", "uwsgi_")
_HAPROXY_SIDES: Final = ("bind", "server")

SERVERS: Final = (
    Format(
        "nginx",
        "TLS",
        {
            **{f"{p}ssl_protocols": versions for p in _NGINX_SIDES},
            **{f"{p}ssl_ciphers": listed(spelling.suites) for p in _NGINX_SIDES},
            "ssl_ecdh_curve": listed(spelling.groups),
            "ssl_conf_command": lambda one: _openssl_command(one),
        },
        frozenset(
            {
                "ssl_protocols",
                "ssl_ciphers",
                "ssl_certificate",
                "ssl_certificate_key",
                "server_name",
                "proxy_pass",
                "listen",
            }
        ),
        ("nginx.conf", "*.nginx", "default"),
        terminated=True,
        whole=plain_web.nginx,
        left_open=left_open.NGINX,
        includes={"include": ""},
    ),
    Format(
        "apache",
        "TLS",
        {
            "sslprotocol": versions,
            "sslproxyprotocol": versions,
            "sslciphersuite": lambda one: listed(spelling.suites)(_after_version(one)),
            "sslproxyciphersuite": lambda one: listed(spelling.suites)(_after_version(one)),
            "sslopensslconfcmd": lambda one: _openssl_command(one),
        },
        frozenset(
            {
                "sslengine",
                "sslprotocol",
                "sslciphersuite",
                "sslcertificatefile",
                "sslcertificatekeyfile",
                "sslrandomseed",
                "sslsessioncache",
                "<virtualhost",
                "</virtualhost>",
                "documentroot",
                "serverroot",
                "servername",
                "serveradmin",
                "customlog",
                "errorlog",
                "proxypass",
                "proxypassreverse",
                "loadmodule",
            }
        ),
        ("httpd.conf", "apache2.conf", "ssl.conf", "ports.conf", "000-default.conf"),
        whole=plain_web.apache,
        left_open=left_open.APACHE,
        includes={"include": "*", "includeoptional": "*"},
    ),
    Format(
        "haproxy",
        "TLS",
        {
            **{f"ssl-default-{s}-ciphers": listed(spelling.suites) for s in _HAPROXY_SIDES},
            **{f"ssl-default-{s}-ciphersuites": listed(spelling.suites) for s in _HAPROXY_SIDES},
            **{f"ssl-default-{s}-curves": listed(spelling.groups) for s in _HAPROXY_SIDES},
            **{f"ssl-default-{s}-sigalgs": listed(spelling.schemes) for s in _HAPROXY_SIDES},
            **{f"ssl-default-{s}-options": _haproxy_options for s in _HAPROXY_SIDES},
            "bind": _haproxy_options,
            "server": _haproxy_options,
            "crt-list": _haproxy_options,
        },
        frozenset(
            {
                "frontend",
                "backend",
                "ssl-default-bind-ciphers",
                "ssl-default-bind-options",
                "ssl-default-bind-ciphersuites",
                "ca-base",
                "crt-base",
                "bind",
                "default_backend",
                "use_backend",
                "defaults",
                "maxconn",
            }
        ),
        ("haproxy*.cfg",),
        whole=plain_web.haproxy,
        left_open=left_open.HAPROXY,
    ),
    Format(
        "mosquitto",
        "MQTT",
        {
            "tls_version": versions,
            "bridge_tls_version": versions,
            "ciphers": listed(spelling.suites),
            "ciphers_tls1.3": listed(spelling.suites),
            "psk_file": lambda one: ("pre-shared keys", [PSK]),
            "allow_anonymous": flag("anonymous clients", _ANONYMOUS, "true"),
            "remote_password": lambda one: _known_password(one),
        },
        frozenset(
            {
                "listener",
                "persistence_location",
                "pid_file",
                "allow_anonymous",
                "cafile",
                "certfile",
                "keyfile",
                "password_file",
                "psk_file",
                "include_dir",
                "tls_version",
                "require_certificate",
                "bridge_cafile",
                "log_dest",
                "connection",
                "topic",
                "per_listener_settings",
                "port",
                "persistence",
                "acl_file",
            }
        ),
        ("mosquitto*.conf",),
        whole=plain_field.mosquitto,
        left_open=left_open.MOSQUITTO,
        includes={"include_dir": "*.conf"},
    ),
    Format(
        "openssl",
        "TLS",
        {
            "cipherstring": listed(spelling.suites),
            "ciphersuites": listed(spelling.suites),
            "groups": listed(spelling.groups),
            "curves": listed(spelling.groups),
            "signaturealgorithms": listed(spelling.schemes),
            "minprotocol": versions,
            "clientsignaturealgorithms": listed(spelling.schemes),
            "default_md": _hash,
            "default_bits": _bits("rsa-{}", Role.UNKNOWN),
            "signer_digest": _hash,
        },
        frozenset(
            {
                "openssl_conf",
                "default_md",
                "default_bits",
                "distinguished_name",
                "cipherstring",
                "minprotocol",
                "ssl_conf",
                "system_default",
                "providers",
                "default_ca",
                "x509_extensions",
            }
        ),
        ("openssl.cnf", "openssl.conf"),
        includes={".include": "*.c[no]*f"},
    ),
)
