"""Findings: what `roadseal v2x verify` says of each message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from roadseal import _core
from roadseal.app.cli.v2x_input import iso
from roadseal.clock import Time64
from roadseal.v2x import Reason, Verdict, Verifier, profile_of
from roadseal.v2x.recording import LEGACY_NOTE, RecordedMessage, Recording
from roadseal.v2x.service import service_name

BATCH = 1024
"""Messages that are judged in one call."""

_ONLY_WHERE_KNOWN = ("line", "frame", "fragments", "network", "note")
_UNSIGNED = "unsigned"
_CUT = "the capture kept only a part of its frame"
_FOREIGN = "signed with an algorithm that is not verified here"
_NOTES = {
    "unsecuredData": _UNSIGNED,
    "encryptedData": "encrypted: recognised, not opened",
    "signedCertificateRequest": "certificate request: recognised, not opened",
    "signedX509CertificateRequest": "certificate request: recognised, not opened",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of one message; the fields are those of the JSON output.

    `signature`, `chain`, `permission`, `validity` and `freshness` are reasons, `None` where that
    part was not looked at. `missing` is the HashedId8 of the certificate that is not at hand.
    """

    file: str
    offset: int
    line: int | None = None
    frame: int | None = None
    fragments: tuple[int, ...] | None = None
    network: str | None = None
    verdict: Literal["ok", "refused"]
    reason: Reason
    note: str | None = None
    signature: str | None = None
    chain: str | None = None
    permission: str | None = None
    validity: str | None = None
    freshness: str | None = None
    psid: int | None = None
    service: str | None = None
    ssp: str | None = None
    signer_hashedid8: str | None = None
    missing: str | None = None
    with_certificate: bool | None = None
    profile: str | None = None
    algorithm: str | None = None
    certificate_algorithm: str | None = None
    generation_time: str | None = None
    generation_time_us: int | None = None
    length: int
    payload_length: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the message may be believed."""
        return self.verdict == "ok"

    @property
    def is_unsigned(self) -> bool:
        """Whether there is no signature to judge."""
        return self.note == _UNSIGNED

    @property
    def is_foreign(self) -> bool:
        """Whether its signature is of a kind that cannot be verified here, whatever is at hand."""
        return self.note is not None and _FOREIGN in self.note

    @property
    def is_cut(self) -> bool:
        """Whether the capture, not the sender, ended it early."""
        return self.note is not None and self.note.startswith(_CUT)

    @property
    def lacks_evidence(self) -> bool:
        """Whether nothing is wrong with it and what is missing could make it hold."""
        hopeless = self.is_unsigned or self.is_foreign
        return self.is_cut or (self.reason.is_missing_evidence and not hopeless)

    def to_json(self) -> dict[str, Any]:
        """The finding for programs; what its kind of file does not have is left out."""
        row = asdict(self)
        return {
            key: value
            for key, value in row.items()
            if value is not None or key not in _ONLY_WHERE_KNOWN
        }


def bring_certificates(verifier: Verifier, messages: Iterable[RecordedMessage]) -> None:
    """Give the verifier every certificate that any of the messages brings.

    A digest then verifies even where its certificate comes later. The certificates are only at
    hand: what they are worth, their chain to a trusted root says.
    """
    brought: dict[bytes, None] = {}
    for message in messages:
        brought.update(dict.fromkeys(_core.signer_certificates(message.spdu)))
    verifier.add_certificates(list(brought))


def judge(
    verifier: Verifier, file: str, recording: Recording, at: Time64 | None
) -> Iterator[Finding]:
    """Judge the messages of a file in their order.

    Args:
        verifier: knows whom to trust.
        file: what to call the file.
        recording: its content.
        at: when; `None` is each message's own time.
    """
    messages = recording.messages
    for start in range(0, len(messages), BATCH):
        batch = messages[start : start + BATCH]
        verdicts = verifier.verify_batch([message.spdu for message in batch], at)
        for message, verdict in zip(batch, verdicts, strict=True):
            yield _finding(file, message, verdict)


def _finding(file: str, message: RecordedMessage, verdict: Verdict) -> Finding:
    place: dict[str, Any] = {
        "file": file,
        "offset": message.offset,
        "line": message.line,
        "frame": message.frame,
        "fragments": message.fragments or None,
        "network": message.network,
        "length": len(message.spdu),
    }
    if message.broken:
        return Finding(**place, verdict="refused", reason=Reason.MALFORMED, note=message.broken)
    if message.note == LEGACY_NOTE:
        reason = Reason.UNSUPPORTED_ALGORITHM
        return Finding(**place, verdict="refused", reason=reason, note=message.note)
    reason = Reason(verdict.overall)
    if verdict.psid is None:
        note = _note(message.spdu)
        if message.missing and reason is Reason.MALFORMED:
            note = f"{_CUT}: {message.missing} bytes are missing"
        return Finding(**place, verdict="refused", reason=reason, note=note)
    algorithms = verdict.algorithm, verdict.certificate_algorithm
    start, end = verdict.payload or (0, 0)
    return Finding(
        **place,
        verdict="ok" if verdict.ok else "refused",
        reason=reason,
        note=_remarks(verdict),
        signature=verdict.signature,
        chain=verdict.chain,
        permission=verdict.permission,
        validity=verdict.validity,
        freshness=verdict.freshness,
        psid=verdict.psid,
        service=service_name(verdict.psid),
        ssp=verdict.ssp.hex() if verdict.ssp is not None else None,
        signer_hashedid8=verdict.signer.hex() if verdict.signer else None,
        missing=verdict.missing.hex() if verdict.missing else None,
        with_certificate=verdict.with_certificate,
        profile=profile_of(*algorithms, anchored=verdict.anchored),
        algorithm=verdict.algorithm,
        certificate_algorithm=verdict.certificate_algorithm,
        generation_time=iso(verdict.generation_time),
        generation_time_us=verdict.generation_time,
        payload_length=end - start,
    )


def _remarks(verdict: Verdict) -> str | None:
    """What a reader of the verdict should know besides."""
    remarks = {
        "signed by 'self'": verdict.signer is None,
        _FOREIGN: verdict.algorithm is None,
        "the payload was sent another way: only its hash is here": verdict.payload == (0, 0),
        "it does not say when it was made: validity was not looked at": (
            verdict.generation_time is None and verdict.chain and verdict.validity is None
        ),
    }
    return "; ".join(remark for remark, applies in remarks.items() if applies) or None


def _note(spdu: bytes) -> str | None:
    """What there is instead of a signed message."""
    tree = _core.describe_message(spdu)
    if (offset := tree.get("offset")) is not None:
        return f"breaks at its byte {offset}"
    return _NOTES.get(tree.get("content", ""))
