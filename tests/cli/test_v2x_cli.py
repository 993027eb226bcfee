"""`roadseal v2x inspect|verify|sizes|bench`, as people and programs call them."""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from other_form import is_other_form_of_r
from roadseal.app.cli.v2x import app
from roadseal.app.cli.v2x_reasons import EXPLANATIONS
from roadseal.errors import RoadsealError
from roadseal.v2x import Credential, Header, Identification, Reason, message_profiles, service, sign
from roadseal.v2x.testing import Authority

ROOT = Path(__file__).parents[2]
V2X = Path(os.environ.get("ROADSEAL_TESTDATA", ROOT.parent / "shared/data")) / "v2x"
FIELD = V2X / "us-field"
NOW = 700_000_000_000_000
FULL = Identification.CERTIFICATE

field = pytest.mark.skipif(not FIELD.is_dir(), reason=f"no field recordings in {FIELD}")

AUTHORITY = Authority("ecdsa-p256", now=NOW)
VEHICLE = AUTHORITY.vehicle()
DIGEST_MESSAGE = sign(b"digest", Header(psid=service.CAM, generation_time=NOW), VEHICLE)
FULL_MESSAGE = sign(b"full", Header(psid=service.CAM, generation_time=NOW + 1), VEHICLE, FULL)


def run(*arguments: object) -> Result:
    environment = {"COLUMNS": "100", "TERM": "dumb"}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def told(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    return result.output


def rows(*arguments: object, code: int) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    directory = tmp_path / "trust"
    directory.mkdir()
    (directory / "root.oer").write_bytes(AUTHORITY.root.certificate)
    (directory / "aa.oer").write_bytes(AUTHORITY.authorisation.certificate)
    return directory


@pytest.fixture
def field_keys(tmp_path: Path) -> Path:
    lines = (FIELD / "spdus.jsonl").read_text().splitlines()
    spdus = [json.loads(line) for line in lines]
    keys = {s["cert_hashedid8"]: {"public_key": s["pubkey_uncompressed"]} for s in spdus}
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(keys))
    return file


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


# Field material


@field
def test_field_recordings_verify(field_keys: Path) -> None:
    expected = [json.loads(line) for line in (FIELD / "spdus.jsonl").read_text().splitlines()]
    logs = [FIELD / "bsmTx_commsignia.gz", FIELD / "rxMsg_commsignia_map.gz"]
    for files in (logs, [FIELD / "spdus.jsonl"]):
        found = rows("verify", *files, "--signer-keys", field_keys, code=0)
        assert len(found) == 136
        for row, spdu in zip(found, expected, strict=True):
            assert (row["verdict"], row["reason"], row["signature"]) == ("ok", "ok", "ok")
            assert (row["permission"], row["validity"]) == ("ok", "ok")
            assert (row["chain"], row["freshness"]) == (None, None)
            assert row["psid"] == spdu["psid"]
            assert row["signer_hashedid8"] == spdu["cert_hashedid8"]
            assert row["generation_time_us"] == spdu["generationTime_us_tai2004"]
            assert row["payload_length"] == spdu["payload_len"]
            assert row["length"] == len(spdu["spdu"]) // 2
            assert row["with_certificate"] is (spdu["signer"] == "certificate")
            assert row["profile"] == "ecdsa-p256"
        for row, spdu in zip(found, expected, strict=True):
            data = decompressed(Path(row["file"]))[row["offset"] :]
            as_line = data.startswith(b"{") and spdu["spdu"].encode() in data.split(b"\n")[0]
            assert as_line or data.startswith(bytes.fromhex(spdu["spdu"]))


@field
def test_field_recordings_without_keys_lack_evidence() -> None:
    found = rows("verify", FIELD / "spdus.jsonl", code=3)
    assert {row["reason"] for row in found} == {"unknown_issuer"}
    brought = [row["missing"] for row in found if row["with_certificate"]]
    assert set(brought) == {"c620fb90caad3b9c"}
    text = told(run("verify", FIELD / "spdus.jsonl"), 3)
    assert "Not at hand: c620fb90caad3b9c" in text
    assert "136 of them for want of certificates" in text


