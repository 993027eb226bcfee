"""The tables of docs/wire-format.md, made by running the code they speak of.

Run as a program, this module prints them; `test_wire_format_doc.py` compares.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import asn1tools
from pycrate_asn1dir import ITS_IEEE1609_2
from v2x_material import HEARD, NOW, PROFILES, SENT, authority, message

from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Identification,
    SigningKey,
    message_profiles,
    self_signed,
)
from roadseal.v2x.anchor import HEAD_BYTES, Anchors, make_batch
from roadseal.v2x.fragment import fragments

WITH = Identification.CERTIFICATE
EXTENSION_AT = "ecdsa-p256 under a dual authority"
USER_DLT = 147
TSHARK = ("-o", 'uat:user_dlts:"User 0 (DLT=147)","ieee1609dot2.data","0","","0",""')


@cache
def station(name: str) -> Credential:
    if name == EXTENSION_AT:
        return authority("dual-p256-fn-dsa-512/pre1").vehicle(algorithm="ecdsa-p256")
    return authority(name).vehicle()


def names() -> list[str]:
    return [*PROFILES, EXTENSION_AT]


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def sizes() -> str:
    """Bytes of certificates and messages with a payload of 85 bytes, and frames of messages."""
    rows = []
    for name in names():
        sender = station(name)
        digest, full = message(sender), message(sender, WITH)
        status = message_profiles()[name].status if name in PROFILES else "published-experimental"
        frames = f"{len(fragments(digest))} / {len(fragments(full))}"
        counts = [f"{len(one):,}" for one in (sender.certificate, digest, full)]
        rows.append([f"`{name}`", status, *counts, frames])
    header = ["profile", "status", "certificate", "digest SPDU", "certificate SPDU", "frames"]
    return table(header, rows)


def legacy() -> str:
    """What decoders that know nothing of these profiles do."""
    messages = {name: (message(station(name)), message(station(name), WITH)) for name in names()}
    seen = iter(by_tshark([octets for pair in messages.values() for octets in pair]))
    rows = []
    for name, (digest, _) in messages.items():
        certificate = station(name).certificate
        rows.append(
            [
                f"`{name}`",
                by_pycrate("Ieee1609Dot2Data", digest),
                by_pycrate("Certificate", certificate),
                by_asn1tools("Ieee1609Dot2Data", digest),
                by_asn1tools("Certificate", certificate),
                next(seen),
                next(seen),
            ]
        )
    kinds = ["message", "certificate", "message", "certificate", "message", "with certificate"]
    tools = ["pycrate", "pycrate", "asn1tools", "asn1tools", "tshark", "tshark"]
    header = ["profile", *(f"{tool}: {kind}" for tool, kind in zip(tools, kinds, strict=True))]
    return table(header, rows)


def by_pycrate(kind: str, octets: bytes) -> str:
    decoder = getattr(ITS_IEEE1609_2.Ieee1609Dot2, kind)
    decoder.from_coer(octets)
    unknown = "'_unk_" in repr(decoder.get_val()) or "_ext_" in repr(decoder.get_val())
    same = decoder.to_coer() == octets
    return ("reads, unknown kept" if unknown else "reads") + (
        "" if same else ", rewrites otherwise"
    )


@cache
def legacy_module() -> Any:
    return asn1tools.compile_files(str(Path(__file__).with_name("signed_data_2022.asn")), "oer")


def by_asn1tools(kind: str, octets: bytes) -> str:
    value = legacy_module().decode(kind, octets)
    try:
        same = legacy_module().encode(kind, value) == octets
    except asn1tools.EncodeError:
        return "reads, cannot rewrite"
    return "reads" if same else "reads, rewrites otherwise"


def by_tshark(messages: list[bytes]) -> list[str]:
    fields = ("ieee1609dot2.psid", "ieee1609dot2.generationTime", "_ws.malformed")
    arguments = [argument for field in fields for argument in ("-e", field)]
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, USER_DLT))
        for octets in messages:
            file.write(struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets)
        file.flush()
        command = ["tshark", "-r", file.name, *TSHARK, "-T", "fields", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    return [tshark_line(line) for line in run.stdout.splitlines()]


def tshark_line(line: str) -> str:
    psid, time, malformed = line.split("\t")
    assert psid.split(",")[0] == "36"
    assert time == str(SENT)
    flagged = malformed.count("_ws.malformed")
    return f"reads the rest, flags {flagged}" if flagged else "reads"


def has_tshark() -> bool:
    return shutil.which("tshark") is not None


def batches() -> str:
    """Bytes that a Merkle batch costs a certificate, as a whole list and one by one."""
    contents = CertificateContents(start=NOW, duration=Duration.hours(24), name="voucher")
    voucher = self_signed(contents, SigningKey.generate("ml-dsa-65"))
    rows = []
    for count in (1, 10, 100, 1_000, 10_000, 65_536):
        made = make_batch(
            [number.to_bytes(4, "big") for number in range(count)],
            voucher,
            number=1,
            not_before=NOW,
            not_after=HEARD,
        )
        assert Anchors([voucher.certificate]).admit_head(made.head, NOW).value == "ok"
        whole = len(made.list_bytes())
        proof = len(made.proof(bytes(4)))
        rows.append([f"{count:,}", f"{whole:,}", f"{whole / count:,.1f}", f"{proof:,}"])
    header = [
        "certificates",
        "whole list",
        "a certificate",
        f"a proof (after the head, {HEAD_BYTES:,})",
    ]
    return table(header, rows)


if __name__ == "__main__":
    for made in (sizes, legacy, batches):
        print(made(), end="\n\n")
