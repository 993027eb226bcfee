"""The doctor finds a KME of ours healthy, and each named fault."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from roadseal.clock import SystemClock
from roadseal.net import HttpClient, Response, serve_plain_http
from roadseal.operate.qkd.doctor import CHECKS, Outcome, Patient, examine
from roadseal.operate.qkd.kme.pair import start_pair


def examined(tmp_path, spoil=None):
    """Examine a pair, each end behind a plain proxy that may spoil its answers."""

    async def run():
        clock = SystemClock()
        pair = await start_pair(tmp_path, clock=clock)
        pair.import_block(0, os.urandom(131_072))
        fronts, clients = [], []
        for sae in ("SAE_A", "SAE_B"):
            client = pair.client(sae).http

            async def relay(request, client=client):
                answer = await client.request(
                    request.method, request.target, body=request.body, headers={}
                )
                return spoil(request, answer) if spoil else answer

            clients.append(client)
            fronts.append(await serve_plain_http(relay, clock=clock))
        ends = [HttpClient("127.0.0.1", f.port, None, clock=clock) for f in fronts]
        findings = await examine(Patient(*ends, "SAE_A", "SAE_B"))
        for each in (*ends, *clients, *fronts, pair):
            await each.close()
        return findings

    return asyncio.run(run())


def test_a_healthy_kme_passes_every_check(tmp_path):
    findings = examined(tmp_path)
    assert len(findings) == len(CHECKS) >= 30
    assert [f for f in findings if f.outcome is not Outcome.PASSED] == []
    assert all(f.clause[0] in "56" for f in findings)


def rewrite(change):
    def spoil(request, answer):
        if not answer.body.startswith(b"{"):
            return answer
        body = json.loads(answer.body)
        status = change(request, answer.status, body)
        return Response.of_json(status or answer.status, body)

    return spoil


def short_key(request, status, body):
    for key in body.get("keys", []):
        key["key"] = key["key"][:24]


def no_uuid(request, status, body):
    for key in body.get("keys", []):
        key["key_ID"] = "k" + key["key_ID"]


def own_words(request, status, body):
    if "message" in body:
        body["message"] = "oops"


def full(request, status, body):
    if "stored_key_count" in body:
        body["stored_key_count"] = body["max_key_count"] + 1


def text_number(request, status, body):
    if "key_size" in body:
        body["key_size"] = str(body["key_size"])


def not_found(request, status, body):
    return 404 if status == 400 else None


def silent(request, status, body):
    body.pop("message", None)


@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        (short_key, "6.2"),
        (no_uuid, "6.3"),
        (own_words, "6.4"),
        (full, "6.1"),
        (text_number, "6.1"),
        (not_found, "5.2–5.4"),
        (silent, "6.5"),
    ],
)
def test_a_fault_is_found_at_its_clause(tmp_path, fault, clause):
    findings = examined(tmp_path, rewrite(fault))
    assert clause in {f.clause for f in findings if f.outcome is Outcome.FAILED}


def test_hostile_answers_are_findings(tmp_path):
    bodies = [b"[" * 50_000, b"\xff\xfe", b"null", b'{"keys": 3}', b'{"keys": [{"key_ID": 1}]}']
    for i, body in enumerate(bodies):
        findings = examined(tmp_path / str(i), lambda _r, a, b=body: Response(a.status, {}, b))
        assert any(f.outcome is Outcome.FAILED for f in findings)