@field
def test_field_keys_of_the_wrong_signer_refuse(field_keys: Path) -> None:
    names = json.loads(field_keys.read_text())
    swapped = dict(zip(names, reversed(list(names.values())), strict=True))
    field_keys.write_text(json.dumps(swapped))
    found = rows("verify", FIELD / "spdus.jsonl", "--signer-keys", field_keys, code=1)
    assert {row["reason"] for row in found} == {"bad_signature"}


@field
def test_a_flipped_bit_in_the_field(field_keys: Path, tmp_path: Path) -> None:
    log = bytearray(gzip.decompress((FIELD / "bsmTx_commsignia.gz").read_bytes()))
    log[31 + 20] ^= 1  # inside the payload of the first message
    file = write(tmp_path / "log", bytes(log))
    found = rows("verify", file, "--signer-keys", field_keys, code=1)
    assert [row["offset"] for row in found if row["verdict"] == "refused"] == [31]
    assert found[0]["reason"] == found[0]["signature"] == "bad_signature"


# Captures


def pcap(frames: list[bytes]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    sizes = [struct.pack("<IIII", 1_600_000_000, n, len(f), len(f)) for n, f in enumerate(frames)]
    return head + b"".join(size + frame for size, frame in zip(sizes, frames, strict=True))


def pcapng(frames: list[bytes]) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack("<HHI", 1, 0, 65535))
    packets = [
        block(6, struct.pack("<IIIII", 0, 0, n, len(frame), len(frame)) + frame)
        for n, frame in enumerate(frames)
    ]
    return section + interface + b"".join(packets)


def geonetworking(spdu: bytes) -> bytes:
    basic = bytes([0x12, 0x00, 0x1A, 0x01])  # version 1, secured packet follows
    return bytes(12) + b"\x89\x47" + basic + spdu


def wave(spdu: bytes, psid: bytes = b"\x20") -> bytes:
    header = bytes([0x03, 0x00]) + psid
    return bytes(12) + b"\x88\xdc" + header + bytes([0x80 | len(spdu) >> 8, len(spdu) & 255]) + spdu


@pytest.mark.parametrize("make", [pcap, pcapng])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_captures(make: Any, pack: Any, tmp_path: Path, trust: Path) -> None:
    capture = make([geonetworking(DIGEST_MESSAGE), bytes(60), wave(FULL_MESSAGE)])
    file = write(tmp_path / "capture", pack(capture))
    first, second = rows("verify", file, "--trust", trust, code=0)
    assert (first["frame"], first["network"]) == (1, "geonetworking")
    assert (second["frame"], second["network"]) == (3, "wsmp")
    for row, spdu in ((first, DIGEST_MESSAGE), (second, FULL_MESSAGE)):
        assert capture[row["offset"] :].startswith(spdu)
        assert row["length"] == len(spdu)
    text = told(run("inspect", file), 0)
    assert "capture of 3 frames, 2 messages" in text


@field
def test_a_capture_of_the_field(tmp_path: Path, field_keys: Path) -> None:
    spdus = [json.loads(line) for line in (FIELD / "spdus.jsonl").read_text().splitlines()]
    frames = [wave(bytes.fromhex(s["spdu"]), bytes.fromhex("20")) for s in spdus]
    file = write(tmp_path / "drive.pcapng", pcapng(frames))
    found = rows("verify", file, "--signer-keys", field_keys, code=0)
    assert [row["frame"] for row in found] == list(range(1, 137))
    assert [row["payload_length"] for row in found] == [s["payload_len"] for s in spdus]


def test_a_capture_cut_short_is_told(tmp_path: Path, trust: Path) -> None:
    capture = pcap([geonetworking(FULL_MESSAGE), geonetworking(FULL_MESSAGE)])
    file = write(tmp_path / "cut.pcap", capture[:-1])
    result = run("verify", file, "--trust", trust, "--json")
    assert result.exit_code == 3
    assert len(result.stdout.splitlines()) == 1
    assert "was not read to its end" in result.stderr


