"""A link made by the kernel: two network namespaces, a veth pair between them, netem on both ends.

What `roadseal.net.relay` models, the kernel does here: TCP is Linux's own, and netem (its queueing
discipline ``sch_netem``) delays, drops and paces packets. A link's values mean the same in both:

- **delay and jitter**: the floor plus an exponentially distributed delay.
- **loss**: of each packet independently, acknowledgements and SYN among them.
- **bandwidth**: of IP packets. Order is kept.

Jitter and loss do not follow from a seed: netem takes none before Linux 6.6.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.net.link import LOOPBACK, Direction, Link
from roadseal.net.namespace import NetworkNamespace

CENTRE_ADDRESS: Final = "192.0.2.1"
"""Where the centre is, seen from the two namespaces only (RFC 5737)."""

_ROADSIDE_ADDRESS: Final = "192.0.2.2"
_CENTRE_MAC, _ROADSIDE_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
_DEVICE: Final = "backhaul"
_ETHERNET_HEADER_BYTES: Final = 14
_QUEUE_PACKETS: Final = 10_000  # more than TCP's buffers hold: nothing is lost but by `loss`
_FASTEST_BPS: Final = 1e12
_JITTER_STRETCH: Final = 4  # a row of a table is at most 4 deviations; the longest of ours 9 means
_JITTER_ROWS: Final = 4096
_JITTER_SCALE: Final = 8192  # NETEM_DIST_SCALE of linux/pkt_sched.h
_MISSING_MODULES: Final = {"Unknown device type": "veth", "qdisc kind is unknown": "sch_netem"}
_OTHERWISE: Final = "or measure with the relay, which needs neither rights nor a kernel module"


@dataclass(frozen=True, slots=True)
class NetemLink:
    """The two ends of a link; `with link.centre:` makes sockets at the centre's.

    Args:
        centre: where `CENTRE_ADDRESS` is.
        roadside: the other end.
    """

    centre: NetworkNamespace
    roadside: NetworkNamespace


@contextmanager
def netem_link(link: Link) -> Iterator[NetemLink]:
    """Make a link between two namespaces; the kernel removes it afterwards, and after a kill.

    Raises:
        RoadsealError: ``netem-unavailable``: no Linux, a program or a right is missing, or the
            kernel has no veth or no netem; with the remedy.
    """
    _check_programs()
    with closing(_namespace()) as centre, closing(_namespace()) as roadside:
        _run(
            roadside,
            *("ip", "link", "add", "name", _DEVICE, "address", _ROADSIDE_MAC, "type", "veth"),
            *("peer", "name", _DEVICE, "address", _CENTRE_MAC),
            *("netns", f"/proc/self/fd/{centre.descriptor}"),
            lend=[centre.descriptor],
        )
        _impair(centre, link.down)
        _impair(roadside, link.up)
        _address(centre, CENTRE_ADDRESS, _ROADSIDE_ADDRESS, _ROADSIDE_MAC)
        _address(roadside, _ROADSIDE_ADDRESS, CENTRE_ADDRESS, _CENTRE_MAC)
        yield NetemLink(centre, roadside)


def require_netem() -> None:
    """Make a link and remove it, to know now that it can be done.

    Raises:
        RoadsealError: ``netem-unavailable``, as of `netem_link`.
    """
    with netem_link(LOOPBACK):
        pass


def netem_options(way: Direction) -> list[str]:
    """The options of netem that impair packets as `way` says; the distribution is ours."""
    options = ["limit", str(_QUEUE_PACKETS), "delay", _microseconds(way.delay_s)]
    if way.jitter_s:
        deviation = _microseconds(_JITTER_STRETCH * way.jitter_s)
        options += [deviation, "distribution", "exponential"]
    if way.loss:
        options += ["loss", "random", f"{way.loss * 100:.8f}%"]
    # Always a rate, since without one netem lets jitter reorder packets.
    rate = f"{min(way.bandwidth_bps, _FASTEST_BPS):.0f}bit"
    return [*options, "rate", rate, f"-{_ETHERNET_HEADER_BYTES}"]


def exponential_table() -> str:
    """The exponential distribution in the form that `tc` reads: its quantiles, evenly spaced."""
    unit = _JITTER_SCALE / _JITTER_STRETCH
    quantiles = (-math.log1p(-(row + 0.5) / _JITTER_ROWS) for row in range(_JITTER_ROWS))
    return "\n".join(f"{unit * quantile:.0f}" for quantile in quantiles) + "\n"


def _impair(end: NetworkNamespace, way: Direction) -> None:
    with tempfile.TemporaryDirectory(prefix="netem-") as tables:
        Path(tables, "exponential.dist").write_text(exponential_table())
        discipline = ("tc", "qdisc", "add", "dev", _DEVICE, "root", "netem")
        _run(end, *discipline, *netem_options(way), TC_LIB_DIR=tables)


def _address(end: NetworkNamespace, own: str, peer: str, peer_mac: str) -> None:
    _run(end, "ip", "address", "add", f"{own}/30", "dev", _DEVICE)
    # One segment a packet, as on a wire: netem would lose and delay 64 KiB at once.
    _run(end, "ip", "link", "set", "dev", _DEVICE, "gso_max_segs", "1", "up")
    # The first connection shall not wait for ARP.
    _run(end, *("ip", "neighbour", "replace", peer, "lladdr", peer_mac), *("dev", _DEVICE))


def _run(
    place: NetworkNamespace, *command: str, lend: Collection[int] = (), **variables: str
) -> None:
    with place:
        done = subprocess.run(  # noqa: S603  our own words, no shell
            command,
            env={**os.environ, "PATH": _search_path(), "LC_ALL": "C", **variables},
            pass_fds=lend,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0:
        return
    said = done.stderr.strip() or f"exit {done.returncode}"
    if "Operation not permitted" in said:
        raise _not_permitted("set up network devices")
    for symptom, module in _MISSING_MODULES.items():
        if symptom in said:
            raise _unavailable(
                f"this kernel has no {module}",
                f"Load it (modprobe {module}) or boot a kernel that has it",
            )
    raise _unavailable(
        f"{' '.join(command)} says {said.splitlines()[0]!r}", "Try iproute2 5 or newer"
    )


def _namespace() -> NetworkNamespace:
    try:
        return NetworkNamespace()
    except PermissionError:
        raise _not_permitted("make network namespaces") from None
    except OSError as error:
        raise _unavailable(
            f"this kernel makes no network namespace ({error.strerror})",
            "Boot one with CONFIG_NET_NS, and look at /proc/sys/user/max_net_namespaces",
        ) from None


def _check_programs() -> None:
    if sys.platform != "linux":
        raise _unavailable("netem is a part of Linux", "Run it on Linux")
    for program in ("ip", "tc"):
        if shutil.which(program, path=_search_path()) is None:
            raise _unavailable(f"there is no program {program}", "Install iproute2")


def _search_path() -> str:
    """Where people without root often do not look: iproute2 is a system program."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def _not_permitted(what: str) -> RoadsealError:
    return _unavailable(
        f"this process may not {what}",
        "Run it as root, or where the kernel lets users have namespaces, put `unshare "
        "--map-root-user --net` before the command",
    )


def _unavailable(what: str, remedy: str) -> RoadsealError:
    return RoadsealError(
        "netem-unavailable",
        f"No link can be made with netem: {what}.",
        advice=f"{remedy}, {_OTHERWISE}.",
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.0f}us"
