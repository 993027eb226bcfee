"""`roadseal x509`: certificates on the wire, checked by our own path validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.errors import RoadsealError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

_PURPOSES = {  # RFC 5280 §4.2.1.12
    "server": "1.3.6.1.5.5.7.3.1",
    "client": "1.3.6.1.5.5.7.3.2",
    "code-signing": "1.3.6.1.5.5.7.3.3",
    "email": "1.3.6.1.5.5.7.3.4",
    "time-stamping": "1.3.6.1.5.5.7.3.8",
    "ocsp-signing": "1.3.6.1.5.5.7.3.9",
}


@app.callback()
def _root() -> None:
    pass


@app.command()
def verify(
    files: Annotated[
        list[Path], typer.Argument(help="Files, or folders of them; PEM, DER or PKCS #7.")
    ],
    trust: Annotated[
        list[Path] | None, typer.Option(help="Trust anchors, files or folders; without: self.")
    ] = None,
    untrusted: Annotated[list[Path] | None, typer.Option(help="Intermediates.")] = None,
    crl: Annotated[list[Path] | None, typer.Option(help="Revocation lists.")] = None,
    status: Annotated[list[Path] | None, typer.Option(help="Status lists of `pki status`.")] = None,
    tier: Annotated[str, typer.Option(help="What a list's age means: T1 to T4.")] = "T1",
    policy: Annotated[
        list[str] | None,
        typer.Option(help="Acceptable certificate policy, dotted; one is required."),
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="Extended key usage that leaf and authorities must allow.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what RFC 5280 forbids authorities, too.")
    ] = False,
    profile: Annotated[str | None, typer.Option(help="Crypto profile to hold to.")] = None,
    at: Annotated[str | None, typer.Option(help="ISO 8601 instant; default: now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Parse each file and follow its chain to a trust anchor, or check its self-signature.

    Exits with 1 if any file does not hold.

    Example: [bold]roadseal x509 verify leaf.pem --untrusted ica.pem --trust root.pem[/]
    """
    from cryptography.x509 import ObjectIdentifier

    from roadseal.clock import SystemClock, parse_instant, to_datetime
    from roadseal.crypto import load_profile
    from roadseal.operate.pki.files import (
        FileVerdict,
        files_in,
        read_crls,
        read_distrusted,
        read_pool,
        read_status,
        verify_file,
    )
    from roadseal.operate.pki.path.validation import PathRules
    from roadseal.operate.pki.standing import TIERS

    try:
        instant = SystemClock().now() if at is None else parse_instant(at)
        to_datetime(instant)
    except (ValueError, OverflowError):
        raise RoadsealError(
            "instant", f"{at!r} is no instant.", advice="Write it as 2026-11-26T09:00:00Z."
        ) from None
    if tier not in TIERS:
        raise RoadsealError("tier", f"There is no tier {tier!r}.", advice="Use T1, T2, T3 or T4.")
    if purpose is not None and purpose not in _PURPOSES:
        raise RoadsealError(
            "purpose",
            f"There is no purpose {purpose!r}.",
            advice=f"Use {', '.join(_PURPOSES)}.",
        )
    anchors = read_pool(trust) if trust else None
    pool = read_pool(untrusted or ())
    rules = PathRules(
        instant,
        profile=load_profile(profile) if profile else None,
        crls=read_crls(crl or ()),
        status=read_status(status, [*pool, *(anchors or ())]) if status else None,
        tier=TIERS[tier],
        purpose=ObjectIdentifier(_PURPOSES[purpose]) if purpose else None,
        distrusted=read_distrusted(
            (*(trust or ()), *(untrusted or ())), _PURPOSES[purpose] if purpose else None
        ),
        strict=strict,
        policies=frozenset(policy or ("2.5.29.32.0",)),
        require_policy=bool(policy),
    )
    verdicts: list[FileVerdict] = [
        verify_file(file, pool, anchors, rules) for file in files_in(files)
    ]
    if as_json:
        rows = [
            {
                "file": str(one.file),
                "parsed": one.parsed,
                "subject": one.subject,
                "certificates": one.certificates,
                "signature_algorithm": one.algorithm,
                "checked": one.checked,
                "ok": one.verdict.ok,
                "reason": one.verdict.reason.value,
                "detail": one.verdict.detail,
            }
            for one in verdicts
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        table = Table("File", "Signature", "Checked", "Verdict", "Detail", box=None)
        for one in verdicts:
            colour = "green" if one.verdict.ok else "red"
            table.add_row(
                escape(one.file.name),
                one.algorithm or "-",
                one.checked,
                f"[{colour}]{one.verdict.reason.value}[/]",
                escape(one.verdict.detail),
            )
        Console().print(table)
    if not all(one.verdict.ok for one in verdicts):
        raise typer.Exit(1)