def test_a_capture_that_kept_a_part_of_each_frame_lacks_evidence(
    tmp_path: Path, trust: Path
) -> None:
    frames = [geonetworking(FULL_MESSAGE), geonetworking(DIGEST_MESSAGE)]
    kept, head = len(frames[0]) - 40, pcap([])
    sizes = [struct.pack("<IIII", 1, 0, min(len(f), kept), len(f)) for f in frames]
    records = [size + frame[:kept] for size, frame in zip(sizes, frames, strict=True)]
    file = write(tmp_path / "snapped.pcap", head + b"".join(records[:1]))
    (row,) = rows("verify", file, "--trust", trust, code=3)
    assert row["reason"] == "malformed"
    assert row["note"] == "the capture kept only a part of its frame: 40 bytes are missing"
    text = told(run("verify", file, "--trust", trust), 3)
    assert "Capture whole frames" in text
    assert "for want of certificates" not in text
    # What fits into what was kept is judged as ever.
    both = write(tmp_path / "both.pcap", head + b"".join(records))
    cut, whole = rows("verify", both, "--trust", trust, code=3)
    assert (cut["reason"], whole["reason"]) == ("malformed", "unknown_signer")


def test_packets_without_security_are_told(tmp_path: Path, trust: Path) -> None:
    unsecured = bytes([0x11, 0, 0x1A, 1, 0x20, 0x50, 0, 0, 0, 6, 1, 0]) + bytes(28)
    unsecured = bytes(12) + b"\x89\x47" + unsecured + bytes([0x07, 0xD1, 0, 0, 1, 2])
    file = write(tmp_path / "mixed.pcap", pcap([geonetworking(FULL_MESSAGE), unsecured, unsecured]))
    text = told(run("verify", file, "--trust", trust), 0)
    assert "has 2 packets without security" in text
    assert "1 message: 1 ok" in text
    assert "2 packets without security" in told(run("inspect", file), 0)
    nothing = write(tmp_path / "nothing.pcap", pcap([unsecured]))
    text = told(run("verify", nothing, "--trust", trust), 3)
    assert "holds no secured message in 1 frame." in text
    assert "has 1 packet without security" in text


def ipv4(protocol: int, segment: bytes) -> bytes:
    header = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(segment), 0, 0, 64, protocol, 0, 1, 2)
    return bytes(12) + b"\x08\x00" + header + segment


@pytest.mark.parametrize("port", [17, 6])
def test_messages_under_headers_of_other_systems(port: int, tmp_path: Path, trust: Path) -> None:
    payload = b"vendor\x00\x01" + FULL_MESSAGE + b"trailer" + DIGEST_MESSAGE
    udp = struct.pack(">HHHH", 4040, 4040, 8 + len(payload), 0)
    tcp = struct.pack(">HHIIBBHHH", 4040, 5672, 1, 1, 0x50, 0x18, 9, 0, 0)
    capture = pcap([bytes(60), ipv4(port, (udp if port == 17 else tcp) + payload)])
    file = write(tmp_path / "forwarded.pcap", capture)
    found = rows("verify", file, "--trust", trust, code=0)
    assert [(row["frame"], row["network"]) for row in found] == [(2, "other"), (2, "other")]
    for row, spdu in zip(found, (FULL_MESSAGE, DIGEST_MESSAGE), strict=True):
        assert capture[row["offset"] :].startswith(spdu)


def fragments(protocol: int, segment: bytes, identification: int = 7) -> list[bytes]:
    """An IP packet in fragments of 64 octets of payload, the last first."""
    pieces = [segment[at : at + 64] for at in range(0, len(segment), 64)]
    frames = []
    for index, piece in enumerate(pieces):
        frame = bytearray(ipv4(protocol, piece))
        position = index * 8 | (0x2000 if index + 1 < len(pieces) else 0)
        frame[18:22] = struct.pack(">HH", identification, position)
        frames.append(bytes(frame))
    return frames[::-1]


