"""A key ceremony: a script says what is made and who watches; a signed transcript says what was.

The transcript is a chain of steps, each over the hash of the one before it, and the first root that
the ceremony makes signs the last. A reader needs only the root's certificate to check it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, Field

from roadseal.clock import Clock, to_datetime
from roadseal.crypto import Profile
from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError
from roadseal.events import Emit
from roadseal.operate.pki.approval import set_roster
from roadseal.operate.pki.authority import Authority
from roadseal.operate.pki.key_store import SOFTWARE, Token
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.signature import subject_key_info
from roadseal.store import Store

_SIGNED = b"roadseal ceremony 1\0"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Participant(_Row):
    name: str
    role: str


class _AuthorityRow(_Row):
    name: str
    algorithm: str
    under: str | None = None
    places: tuple[str, ...] = (SOFTWARE,)
    life_days: int = Field(3650, gt=0)


class _Approval(_Row):
    quorum: int
    approvers: dict[str, str]  # name: file with the public key or a certificate, PEM


class Script(_Row):
    """What a ceremony is to do."""

    title: str
    place: str
    participants: tuple[_Participant, ...] = Field(min_length=1)
    authorities: tuple[_AuthorityRow, ...] = Field(min_length=1)
    approval: _Approval | None = None

    @classmethod
    def read(cls, source: TomlSource) -> Script:
        """Read a script.

        Raises:
            RoadsealError: ``ceremony-script``, or the TOML's own.
        """
        script = source.validate(cls, source.parse(), (), "ceremony-script")
        made: set[str] = set()
        for row in script.authorities:
            if row.name in made or (row.under is not None and row.under not in made):
                raise RoadsealError(
                    "ceremony-script",
                    f"{source.name}: authority {row.name!r} comes twice, or before its parent.",
                    advice="List each authority once, below the one it is under.",
                )
            made.add(row.name)
        if script.approval and not 1 <= script.approval.quorum <= len(script.approval.approvers):
            raise RoadsealError(
                "ceremony-script",
                f"{source.name}: {script.approval.quorum} of {len(script.approval.approvers)} "
                "approvers cannot be asked for.",
                advice="Name at least as many approvers as must sign.",
            )
        if script.authorities[0].under is not None:
            raise RoadsealError(
                "ceremony-script",
                f"{source.name}: the first authority is no root.",
                advice="Begin with the root, whose key signs the transcript.",
            )
        return script


@dataclass
class Ceremony:
    """One run of a script.

    Args:
        script: what to do.
        script_sha256: of the script's bytes, hexadecimal.
        clock: for the time of each step.
        confirm: asked before each step; False breaks the ceremony off.
    """

    script: Script
    script_sha256: str
    clock: Clock
    confirm: Callable[[str], bool] = lambda _step: True
    steps: list[dict[str, Any]] = field(default_factory=list)

    def run(
        self,
        store: Store,
        *,
        passphrase: bytes,
        profile: Profile,
        emit: Emit,
        approvers: Mapping[str, PublicKey] | None = None,
        token: Token | None = None,
    ) -> dict[str, Any]:
        """Make what the script says, and return the signed transcript.

        Raises:
            RoadsealError: ``ceremony-stopped``, and as `Authority.create` and `set_roster`.
        """
        self._note(
            "opened",
            title=self.script.title,
            place=self.script.place,
            participants=[one.model_dump() for one in self.script.participants],
            script_sha256=self.script_sha256,
            profile=profile.label,
            software={name: version(name) for name in ("roadseal", "cryptography", "sqlalchemy")},
            python=platform.python_version(),
        )
        authorities: dict[str, Authority] = {}
        for row in self.script.authorities:
            under = f" under {row.under}" if row.under else ", a root"
            self._ask(f"make {row.name}{under}: {row.algorithm} in {' and '.join(row.places)}")
            made = Authority.create(
                store,
                row.name,
                algorithm=row.algorithm,
                passphrase=passphrase,
                profile=profile,
                clock=self.clock,
                emit=emit,
                parent=authorities[row.under] if row.under else None,
                life_s=row.life_days * DAY_S,
                places=row.places,
                token=token,
            )
            authorities[row.name] = made
            self._note("authority made", **row.model_dump(), **_described(made.chain[0]))
        if self.script.approval and approvers:
            quorum = self.script.approval.quorum
            self._ask(f"name {len(approvers)} approvers, of whom {quorum} must sign")
            set_roster(store, approvers, quorum, self.clock.now())
            named = {name: key.hashes[0].hex() for name, key in approvers.items()}
            self._note("approvers named", quorum=quorum, key_sha256=named)
        self._note("closed")
        root = authorities[self.script.authorities[0].name]
        signature = root.sign_statement(_SIGNED + bytes.fromhex(self.steps[-1]["hash"]))
        return {
            "steps": self.steps,
            "root": root.chain[-1].public_bytes(Encoding.PEM).decode(),
            "signature": b64encode(signature).decode(),
        }

    def _ask(self, step: str) -> None:
        if not self.confirm(step):
            raise RoadsealError(
                "ceremony-stopped",
                f"The ceremony was broken off before: {step}.",
                advice="Destroy the database and start again with a new one.",
            )

    def _note(self, what: str, **facts: Any) -> None:
        previous = self.steps[-1]["hash"] if self.steps else "00" * 32
        step = {"time": to_datetime(self.clock.now()).isoformat(), "what": what, **facts}
        self.steps.append({**step, "hash": _hash(previous, step)})


def transcript_holds(transcript: Mapping[str, Any], root: x509.Certificate | None = None) -> bool:
    """Whether no step was changed, left out or added, and the root signed the last.

    Args:
        transcript: what `Ceremony.run` returned, perhaps from a file.
        root: the certificate to hold it to; None: the one inside.
    """
    try:
        named = x509.load_pem_x509_certificate(transcript["root"].encode())
        if root is not None and named != root:
            return False
        previous = "00" * 32
        for step in transcript["steps"]:
            facts = {name: value for name, value in step.items() if name != "hash"}
            previous = _hash(previous, facts)
            if step["hash"] != previous:
                return False
        key = PublicKey.read(subject_key_info(named))
        signature = b64decode(transcript["signature"], validate=True)
        return key.verify(_SIGNED + bytes.fromhex(previous), signature)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def as_markdown(transcript: Mapping[str, Any]) -> str:
    """The transcript for people: to print, and to sign by hand."""
    opened = transcript["steps"][0]
    lines = [f"# {opened['title']}", "", f"Place: {opened['place']}", ""]
    for step in transcript["steps"]:
        lines += [f"## {step['time']}: {step['what']}", ""]
        for name, value in step.items():
            if name not in ("time", "what", "title", "place", "participants"):
                lines.append(
                    f"- {name}: `{value if isinstance(value, str) else json.dumps(value)}`"
                )
        lines.append("")
    lines += ["## Present", "", "| name | role | signature |", "|---|---|---|"]
    lines += [f"| {one['name']} | {one['role']} | |" for one in opened["participants"]]
    return "\n".join([*lines, ""])


def read_public_key(path: Path) -> PublicKey:
    """The key in a PEM file: a public key or a certificate.

    Raises:
        RoadsealError: ``pki-file``.
    """
    from cryptography.hazmat.primitives.serialization import PublicFormat, load_pem_public_key

    try:
        text = path.read_bytes()
        if b"BEGIN CERTIFICATE" in text:
            return PublicKey.read(subject_key_info(x509.load_pem_x509_certificate(text)))
        loaded = load_pem_public_key(text)
        info = loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return PublicKey.read(info)
    except (OSError, ValueError):
        raise RoadsealError(
            "pki-file",
            f"{path} holds no public key of ours.",
            advice="Give a public key or a certificate of ML-DSA or ECDSA, PEM.",
        ) from None


def _described(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "certificate_sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "key_sha256": PublicKey.read(subject_key_info(certificate)).hashes[0].hex(),
    }


def _hash(previous: str, step: Mapping[str, Any]) -> str:
    canonical = json.dumps(step, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(bytes.fromhex(previous) + canonical).hexdigest()
