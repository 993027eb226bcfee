"""`roadseal pki`: the X.509 back office."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki import Authority

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

_DAY_S = 86_400

Database = Annotated[str, typer.Option("--db", envvar="ROADSEAL_DB", help="Path or URL.")]
ProfileName = Annotated[str, typer.Option("--profile", help="Crypto profile to hold to.")]
Name = Annotated[str, typer.Option("--authority", help="Which authority.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Where the authorities' certificates go.")],
    db: Database = "pki.db",
    profile: ProfileName = "hybrid-2026",
    root: Annotated[str, typer.Option(help="Algorithm of the root.")] = "ml-dsa-87",
    issuing: Annotated[str, typer.Option(help="Algorithm of the issuing one.")] = "ml-dsa-65",
) -> None:
    """Make a root and an issuing authority; the passphrase is in ROADSEAL_PKI_PASSPHRASE.

    Example: [bold]roadseal pki init ca/ --db pki.db[/]
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.events import EventLog
    from roadseal.operate.pki import SCHEMA, Authority
    from roadseal.store import open_store

    store = open_store(db, SCHEMA)
    passphrase, chosen, clock, log = _passphrase(), load_profile(profile), SystemClock(), EventLog()
    parent: Authority | None = None
    for name, algorithm in (("root", root), ("issuing", issuing)):
        parent = Authority.create(
            store,
            name,
            algorithm=algorithm,
            passphrase=passphrase,
            profile=chosen,
            clock=clock,
            emit=log,
            parent=parent,
        )
        _write(directory / f"{name}.pem", parent.chain[0].public_bytes(Encoding.PEM))


@app.command()
def issue(
    csr: Annotated[Path, typer.Argument(help="PKCS #10 request, PEM or DER.")],
    identity: Annotated[str, typer.Option(help="Whom it is for.")],
    out: Annotated[Path, typer.Option(help="Where the certificate goes, PEM.")],
    db: Database = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    dns: Annotated[list[str] | None, typer.Option(help="DNS name; default: identity.")] = None,
    days: Annotated[int, typer.Option(help="Validity.")] = 30,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="Names the request.")] = None,
) -> None:
    """Certify the key of a request; a repetition with the same key gives the same certificate.

    Example: [bold]roadseal pki issue rsu.csr --identity rsu-42.example --out rsu.pem[/]
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from roadseal.operate.pki import IssueRequest

    try:
        encoded = csr.read_bytes()
    except OSError as error:
        raise RoadsealError(
            "pki-file", f"{csr} cannot be read: {error.strerror}.", advice="Check the path."
        ) from None
    request = IssueRequest(
        encoded, identity, key or secrets.token_hex(16), tuple(dns or ()), days * _DAY_S
    )
    ca = _open(db, authority, profile)
    issued = ca.issue(request)
    leaf = x509.load_der_x509_certificate(issued.certificate)
    chain = (leaf, *ca.chain[:-1])
    _write(out, b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    typer.echo(issued.serial)


@app.command()
def revoke(
    serial: Annotated[str, typer.Argument(help="Hexadecimal.")],
    reason: Annotated[str, typer.Option(help="As RFC 5280 names it.")] = "unspecified",
    block_key: Annotated[bool, typer.Option(help="Never certify its key again.")] = False,
    db: Database = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
) -> None:
    """Revoke a certificate.

    Example: [bold]roadseal pki revoke 4f2a --reason keyCompromise --block-key[/]
    """
    from cryptography import x509

    try:
        flag = x509.ReasonFlags(reason)
        if flag is x509.ReasonFlags.remove_from_crl:
            raise ValueError
    except ValueError:
        raise RoadsealError(
            "pki-reason",
            f"{reason!r} is no reason to revoke.",
            advice="Use keyCompromise, superseded, cessationOfOperation or unspecified.",
        ) from None
    _open(db, authority, profile).revoke(serial.lower(), flag, block_key=block_key)


@app.command()
def status(
    out: Annotated[Path, typer.Argument(help="Where the signed status list goes.")],
    crl: Annotated[Path | None, typer.Option(help="Where a CRL goes too, DER.")] = None,
    db: Database = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
) -> None:
    """Publish what is revoked.

    Example: [bold]roadseal pki status fleet.status --crl fleet.crl[/]
    """
    ca = _open(db, authority, profile)
    _write(out, ca.publish_status())
    if crl:
        _write(crl, ca.crl())


@app.command()
def expiring(
    within_days: Annotated[int, typer.Option(help="Show what ends within.")] = 30,
    db: Database = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    as_json: AsJson = False,
) -> None:
    """Show what ends soon, soonest first.

    Exits with 1 if a certificate has less than three days left.

    Example: [bold]roadseal pki expiring --within-days 14[/]
    """
    from roadseal.clock import MICROSECONDS_PER_SECOND, SystemClock, to_datetime

    now = SystemClock().now()
    certificates = _open(db, authority, profile).certificates()
    left = [(one, (one.not_after - now) / MICROSECONDS_PER_SECOND / _DAY_S) for one in certificates]
    due = [(one, days) for one, days in left if days <= within_days]
    if as_json:
        rows = [
            {
                "identity": one.identity,
                "serial": one.serial,
                "not_after": to_datetime(one.not_after).isoformat(),
                "days_left": round(days, 2),
            }
            for one, days in due
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        table = Table("Days left", "Identity", "Ends (UTC)", "Serial", box=None)
        for one, days in due:
            colour = "red" if days < 3 else "yellow" if days < 10 else "green"
            ends = f"{to_datetime(one.not_after):%Y-%m-%d %H:%M}"
            table.add_row(
                f"[{colour}]{days:6.1f}[/]", escape(one.identity), ends, f"[dim]{one.serial}[/]"
            )
        console = Console()
        console.print(f"[bold]{len(due)}[/] of {len(left)} end within {within_days} days")
        console.print(table)
    if any(days < 3 for _, days in due):
        raise typer.Exit(1)


def _open(db: str, name: str, profile: str) -> Authority:
    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.events import EventLog
    from roadseal.operate.pki import SCHEMA, Authority
    from roadseal.store import open_store

    return Authority.open(
        open_store(db, SCHEMA),
        name,
        passphrase=_passphrase(),
        profile=load_profile(profile),
        clock=SystemClock(),
        emit=EventLog(),
    )


def _passphrase() -> bytes:
    if passphrase := os.environ.get("ROADSEAL_PKI_PASSPHRASE"):
        return passphrase.encode()
    raise RoadsealError(
        "pki-passphrase",
        "The authorities' keys need a passphrase.",
        advice="Set ROADSEAL_PKI_PASSPHRASE.",
    )


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise RoadsealError(
            "pki-file", f"{path} cannot be written: {error.strerror}.", advice="Check the folder."
        ) from None