@pytest.mark.parametrize(
    ("before", "network"),
    [(b"", "udp"), (b"\x12\x00\x1a\x01", "geonetworking"), (b"vendor", "other")],
)
def test_messages_in_fragments(before: bytes, network: str, tmp_path: Path, trust: Path) -> None:
    payload = before + FULL_MESSAGE
    udp = struct.pack(">HHHH", 4040, 4040, 8 + len(payload), 0) + payload
    frames = fragments(17, udp)
    capture = pcap([geonetworking(DIGEST_MESSAGE), *frames])
    file = write(tmp_path / "fragments.pcap", capture)
    first, joined = rows("verify", file, "--trust", trust, code=0)
    assert "fragments" not in first
    last = len(frames) + 1
    assert (joined["frame"], joined["network"], joined["length"]) == (
        last,
        network,
        len(FULL_MESSAGE),
    )
    assert joined["fragments"] == list(range(last, 1, -1))
    kept = 64 - 8 - len(before)  # in the first fragment, which came last
    assert capture[joined["offset"] :].startswith(FULL_MESSAGE[:kept])
    shown = rows("inspect", file, "--offset", joined["offset"], code=0)
    assert [(row["length"], row["fragments"]) for row in shown] == [
        (len(FULL_MESSAGE), joined["fragments"])
    ]
    # Without one of them, what they held is unknown: evidence is missing.
    cut = write(tmp_path / "cut.pcap", pcap([geonetworking(FULL_MESSAGE), *frames[1:]]))
    result = run("verify", cut, "--trust", trust)
    assert "has 1 IP packet of which fragments are missing" in told(result, 3)
    assert "1 IP packet with fragments missing" in told(run("inspect", cut), 0)


def test_an_older_protocol_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "old.pcap", pcap([geonetworking(b"\x02\x01" + bytes(60))]))
    (row,) = rows("verify", file, code=1)
    assert (row["reason"], row["note"]) == ("unsupported_algorithm", "protocol version 2")


# What is judged


def test_a_digest_before_its_certificate(tmp_path: Path, trust: Path) -> None:
    digest = write(tmp_path / "1", DIGEST_MESSAGE)
    full = write(tmp_path / "2", FULL_MESSAGE)
    assert [r["verdict"] for r in rows("verify", digest, full, "--trust", trust, code=0)] == [
        "ok",
        "ok",
    ]
    (alone,) = rows("verify", digest, "--trust", trust, code=3)
    assert alone["reason"] == "unknown_signer"
    assert alone["missing"] == VEHICLE.hashed_id8.hex()


def test_an_authority_that_a_message_hands_on(tmp_path: Path) -> None:
    header = Header(
        psid=service.CAM,
        generation_time=NOW,
        requested_certificate=AUTHORITY.authorisation.certificate,
    )
    root = write(tmp_path / "root", AUTHORITY.root.certificate)
    full = write(tmp_path / "1", FULL_MESSAGE)
    handing = write(tmp_path / "2", sign(b"", header, VEHICLE))
    found = rows("verify", full, handing, "--root", root, code=0)
    assert [row["chain"] for row in found] == ["ok", "ok"]
    (alone,) = rows("verify", full, "--root", root, code=3)
    assert alone["reason"] == "unknown_issuer"


def test_the_time_of_judgement(tmp_path: Path, trust: Path) -> None:
    file = write(tmp_path / "m", FULL_MESSAGE)
    for at, code, reason in (
        ("message", 0, "ok"),
        ("2026-03-07T20:26:36Z", 0, "ok"),
        ("2026-03-07T20:27:36Z", 1, "stale"),
        ("2026-03-07T20:20:36Z", 1, "future"),
        ("now", 1, "expired"),
    ):
        (row,) = rows("verify", file, "--trust", trust, "--at", at, code=code)
        assert row["reason"] == reason, at
    text = told(run("verify", file, "--trust", trust), 0)
    assert "age was not looked at" in text
    text = told(run("verify", file, "--trust", trust, "--at", "2026-03-07T20:26:36"), 0)
    assert "Judged at 2026-03-07T20:26:36Z, age included" in text


