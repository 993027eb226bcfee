"""Brokers, access points and tunnels that are told to do without cryptography.

Sources: mosquitto.conf(5) (a listener has TLS with ``certfile`` and ``keyfile``, or with
``psk_hint``); hostapd.conf (``wpa`` is 0 where it is not given); openvpn(8) (without ``--secret``
and TLS mode, encryption and authentication are off).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.format import PLAIN, PLAIN_ASIDE, Said
from roadseal.assess.inventory.config.plain_web import is_local

_BRIDGE_TLS = {"bridge_cafile", "bridge_capath", "bridge_certfile", "bridge_psk"}
_OF_LISTENERS = {"certfile", "keyfile", "psk_hint", "bind_address", "socket_domain"}


def mosquitto(statements: Sequence[Directive]) -> Iterator[Said]:
    """Every listener and every bridge without TLS."""
    listeners: list[list[Directive]] = [[]]
    bridges: list[list[Directive]] = []
    for one in statements:
        match one.name.lower():
            case "listener":
                listeners.append([one])
            case "connection":
                bridges.append([one])
            case "port":  # of the default listener, wherever it stands
                listeners[0].append(one)
            case name if bridges and name not in _OF_LISTENERS:
                bridges[-1].append(one)
            case _:
                listeners[-1].append(one)
    for options in listeners:
        yield from _listener(options)
    for options in bridges:
        names = {one.name.lower() for one in options}
        addresses = [one for one in options if one.name.lower() in {"address", "addresses"}]
        if not names & _BRIDGE_TLS:
            for one in addresses:
                local = all(map(is_local, one.words))
                text = "a bridge without TLS" + (" on this machine" if local else "")
                yield one, text, [PLAIN_ASIDE if local else PLAIN]


def _listener(options: Sequence[Directive]) -> Iterator[Said]:
    opened = [one for one in options if one.name.lower() in {"listener", "port"} and one.words]
    names = {one.name.lower() for one in options}
    if not opened or {"certfile", "keyfile"} <= names or "psk_hint" in names:
        return
    one = opened[-1]
    if one.name.lower() == "port" and one.value == "0":
        return
    bound = [each.value for each in options if each.name.lower() == "bind_address"]
    address = one.words[1] if len(one.words) > 1 else (bound or ["every address"])[0]
    local = is_local(address)
    text = f"MQTT without TLS on port {one.words[0]} of {address}"
    yield one, text, [PLAIN_ASIDE if local else PLAIN]


def hostapd(statements: Sequence[Directive]) -> Iterator[Said]:
    """Every network that anyone may join and hear."""
    networks: list[list[Directive]] = [[]]
    for one in statements:
        if one.name.lower() == "bss":
            networks.append([])
        networks[-1].append(one)
    for options in networks:
        values = {one.name.lower(): one.value for one in options}
        named = [one for one in options if one.name.lower() in {"ssid", "ssid2", "utf8_ssid"}]
        wep = any(name.startswith("wep_key") for name in values) or (
            values.get("ieee8021x") == "1" and "wep_key_len_broadcast" in values
        )
        if named and values.get("wpa", "0") in {"0", ""} and not wep and values.get("osen") != "1":
            one = named[0]
            said = Directive(one.line, one.name, (), one.section, False, (), one.uri)
            yield said, "an open network: wpa is not given", [PLAIN]


_OPENVPN_KEYS = {
    "secret", "tls-client", "tls-server", "client", "server", "server-bridge", "ca", "pkcs12",
    "capath", "cert", "peer-fingerprint", "tls-crypt", "tls-crypt-v2", "tls-auth", "config",
}  # fmt: skip


def openvpn(statements: Sequence[Directive]) -> Iterator[Said]:
    """A tunnel without keys, and a management interface that is not on the machine."""
    names = {one.name.lower() for one in statements}
    tunnels = [one for one in statements if one.name.lower() == "dev"]
    if tunnels and names & {"remote", "ifconfig"} and not names & _OPENVPN_KEYS:
        yield tunnels[0], "a tunnel without encryption or authentication", [PLAIN]
    for one in statements:
        if one.name.lower() == "management" and one.words and not is_local(one.words[0]):
            unix = len(one.words) > 1 and one.words[1] == "unix"
            if not unix:
                yield one, "the management interface without TLS", [PLAIN]
