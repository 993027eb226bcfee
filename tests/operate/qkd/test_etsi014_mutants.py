"""Whatever an SAE or a peer sends, the answer is one of the standard's, and no key moves."""

from __future__ import annotations

import json
import os
import random

from test_kme import with_pair

from roadseal.net import Request
from roadseal.operate.qkd.etsi014 import (
    Capability,
    Etsi014Error,
    read_key_ids,
    read_key_request,
)

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))
REQUEST = {
    "number": 3,
    "size": 256,
    "additional_slave_SAE_IDs": ["SAE_C"],
    "extension_mandatory": [{"roadseal_route_type": "direct"}],
    "extension_optional": [{"x": 1}],
}
KEY_IDS = {"key_IDs": [{"key_ID": "bc490419-7d60-487f-adc1-4ddcc177c139"}]}


def mutants(value: object, draw: random.Random) -> bytes:
    """Valid JSON with bytes changed, cut, repeated, or a piece of something else in it."""
    body = bytearray(json.dumps(value).encode())
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(body) + 1)
        match draw.randrange(5):
            case 0 if body:
                body[at % len(body)] = draw.randrange(256)
            case 1:
                del body[at : at + draw.randrange(1, 9)]
            case 2:
                body[at:at] = body[at // 2 : at]
            case 3:
                odd = (b"null", b"-1", b"1e9", b"[[[[", b'{"a":', b'"\\ud800"', b"NaN", b"9" * 40)
                body[at:at] = draw.choice(odd)
            case _:
                body[at:at] = b" "
    return bytes(body)


def test_mutants_of_requests_get_a_status_of_the_standard() -> None:
    draw = random.Random(14)
    answers = []
    for _ in range(MUTANTS):
        for value, read in ((REQUEST, read_key_request), (KEY_IDS, read_key_ids)):
            request = Request("POST", "/", {}, mutants(value, draw))
            try:
                if read is read_key_request:
                    read_key_request(request, Capability())
                else:
                    read_key_ids(request)
            except Etsi014Error as error:
                answers.append(error.response())
    assert len(answers) > MUTANTS // 2
    assert {answer.status for answer in answers} == {400}
    assert all("message" in answer.json() for answer in answers)


def test_mutants_of_the_sync_move_nothing_that_is_not_whole(tmp_path) -> None:
    async def test(pair, log):
        del log
        kme = pair.b.kme
        peer = pair.a.kme.settings.kme_id
        good = {
            "keys": [
                [
                    "KME_B",
                    0,
                    1,
                    2,
                    256,
                    "bc4904197d60487fadc14ddcc177c139" + "00" * 16,
                    "SAE_A",
                    ["SAE_B"],
                    0,
                ]
            ],
            "checks": {"0": kme.store.check(peer, 0)},
        }
        draw = random.Random(15)
        statuses = set()
        async with pair.client("SAE_A") as client:
            await client.status("SAE_B")
        for _ in range(MUTANTS // 10):
            body = mutants(good, draw)
            link = pair.a.kme.peers["KME_B"]
            answer = await link.request("POST", "/roadseal/qkd/sync/v1/allocations", body=body)
            statuses.add(answer.status)
        assert statuses <= {200, 400, 409}
        assert 400 in statuses
        for keys, _ in kme.store.waiting.values():
            assert keys.cells_each * 256 >= keys.bits
            assert set(keys.slaves) <= {"SAE_B", "urn:sae:b/2"}

    with_pair(tmp_path, test)