def test_repetitions_are_refused_on_demand(tmp_path: Path, trust: Path) -> None:
    log = write(tmp_path / "log", FULL_MESSAGE + b"gap" + DIGEST_MESSAGE + FULL_MESSAGE)
    assert len(rows("verify", log, "--trust", trust, code=0)) == 3
    found = rows("verify", log, "--trust", trust, "--replay", code=1)
    assert [row["reason"] for row in found] == ["ok", "ok", "replay"]


@pytest.mark.parametrize(
    ("profile", "policy", "reason"),
    [
        ("ecdsa-p256", "classical-2016", "ok"),
        ("ecdsa-p256", "pqc-2030", "policy_downgrade"),
        ("fn-dsa-512/pre1", "pqc-2030", "ok"),
        ("ph-fn-dsa-512/pre1", "hybrid-2026", "ok"),
        ("ml-dsa-44/rs1", "pqc-2030-ml-dsa-44", "ok"),
        ("fn-dsa-512/pre1", "classical-2016", "policy_downgrade"),
    ],
)
def test_profiles(profile: str, policy: str, reason: str, tmp_path: Path) -> None:
    authority = Authority(profile, now=NOW)
    header = Header(psid=service.CAM, generation_time=NOW)
    message = write(tmp_path / "m", sign(b"", header, authority.vehicle(), FULL))
    directory = tmp_path / "trust"
    directory.mkdir()
    write(directory / "aa", authority.authorisation.certificate)
    root = write(tmp_path / "root", authority.root.certificate)
    given = ("--trust", directory, "--root", root)
    (row,) = rows("verify", message, *given, code=0)
    assert row["profile"] == profile
    (row,) = rows("verify", message, *given, "--profile", policy, code=int(reason != "ok"))
    assert row["reason"] == reason


def signed_by_self(message: bytes) -> bytes:
    """The message with the signer "self" instead of its digest."""
    start = message.index(b"\x80" + VEHICLE.hashed_id8)
    return message[:start] + b"\x82" + message[start + 9 :]


def test_what_is_not_signed_by_a_certificate(tmp_path: Path) -> None:
    unsigned = b"\x03\x80\x05hello"
    encrypted = b"\x03\x82\x01\x01\x80" + bytes(8) + b"\x80" + bytes(12) + b"\x10" + bytes(16)
    messages = [unsigned, encrypted, signed_by_self(DIGEST_MESSAGE), DIGEST_MESSAGE[:-1]]
    lines = [json.dumps({"spdu": message.hex()}).encode() for message in messages]
    file = write(tmp_path / "mixed.jsonl", b"\n".join([*lines, b"{broken"]))
    found = rows("verify", file, code=1)
    assert [(row["reason"], row["line"]) for row in found] == [
        ("unknown_signer", 1),
        ("unsupported_algorithm", 2),
        ("unknown_signer", 3),
        ("malformed", 4),
        ("malformed", 5),
    ]
    notes = [row["note"] for row in found]
    assert notes[0] == "unsigned"
    assert notes[1] == "encrypted: recognised, not opened"
    assert notes[2] == "signed by 'self'"
    assert notes[3].startswith("breaks at its byte")
    assert notes[4] == "line 5 is not a JSON object"
    text = told(run("verify", file), 1)
    assert "anybody could have sent it" in text
    # Nothing can make an unsigned message hold.
    assert run("verify", write(tmp_path / "u", unsigned)).exit_code == 1


def signed_with(signature: bytes, payload: bytes, header: bytes = b"\x00\x01\x24") -> bytes:
    signer = b"\x80" + VEHICLE.hashed_id8
    return b"\x03\x81\x00" + payload + header + signer + signature


DATA = b"\x40\x03\x80\x01a"


