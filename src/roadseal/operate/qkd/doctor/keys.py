"""What the doctor asks about Get key."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final
from uuid import UUID, uuid4

from roadseal.operate.qkd.doctor.probe import (
    Check,
    FailedError,
    Probe,
    SkippedError,
    key_bits,
    need,
    read_error,
)


async def _get_default(p: Probe) -> None:
    keys = await p.enc(query="")
    need(len(keys) == 1, f"{len(keys)} keys")
    p.state["first"] = keys[0]


async def _default_size(p: Probe) -> str:
    bits = key_bits(_first(p))
    need(bits == p.limit("key_size"), f"{bits} bits")
    return f"{bits} bits"


async def _uuid(p: Probe) -> None:
    try:
        UUID(_first(p)["key_ID"])
    except ValueError:
        raise FailedError("the key_ID is no UUID") from None


async def _not_of_the_key(p: Probe) -> None:
    key = _first(p)
    octets = base64.b64decode(key["key"])
    digests = _digests(octets)
    identifier = key["key_ID"].replace("-", "").lower()
    guess = [
        name
        for name, d in digests.items()
        if sum(a == b for a, b in zip(d[:32], identifier, strict=False)) > 24
    ]
    need(not guess, f"it is {', '.join(guess)} of the key")


async def _get_number(p: Probe) -> None:
    if p.limit("max_key_per_request") < 2:
        raise SkippedError("one key a request")
    keys = await p.enc(query="?number=2")
    need(len(keys) == 2, f"{len(keys)} keys")


async def _get_size(p: Probe) -> None:
    size = p.limit("max_key_size") // 8 * 8
    keys = await p.enc(query=f"?number=1&size={size}")
    need(key_bits(keys[0]) == size, f"{key_bits(keys[0])} bits instead of {size}")


async def _post_empty(p: Probe) -> None:
    need(len(await p.enc({})) == 1, "not one key")


async def _post_number(p: Probe) -> None:
    number = min(3, p.limit("max_key_per_request"))
    need(len(await p.enc({"number": number})) == number, "another number of keys")


async def _post_least(p: Probe) -> None:
    size = -(-p.limit("min_key_size") // 8) * 8
    keys = await p.enc({"size": size})
    need(key_bits(keys[0]) == size, f"{key_bits(keys[0])} bits instead of {size}")


async def _all_different(p: Probe) -> str:
    keys = await p.fresh(8)
    identifiers = [key["key_ID"] for key in keys]
    need(len(set(identifiers)) == len(keys), "a key_ID is given twice")
    need(len({key["key"] for key in keys}) == len(keys), "a key is given twice")
    p.state["batch"] = keys
    return f"{len(keys)} keys"


async def _no_octets(p: Probe) -> str:
    return await p.refused({"size": p.limit("min_key_size") + 1}, "size shall be a multiple of 8")


async def _too_long(p: Probe) -> str:
    return await p.refused({"size": p.limit("max_key_size") + 8})


async def _too_many(p: Probe) -> str:
    return await p.refused({"number": p.limit("max_key_per_request") + 1})


async def _no_json(p: Probe) -> str:
    return await p.refused(b'{"number": 1')


async def _wrong_type(p: Probe) -> str:
    return await p.refused({"number": "one"})


async def _too_many_slaves(p: Probe) -> str:
    most = p.limit("max_SAE_ID_count")
    return await p.refused(
        {"additional_slave_SAE_IDs": [f"nobody-{i}-{uuid4()}" for i in range(most + 1)]}
    )


async def _strange_mandatory(p: Probe) -> str:
    return await p.refused(
        {"extension_mandatory": [{"roadsealdoctor_unheard_of": 1}]},
        "not all extension_mandatory parameters are supported",
    )


async def _strange_optional(p: Probe) -> str:
    fields = {"extension_optional": [{"roadsealdoctor_unheard_of": 1}]}
    answer = await p.ask("POST", p.patient.slave_id, "enc_keys", fields)
    if answer.status == 200:
        p.container(answer)
        return "ignored"
    return read_error(answer, 400, "not all extension_optional request options handled")


async def _enc_for_nobody(p: Probe) -> str:
    answer = await p.ask("POST", f"nobody-{uuid4()}", "enc_keys", {})
    need(answer.status in (400, 401), f"status {answer.status}")
    return str(answer.status)


def _first(p: Probe) -> dict[str, Any]:
    if "first" not in p.state:
        raise SkippedError("no key was given")
    found: dict[str, Any] = p.state["first"]
    return found


def _digests(octets: bytes) -> dict[str, str]:
    names = ("md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "blake2b")
    found = {n: hashlib.new(n, octets, usedforsecurity=False).hexdigest() for n in names}
    return {**found, "the beginning": octets.hex().ljust(32, "0")}


KEY_CHECKS: Final[tuple[Check, ...]] = (
    ("5.3", "GET Get key without parameters gives one key", _get_default),
    ("6.2", "The default size is key_size", _default_size),
    ("6.3", "A key_ID is a UUID", _uuid),
    ("6.3", "A key_ID is not a digest of the key", _not_of_the_key),
    ("5.3", "GET Get key with number", _get_number),
    ("5.3", "GET Get key with number and size", _get_size),
    ("5.3", "POST Get key with an empty object gives one key", _post_empty),
    ("6.2", "POST Get key with number", _post_number),
    ("6.2", "POST Get key with min_key_size", _post_least),
    ("5.3", "No key_ID and no key is given twice", _all_different),
    ("6.2", "A size that is no multiple of 8 is refused, with the fixed message", _no_octets),
    ("6.2", "A size above max_key_size is refused", _too_long),
    ("6.2", "A number above max_key_per_request is refused", _too_many),
    ("5.3", "A body that is no JSON is refused", _no_json),
    ("6.2", "A number that is a string is refused", _wrong_type),
    ("6.2", "More additional slaves than max_SAE_ID_count are refused", _too_many_slaves),
    ("6.2", "An unknown mandatory extension is refused, by the fixed message", _strange_mandatory),
    ("6.2", "An unknown optional extension is ignored or named", _strange_optional),
    ("5.3", "Keys for an unknown slave are refused", _enc_for_nobody),
)
