"""Carrying a key over trusted nodes: shares, a one-time pad on every hop, and ML-KEM end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.authentication import TAG_BYTES
from roadseal.operate.qkd.mixing import Context, mix
from roadseal.operate.qkd.network import Route
from roadseal.operate.qkd.one_time_pad import OneTimePad, PadVerdict
from roadseal.operate.qkd.secret import Secret

HopKey = Callable[[str, str, int], bytes]
"""Key bytes that two neighbours share and use once: `(node, next node, bytes)`."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """An end-to-end key, and what each node in between held on the way.

    Args:
        at_source: the key at the one end.
        at_target: the key at the other.
        seen: the share each relay had in the clear, for the drill.
    """

    at_source: bytes = field(repr=False)
    at_target: bytes = field(repr=False)
    seen: dict[str, bytes] = field(repr=False)


def relay(route: Route, hop_key: HopKey, *, random_bytes: Callable[[int], bytes]) -> Relayed:
    """Carry a fresh key over a route.

    Raises:
        RoadsealError: ``qkd-relay-forged``: a hop did not verify.
    """
    size = route.bits // 8
    shares = [random_bytes(size) for _ in route.paths]
    seen: dict[str, bytes] = {}
    arrived = []
    for path, share in zip(route.paths, shares, strict=True):
        carried = share
        for here, there in pairwise(path):
            pad = hop_key(here, there, TAG_BYTES + size + TAG_BYTES)
            verdict, carried = OneTimePad(Secret(pad)).open(OneTimePad(Secret(pad)).seal(carried))
            if verdict is not PadVerdict.OK:
                raise RoadsealError(
                    "qkd-relay-forged",
                    f"The hop from {here} to {there} does not verify.",
                    advice="Take the link out of service and look at both of its ends.",
                )
            if there != path[-1]:
                seen[there] = carried
        arrived.append(carried)
    private = MLKEM768PrivateKey.generate()
    public = MLKEM768PublicKey.from_public_bytes(private.public_key().public_bytes_raw())
    shared, ciphertext = public.encapsulate()
    context = Context("relay", route.paths[0][0], route.paths[0][-1], 0, ())
    return Relayed(
        mix(context, shared, [_sum(shares)]).ratchet[:size],
        mix(context, private.decapsulate(ciphertext), [_sum(arrived)]).ratchet[:size],
        seen,
    )


def _sum(shares: Sequence[bytes]) -> bytes:
    total = 0
    for share in shares:
        total ^= int.from_bytes(share, "big")
    return total.to_bytes(len(shares[0]), "big")