def test_an_algorithm_that_is_not_verified_lacks_no_evidence(tmp_path: Path) -> None:
    sm2 = b"\x84\x40" + bytes(64)
    file = write(tmp_path / "sm2.spdu", signed_with(sm2, DATA))
    (row,) = rows("verify", file, code=1)
    assert row["note"] == "signed with an algorithm that is not verified here"
    text = told(run("verify", file), 1)
    assert "SM2" in text
    assert "for want of certificates" not in text
    assert "algorithm sm2" in told(run("inspect", file), 0)


def test_what_a_verdict_does_not_cover_is_noted(tmp_path: Path, trust: Path) -> None:
    signature = b"\x80\x80" + bytes(64)
    elsewhere = b"\x20\x80" + bytes(32)
    file = write(tmp_path / "hash.spdu", signed_with(signature, elsewhere))
    (row,) = rows("verify", file, code=3)
    assert row["note"] == "the payload was sent another way: only its hash is here"
    timeless = sign(b"a", Header(psid=service.CAM), VEHICLE, FULL)
    (row,) = rows("verify", write(tmp_path / "t", timeless), "--trust", trust, code=0)
    assert row["validity"] is None
    assert row["note"] == "it does not say when it was made: validity was not looked at"


def test_a_directory_is_no_file_and_its_files_are_named(tmp_path: Path) -> None:
    error = run("verify", tmp_path).exception
    assert isinstance(error, RoadsealError)
    assert error.message == f"{str(tmp_path)!r} is a directory."
    assert error.advice == f"Give the files in it, as in {tmp_path}/*."


def test_a_key_for_self(tmp_path: Path) -> None:
    from roadseal import _core

    to_be_signed = _core.encode_to_be_signed_data(b"", Header(psid=36, generation_time=NOW))
    signature = VEHICLE.signer.sign(_core.signing_digest("ecdsa-p256", to_be_signed))
    file = write(tmp_path / "m", _core.encode_signed_data(to_be_signed, "ecdsa-p256", signature))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"self": VEHICLE.signer.public_key.hex()}))
    (row,) = rows("verify", file, "--signer-keys", keys, code=0)
    assert (row["signer_hashedid8"], row["signature"]) == (None, "ok")


def test_every_record_has_the_promised_fields(tmp_path: Path, trust: Path) -> None:
    lines = [json.dumps({"spdu": m.hex()}) for m in (FULL_MESSAGE, b"\x03\x81")] + ["{"]
    file = write(tmp_path / "l.jsonl", "\n".join(lines).encode())
    promised = {"file", "offset", "verdict", "reason", "signature", "chain", "permission"}
    promised |= {"validity", "freshness", "psid", "service", "signer_hashedid8", "profile"}
    promised |= {"generation_time", "generation_time_us", "algorithm", "certificate_algorithm"}
    promised |= {"length", "payload_length", "with_certificate"}
    found = rows("verify", file, "--trust", trust, code=1)
    assert all(promised <= set(row) for row in found)
    assert found[0]["generation_time"] == "2026-03-07T20:26:35.000001Z"
    assert found[0]["service"] == "CAM"


# What is said to people


def test_the_table_and_the_explanations(tmp_path: Path, trust: Path) -> None:
    changed = FULL_MESSAGE[:-1] + bytes([FULL_MESSAGE[-1] ^ 1])
    file = write(tmp_path / "log", DIGEST_MESSAGE + FULL_MESSAGE + changed + changed)
    text = told(run("verify", file, "--trust", trust), 1)
    assert "4 messages: 2 ok, 2 refused." in text
    assert f"{file} at {len(DIGEST_MESSAGE + FULL_MESSAGE)} and 1 more" in text.replace("\n", "")
    assert EXPLANATIONS[Reason.BAD_SIGNATURE].meaning[:40] in text
    groups = [line.split() for line in text.splitlines() if line.startswith("CAM")]
    name = VEHICLE.hashed_id8.hex()
    assert ["CAM", name, "ecdsa-p256", "ok", "2"] in groups
    assert ["CAM", name, "ecdsa-p256", "bad_signature", "2"] in groups


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    assert len({explanation.meaning for explanation in EXPLANATIONS.values()}) == len(Reason)


