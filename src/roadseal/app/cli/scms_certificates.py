"""`roadseal scms enrol`, `batch`, `revoke` and `expand`: what stations are given and lose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import ScmsDatabase
from roadseal.app.cli.output import AsJson, counted, say, write_json_line
from roadseal.app.cli.scms_common import Kind, Out, System, Which, open_authorities
from roadseal.app.cli.scms_devices import enrol_device, issue_batch
from roadseal.app.cli.v2x_input import DOES_NOT_HOLD, HOLDS, read_bytes
from roadseal.clock import SystemClock, Time64
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.operate.pki.v2x.us_system import UsSystem


def enrol(
    name: Annotated[str, typer.Argument(help="The station's id.")],
    system: Which = System.EU,
    kind: Annotated[Kind, typer.Option(help="What it may do.")] = Kind.VEHICLE,
    db: ScmsDatabase = "scms.db",
    algorithm: Annotated[str, typer.Option(help="Of its enrolment key.")] = "ecdsa-p256",
    out: Out = Path("stations"),
    as_json: AsJson = False,
) -> None:
    """Register a station and enrol it; its keys are made here and written for you alone to read.

    Example: [bold]roadseal scms enrol rsu-0042 --kind rsu[/]
    """
    opened, now = open_authorities(db), SystemClock().now()
    authorities = opened.eu() if system is System.EU else opened.us()
    row = enrol_device(authorities, name, kind, algorithm, out / name, now)
    until = row["valid_until"]
    enrolled = f"{name} is enrolled until {until}; its files are in {out / name}."
    say(enrolled, row, as_json=as_json)


def batch(
    name: Annotated[str, typer.Argument(help="The station's id.")],
    system: Which = System.EU,
    count: Annotated[int, typer.Option(min=1, max=100, help="Tickets (EU).")] = 2,
    periods: Annotated[int, typer.Option(min=1, max=156, help="Weeks ahead (US).")] = 1,
    implicit: Annotated[bool, typer.Option(help="Implicit certificates (US).")] = False,
    algorithm: Annotated[str, typer.Option(help="Of the tickets' keys (EU).")] = "ecdsa-p256",
    db: ScmsDatabase = "scms.db",
    out: Out = Path("stations"),
    as_json: AsJson = False,
) -> None:
    """Get certificates for an enrolled station: tickets, pseudonyms, or a unit's certificate.

    Example: [bold]roadseal scms batch car-7 --system us --periods 4 --implicit[/]
    """
    opened, now = open_authorities(db), SystemClock().now()
    authorities = opened.eu() if system is System.EU else opened.us()
    row = issue_batch(
        authorities,
        out / name,
        now,
        count=count,
        periods=periods,
        implicit=implicit,
        algorithm=algorithm,
    )
    files = row["certificates"]
    text = f"{counted(len(files), 'certificate')} for {name} in {out / name}."
    say(text, row, as_json=as_json)


def revoke(
    certificate: Annotated[Path, typer.Argument(help="What was received, or an authority's.")],
    system: Which = System.US,
    db: ScmsDatabase = "scms.db",
    as_json: AsJson = False,
) -> None:
    """Revoke: a US device by any of its pseudonyms, a certificate, an enrolment, an authority.

    European tickets are not revoked: the station gets no new ones (revoke its credential).

    Exit code 1: it is not of these authorities.

    Example: [bold]roadseal scms revoke stations/car-7/1157-0.oer[/]
    """
    opened, now, octets = open_authorities(db), SystemClock().now(), read_bytes(certificate)
    if system is System.US:
        outcome = _revoke_us(opened.us(), octets, now)
    else:
        outcome = _revoke_eu(opened.eu(), octets, now)
    words = {
        "linked": "its device is on the next linked list, and gets nothing more",
        "hashed": "it is on the next hash list, and its device gets nothing more",
        "enrolment": "its holder gets nothing more",
        "authority": "it is on the root's next revocation list",
    }
    if as_json:
        write_json_line({"certificate": str(certificate), "outcome": outcome})
    else:
        Console().print(
            f"{escape(str(certificate))}: {words.get(outcome, f'not revoked ({outcome})')}.",
            highlight=False,
        )
    raise typer.Exit(HOLDS if outcome in words else DOES_NOT_HOLD)


def expand(
    caterpillar: Annotated[str, typer.Argument(help="Public point, SEC 1, hexadecimal.")],
    key: Annotated[str, typer.Argument(help="Expansion key, 16 bytes, hexadecimal.")],
    i: Annotated[int, typer.Option(min=0, max=0xFFFF_FFFF, help="Period.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="j from 0 to COUNT − 1.")] = 20,
    encryption: Annotated[bool, typer.Option(help="Encryption keys, not signing keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the cocoon public keys of a period (CAMP SCP1, original butterfly).

    Example: [bold]roadseal scms expand 02ee9c… 121d14… --i 1157 --count 3[/]
    """
    from roadseal.operate.pki.scms import cocoons, compressed

    try:
        point, secret = bytes.fromhex(caterpillar), bytes.fromhex(key)
        indices = [(i, j) for j in range(count)]
        points = cocoons(point, secret, indices, "encryption" if encryption else "signing")
    except ValueError:
        raise RoadsealError(
            "scms-expand",
            "The caterpillar is no point of P-256, or the key is not 16 bytes.",
            advice="Write both in hexadecimal, the point in SEC 1 form.",
        ) from None
    rows = [{"i": i, "j": j, "cocoon": compressed(one).hex()} for j, one in enumerate(points)]
    if as_json:
        for row in rows:
            write_json_line(row)
        return
    table = Table("i", "j", "cocoon public key", header_style="bold", box=box.HORIZONTALS)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


def _revoke_us(us: UsSystem, octets: bytes, now: Time64) -> str:
    from roadseal import _core

    outcome = us.ma.revoke(octets, now)
    if outcome != "unknown":
        return outcome
    name = _core.certificate_digest(octets)[0][-8:]
    return "enrolment" if us.eca.ledger.revoke(name, now) else "unknown"


def _revoke_eu(eu: EuSystem, octets: bytes, now: Time64) -> str:
    from roadseal import _core

    try:
        name = _core.certificate_digest(octets)[0][-8:]
    except ValueError:
        return "unreadable"
    if octets in eu.authorities_certificates:
        eu.revoke_authority(name)
        return "authority"
    return "enrolment" if eu.ea.ledger.revoke(name, now) else "unknown"
