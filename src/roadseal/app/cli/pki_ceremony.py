"""`roadseal pki ceremony`, `approvals` and `approve`: what several people do together."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.database import Database, PkiDatabase
from roadseal.app.cli.output import AsJson, say, tell
from roadseal.app.cli.pki_common import (
    ProfileName,
    open_database,
    open_token,
    passphrase,
    read_file,
    write_file,
)
from roadseal.errors import RoadsealError


def ceremony(
    script: Annotated[Path, typer.Argument(help="TOML script, or with --verify a transcript.")],
    out: Annotated[Path, typer.Option(help="Folder for certificates and transcript.")] = Path("ca"),
    db: Database = "pki.db",
    profile: ProfileName = "hybrid-2026",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before each step.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check a transcript.json.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make authorities by a script, in front of witnesses, with a signed transcript.

    Example: [bold]roadseal pki ceremony script.toml --out ca/[/]
    """
    from roadseal.operate.pki.ceremony import transcript_holds

    encoded = read_file(script)
    if verify:
        try:
            holds = transcript_holds(json.loads(encoded))
        except ValueError:
            holds = False
        text = "The transcript holds." if holds else "The transcript does not hold."
        say(text, {"holds": holds}, as_json=as_json)
        raise typer.Exit(0 if holds else 1)
    names = _run(script, encoded, out, db, profile, yes=yes)
    written = out / "transcript.md"
    row = {"authorities": names, "transcript": str(written)}
    say(f"Transcript: {written}; print it and sign it.", row, as_json=as_json)


def _run(script: Path, encoded: bytes, out: Path, db: str, profile: str, *, yes: bool) -> list[str]:
    """Perform it; returns the names of the authorities of the database."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.crypto.toml_source import TomlSource
    from roadseal.operate.pki.ceremony import Ceremony, Script, as_markdown, read_public_key
    from roadseal.operate.pki.tables import AUTHORITY

    read = Script.read(TomlSource(str(script), encoded.decode(errors="replace")))
    named = read.approval.approvers if read.approval else {}
    approvers = {name: read_public_key(script.parent / file) for name, file in named.items()}

    def confirm(step: str) -> bool:
        return yes or typer.confirm(f"Next: {step}. Go on?", err=True)

    store = open_database(db)
    made = Ceremony(read, hashlib.sha256(encoded).hexdigest(), SystemClock(), confirm)
    transcript = made.run(
        store,
        passphrase=passphrase(),
        profile=load_profile(profile),
        emit=tell,
        approvers=approvers,
        token=open_token(),
    )
    names: list[str] = []
    with store.reading() as connection:
        for row in connection.execute(AUTHORITY.select()):
            own = x509.load_pem_x509_certificates(row.chain)[0]
            write_file(out / f"{row.name}.pem", own.public_bytes(Encoding.PEM))
            names.append(row.name)
    write_file(out / "transcript.json", json.dumps(transcript, indent=2).encode())
    write_file(out / "transcript.md", as_markdown(transcript).encode())
    return names


def approvals(db: PkiDatabase = "pki.db", as_json: AsJson = False) -> None:
    """Show what waits for approval.

    Example: [bold]roadseal pki approvals[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.operate.pki.approval import pending

    waiting = pending(open_database(db), SystemClock().now())
    if as_json:
        rows = [
            {
                "digest": one.digest,
                "action": json.loads(one.action.text),
                "approved_by": list(one.approvers),
            }
            for one in waiting
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("Digest", "Approved by", "What", box=None)
    for one in waiting:
        who = ", ".join(one.approvers) or "nobody"
        table.add_row(one.digest, who, one.action.text[:200])
    Console().print(table if waiting else "Nothing waits.")


def approve(
    digest: Annotated[str, typer.Argument(help="Of the action, from `approvals`.")],
    approver: Annotated[str, typer.Option("--as", help="Who approves.")],
    key: Annotated[Path, typer.Option(help="The approver's private key, PEM.")],
    db: PkiDatabase = "pki.db",
    as_json: AsJson = False,
) -> None:
    """Sign a pending action with your own key.

    Example: [bold]roadseal pki approve 3fa9… --as ada --key ada.pem[/]
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from roadseal.clock import SystemClock
    from roadseal.operate.pki.approval import approve as record
    from roadseal.operate.pki.approval import to_sign
    from roadseal.operate.pki.signer import PrivateKey, SoftwareSigner

    try:
        signed = to_sign(digest)
    except ValueError:
        raise RoadsealError(
            "pki-approver",
            f"{digest!r} is no digest of an action.",
            advice="Copy it from `roadseal pki approvals`.",
        ) from None
    try:
        loaded = load_pem_private_key(read_file(key), None)
    except (ValueError, TypeError):
        loaded = None
    if not isinstance(loaded, PrivateKey):
        raise RoadsealError(
            "pki-approver",
            f"{key} is no private key that approves.",
            advice="Give an unencrypted PEM key, the one whose public half is in the roster.",
        )
    signature = SoftwareSigner(loaded).sign(signed)
    count = record(open_database(db), digest, approver, signature, SystemClock().now())
    say(f"Approved by {count}.", {"digest": digest, "approved_by": count}, as_json=as_json)