def test_broken_trust_is_told(tmp_path: Path, trust: Path) -> None:
    write(trust / "stranger", Authority("ecdsa-p256", now=NOW).authorisation.certificate)
    result = run("verify", write(tmp_path / "m", FULL_MESSAGE), "--trust", trust, "--json")
    assert result.exit_code == 0
    assert "1 of 3 certificates given do not hold" in result.stderr
    assert "1 unknown_issuer" in result.stderr


def test_files_without_messages(tmp_path: Path, trust: Path) -> None:
    empty = write(tmp_path / "empty", b"")
    text = told(run("verify", empty), 3)
    assert "holds no secured message" in text
    certificate = write(tmp_path / "c", VEHICLE.certificate)
    assert "is a certificate" in told(run("verify", certificate), 3)
    good = write(tmp_path / "good", FULL_MESSAGE)
    assert "holds no secured message" in told(run("verify", good, empty, "--trust", trust), 3)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nowhere",), "unreadable-file"),
        ((".",), "unreadable-file"),
        (("MESSAGE", "--at", "yesterday"), "bad-time"),
        (("MESSAGE", "--at", "1999-01-01"), "bad-time"),
        (("MESSAGE", "--trust", "nowhere"), "no-trust-directory"),
        (("MESSAGE", "--root", "MESSAGE"), "not-a-root"),
        (("MESSAGE", "--root", "nowhere"), "not-a-root"),
        (("MESSAGE", "--signer-keys", "MESSAGE"), "signer-keys"),
        (("MESSAGE", "--profile", "nowhere"), "unknown-profile"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], code: str, tmp_path: Path) -> None:
    message = write(tmp_path / "m", FULL_MESSAGE)
    named = [str(message) if argument == "MESSAGE" else argument for argument in arguments]
    error = run("verify", *named).exception
    assert isinstance(error, RoadsealError), error
    assert error.code == code
    assert error.advice.endswith(".")


# Inspect


def test_inspect_message(tmp_path: Path) -> None:
    file = write(tmp_path / "m", FULL_MESSAGE)
    text = told(run("inspect", file), 0)
    for part in ("CAM (0x24)", "2026-03-07T20:26:35.000001Z", VEHICLE.hashed_id8.hex(), "DENM"):
        assert part in text
    (row,) = rows("inspect", file, code=0)
    header = row["tree"]["headerInfo"]
    assert header["service"] == "CAM"
    assert header["generationTime"] == NOW + 1
    assert header["generationTimeIso"] == "2026-03-07T20:26:35.000001Z"
    assert row["tree"]["signer"]["certificate"][0]["bytes"] == len(VEHICLE.certificate)


@pytest.mark.parametrize("profile", message_profiles())
def test_inspect_every_profile(profile: str, tmp_path: Path) -> None:
    vehicle: Credential = Authority(profile, now=NOW).vehicle()
    message = sign(b"", Header(psid=service.CAM, generation_time=NOW), vehicle, FULL)
    assert vehicle.hashed_id8.hex() in told(run("inspect", write(tmp_path / "m", message)), 0)
    text = told(run("inspect", write(tmp_path / "c", vehicle.certificate)), 0)
    assert text.startswith(f"certificate {len(vehicle.certificate)} bytes")


def test_inspect_says_where_it_breaks(tmp_path: Path) -> None:
    broken = bytearray(DIGEST_MESSAGE)
    broken[4] = 9  # the version of the payload
    file = write(tmp_path / "m", bytes(broken))
    text = told(run("inspect", file), 1)
    assert "It breaks at its byte 4:" in text
    lines = text.splitlines()
    place = next(number for number, line in enumerate(lines) if "^^" in line)
    column = lines[place].index("^^")
    assert lines[place - 1][column : column + 2] == "09"
    (row,) = rows("inspect", file, code=1)
    assert (row["tree"]["error"], row["tree"]["offset"]) == ("malformed", 4)


def test_inspect_recording(tmp_path: Path) -> None:
    log = b"log" + DIGEST_MESSAGE + FULL_MESSAGE + DIGEST_MESSAGE
    file = write(tmp_path / "log.gz", gzip.compress(log))
    text = told(run("inspect", file), 0)
    assert "binary log, 3 messages" in text
    assert text.count("headerInfo") == 1
    assert told(run("inspect", file, "--message", 2), 0).count("headerInfo") == 2
    assert told(run("inspect", file, "--message", 0), 0).count("headerInfo") == 0
    second = 3 + len(DIGEST_MESSAGE)
    assert f"offset {second}" in told(run("inspect", file, "--offset", second), 0)
    assert [row["offset"] for row in rows("inspect", file, code=0)] == [
        3,
        second,
        second + len(FULL_MESSAGE),
    ]
    assert len(rows("inspect", file, "--message", 1, code=0)) == 1
    assert run("inspect", file, "--offset", 5).exit_code == 3


def test_inspect_nothing_and_halves(tmp_path: Path) -> None:
    assert "holds no message" in told(run("inspect", write(tmp_path / "n", b"nothing")), 3)
    half = write(tmp_path / "c", VEHICLE.certificate[:70])
    assert "It breaks at its byte" in told(run("inspect", half), 1)
    text = write(tmp_path / "t", VEHICLE.certificate.hex().encode())
    assert "certificate 156 bytes" in told(run("inspect", text), 0)


# Figures


def test_sizes() -> None:
    text = told(run("sizes"), 0)
    result = run("sizes", "--json")
    listed = json.loads(result.stdout)
    assert [row["profile"] for row in listed] == list(message_profiles())
    first = listed[0]
    assert first == {
        "profile": "ecdsa-p256",
        "status": "standard",
        "certificate": 156,
        "digest_spdu": 178,
        "full_certificate_spdu": 328,
    }
    for row in listed:
        assert row["profile"] in text
        assert str(row["full_certificate_spdu"]) in text


# As a program


def roadseal(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from roadseal.app.cli import main; main()", "v2x"]
        + [str(argument) for argument in arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_as_a_program(tmp_path: Path, trust: Path) -> None:
    good = write(tmp_path / "good", FULL_MESSAGE)
    ran = roadseal("verify", good, "--trust", trust, "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["verdict"] == "ok"
    assert "1 message: 1 ok" in ran.stderr
    assert roadseal("verify", good).returncode == 3
    wrong = roadseal("verify", tmp_path / "nowhere")
    assert wrong.returncode == 2
    assert "[unreadable-file]" in wrong.stderr
    assert "→" in wrong.stderr
    assert roadseal("verify").returncode == 2
    assert roadseal("verify", good, "--no-such-option").returncode == 2


# Hostile files


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(
        [b"", b"\x1f\x8b\x08\x00", b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x80\x03"]
    )
    | st.sampled_from([b'{"spdu": "', b"\x03\x81\x00\x40", b"0381", DIGEST_MESSAGE, FULL_MESSAGE]),
    st.binary(max_size=200),
)
def test_garbage_is_judged_not_raised(tmp_path: Path, start: bytes, rest: bytes) -> None:
    file = write(tmp_path / "garbage", start + rest)
    for command in (("verify",), ("inspect",), ("certificate", "show"), ("certificate", "verify")):
        for format_ in ((), ("--json",)):
            result = run(*command, file, *format_)
            assert result.exception is None or isinstance(result.exception, SystemExit)
            assert result.exit_code in {0, 1, 3}


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from([DIGEST_MESSAGE, FULL_MESSAGE]), st.data())
def test_no_mutant_is_believed(
    tmp_path: Path, trust: Path, message: bytes, data: st.DataObject
) -> None:
    mutant = bytearray(message)
    mutant[data.draw(st.integers(0, len(mutant) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    lines = [json.dumps({"spdu": m.hex()}) for m in (bytes(mutant), FULL_MESSAGE)]
    file = write(tmp_path / "m.jsonl", "\n".join(lines).encode())
    result = run("verify", file, "--trust", trust, "--json")
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first["verdict"] == "refused" or is_other_form_of_r(message, bytes(mutant))
    assert second["verdict"] == "ok"
