"""`roadseal scms`: V2X authorities, European (TS 102 941) and US (IEEE 1609.2.1)."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import Database, ScmsDatabase
from roadseal.app.cli.scms_devices import Kind, enrol_device, issue_batch
from roadseal.app.cli.v2x_input import (
    DOES_NOT_HOLD,
    HOLDS,
    INCOMPLETE,
    AsJson,
    counted,
    instant,
    iso,
    read_bytes,
    write_json_line,
)
from roadseal.clock import SystemClock, Time64
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.events import Event
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.operate.pki.v2x.keyring import Keyring
    from roadseal.operate.pki.v2x.us_system import UsSystem
    from roadseal.store.database import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)


class System(StrEnum):
    """Which world."""

    EU = "eu"
    US = "us"


Which = Annotated[System, typer.Option("--system", help="eu: TS 102 941. us: IEEE 1609.2.1.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where files go.")]


@dataclass
class Opened:
    """The authorities of a database."""

    store: Store
    keyring: Keyring

    def eu(self) -> EuSystem:
        """The European ones."""
        from roadseal.operate.pki.v2x.eu_system import open_eu

        return open_eu(self.store, self.keyring, random=os.urandom, emit=_unheard)

    def us(self) -> UsSystem:
        """Those of the US."""
        from roadseal.operate.pki.v2x.us_system import open_us

        return open_us(self.store, self.keyring, random=os.urandom, emit=_unheard)


@app.command()
def init(
    system: Which = System.EU,
    db: Database = "scms.db",
    algorithm: Annotated[
        str,
        typer.Option(help="What signs authorities' certificates and answers: ml-dsa-65, …"),
    ] = "ecdsa-p256",
    out: Out = Path("authorities"),
    as_json: AsJson = False,
) -> None:
    """Make the authorities; the passphrase of their keys is in ROADSEAL_SCMS_PASSPHRASE.

    With a post-quantum algorithm, stations may keep ECDSA keys: a partially hybrid chain.

    Example: [bold]roadseal scms init --system eu --algorithm ml-dsa-65[/]
    """
    from roadseal.operate.pki.v2x.eu_system import create_eu
    from roadseal.operate.pki.v2x.us_system import create_us

    _known(algorithm)
    opened, now = _open(db), SystemClock().now()
    (create_eu if system is System.EU else create_us)(opened.keyring, now, algorithm=algorithm)
    names = opened.keyring.names(f"{system}-")
    for name in names:
        _write(out / f"{name}.oer", opened.keyring.load(name).certificate)
    if as_json:
        write_json_line({"system": system, "algorithm": algorithm, "authorities": names})
        return
    text = f"Made {', '.join(names)} in {escape(db)}; certificates in {escape(str(out))}."
    Console().print(text, highlight=False, soft_wrap=True)


@app.command()
def follow(
    role: Annotated[Literal["root", "ea", "aa"], typer.Argument(help="Which authority.")],
    algorithm: Annotated[
        str | None, typer.Option(help="What it signs with; as the one before it if absent.")
    ] = None,
    root: Annotated[
        str | None, typer.Option(help="The root that issues it: eu-root, eu-root-2, …")
    ] = None,
    db: ScmsDatabase = "scms.db",
    out: Out = Path("authorities"),
    as_json: AsJson = False,
) -> None:
    """Make one more European root, EA or AA beside the old one; the next lists say so.

    Whoever serves the database starts again. Stations get certificates of the newest.

    Example: [bold]roadseal scms follow aa --algorithm ml-dsa-65[/]
    """
    from roadseal.operate.pki.v2x import follow_eu

    _known(algorithm or "ecdsa-p256")
    opened, now = _open(db), SystemClock().now()
    name = follow_eu(opened.keyring, role, now, algorithm=algorithm, root=root)
    keys = opened.keyring.load(name)
    _write(out / f"{name}.oer", keys.certificate)
    row: dict[str, object] = {"authority": name, "algorithm": keys.algorithm}
    _tell(row, as_json, f"Made {name} ({keys.algorithm}) in {db}; its certificate is in {out}.")


@app.command()
def retire(
    name: Annotated[str, typer.Argument(help="eu-root, eu-ea, eu-aa, or one that followed.")],
    db: ScmsDatabase = "scms.db",
    as_json: AsJson = False,
) -> None:
    """Leave a European authority out of the lists from now on; another one must be in use.

    What it issued stays good for who still knows it: to refuse that, revoke it.

    Example: [bold]roadseal scms retire eu-aa[/]
    """
    from roadseal.operate.pki.v2x import retire_eu

    opened = _open(db)
    retire_eu(opened.keyring, opened.eu().ledger, name)
    _tell({"authority": name}, as_json, f"{name} is on no list any more.")


@app.command()
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
    opened, now = _open(db), SystemClock().now()
    authorities = opened.eu() if system is System.EU else opened.us()
    row = enrol_device(authorities, name, kind, algorithm, out / name, now)
    until = row["valid_until"]
    _tell(row, as_json, f"{name} is enrolled until {until}; its files are in {out / name}.")


@app.command()
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
    opened, now = _open(db), SystemClock().now()
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
    _tell(row, as_json, f"{counted(len(files), 'certificate')} for {name} in {out / name}.")


@app.command()
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
    opened, now, octets = _open(db), SystemClock().now(), read_bytes(certificate)
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


@app.command()
def crl(
    system: Which = System.US,
    db: ScmsDatabase = "scms.db",
    out: Out = Path("lists"),
    access_point: Annotated[
        str, typer.Option(help="Where stations reach the authorities (EU lists).")
    ] = "http://127.0.0.1:8102",
    as_json: AsJson = False,
) -> None:
    """Sign the lists as they are now: CRL, CTL and ECTL (EU); linked and hash CRL (US).

    Of a European root that another one follows, the lists bear its name.

    Example: [bold]roadseal scms crl --system us --out lists/[/]
    """
    opened, now = _open(db), SystemClock().now()
    if system is System.EU:
        eu = opened.eu()
        lists = {
            "eu-crl": eu.crl(now),
            "eu-ctl": eu.ctl(now, access_point),
            "eu-ectl": eu.ectl(now, access_point),
        }
        for root, _ in list(eu.in_use("root"))[:-1]:  # those that another one follows
            lists[f"{root}-crl"] = eu.crl(now, root=root)
            lists[f"{root}-ctl"] = eu.ctl(now, access_point, root=root)
    else:
        us = opened.us()
        lists = {"us-linked": us.ma.linked_crl(now), "us-hash": us.ma.hash_crl(now)}
    for name, octets in lists.items():
        _write(out / f"{name}.oer", octets)
    sizes = {name: len(octets) for name, octets in lists.items()}
    text = ", ".join(f"{name} {size:,} bytes" for name, size in sizes.items())
    _tell({"out": str(out), "bytes": sizes}, as_json, f"Signed into {out}: {text}.")


@app.command()
def read(
    files: Annotated[list[Path], typer.Argument(help="CRL, CTL or ECTL, European or US.")],
    trust: Annotated[Path, typer.Option(metavar="DIR", help="Certificates of authorities.")],
    at: Annotated[str, typer.Option(metavar="TIME|now", help="When to judge.")] = "now",
    as_json: AsJson = False,
) -> None:
    """Read lists and judge them: signature, chain, who may sign, what they say, and their age.

    Exit codes: 0 all hold · 1 some do not · 3 an issuer is missing or a newer list is due.

    Example: [bold]roadseal scms read lists/*.oer --trust authorities/[/]
    """
    from roadseal.app.cli.scms_lists import judge_list
    from roadseal.v2x.trust import load_trust

    store, moment = load_trust(trust), instant(at, SystemClock(), "now")
    now = SystemClock().now() if moment is None else moment
    rows = [judge_list(str(path), read_bytes(path), store, now) for path in files]
    if as_json:
        for row in rows:
            write_json_line(asdict(row))
    else:
        table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
        for column in ("list", "kind", "verdict", "number", "next", "says"):
            table.add_column(column, overflow="fold")
        for row in rows:
            colour = "red" if row.verdict != "ok" else "yellow" if row.is_stale else "green"
            number = "-" if row.number is None else str(row.number)
            table.add_row(
                escape(Path(row.file).name),
                row.kind,
                f"[{colour}]{row.verdict}{' (due)' if row.is_stale else ''}[/]",
                number,
                row.next_update or "-",
                row.says,
            )
        Console().print(table)
    missing = {"unknown_signer", "unknown_issuer", "untrusted_root"}
    if any(row.verdict != "ok" and row.verdict not in missing for row in rows):
        raise typer.Exit(DOES_NOT_HOLD)
    raise typer.Exit(
        INCOMPLETE if any(row.verdict != "ok" or row.is_stale for row in rows) else HOLDS
    )


@app.command()
def status(db: ScmsDatabase = "scms.db", as_json: AsJson = False) -> None:
    """Show the authorities of a database, until when they hold, and what they issued.

    Example: [bold]roadseal scms status[/]
    """
    from roadseal import _core
    from roadseal.operate.pki.v2x.eu_rotation import retired
    from roadseal.operate.pki.v2x.ledger import Ledger

    opened = _open(db)
    rows = []
    gone = retired(Ledger(opened.store, "eu-root"))
    for name in opened.keyring.names():
        keys = opened.keyring.load(name)
        tree = _core.describe_certificate(keys.certificate)
        european = name.startswith("eu-")  # whose authorities of a role share a ledger
        ledger = Ledger(opened.store, f"eu-{keys.role}" if european else name)
        records = [
            one
            for one in ledger.records()
            if not european
            or tree["hashedId8"] in _core.describe_certificate(one.certificate)["issuer"].values()
        ]
        rows.append(
            {
                "authority": name,
                "algorithm": keys.algorithm,
                "hashedid8": tree["hashedId8"],
                "valid_until": iso(tree["validUntil"]),
                "issued": len(records),
                "revoked": sum(one.revoked is not None for one in records),
                "retired": name in gone,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    for column in ("authority", "signs with", "HashedId8", "until"):
        table.add_column(column)
    for column in ("issued", "revoked"):
        table.add_column(column, justify="right")
    for row in rows:
        name, *cells, is_retired = row.values()
        table.add_row(f"{name} (retired)" if is_retired else str(name), *map(str, cells))
    Console().print(table)


@app.command()
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


@app.command()
def serve(
    db: ScmsDatabase = "scms.db",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8102,
    access_point: Annotated[
        str | None, typer.Option(help="Where stations reach it; default: http://HOST:PORT.")
    ] = None,
    batch_every: Annotated[
        int, typer.Option(min=1, metavar="SECONDS", help="How often batches are made (US).")
    ] = 60,
) -> None:
    """Serve every authority of a database over plain HTTP, until interrupted.

    Requests and answers are signed and encrypted inside, as TS 102 941 has it. The RA makes the
    pseudonyms of this week and the next for every device that asked; the longer it waits, the more
    requests are mixed.

    Example: [bold]roadseal scms serve --port 8102[/]
    """
    from roadseal.net import Request, Response, serve_plain_http
    from roadseal.operate.pki.v2x.http_service import HttpService, make_batches

    opened, clock = _open(db), SystemClock()
    names = opened.keyring.names()
    eu = opened.eu() if any(name.startswith("eu-") for name in names) else None
    us = opened.us() if any(name.startswith("us-") for name in names) else None
    if eu is None and us is None:
        raise RoadsealError(
            "scms-absent",
            f"There are no authorities in {db!r}.",
            advice="Make them with `roadseal scms init`.",
        )

    async def run() -> None:
        async def handle(request: Request) -> Response:
            return await service(request)

        server = await serve_plain_http(handle, clock=clock, host=host, port=port, emit=_unheard)
        making = asyncio.create_task(make_batches(us.ra, clock, batch_every)) if us else None
        # Lists name the address, and only now a free port is known.
        address = access_point or f"http://{host}:{server.port}"
        service = HttpService(clock, address, eu=eu, us=us)
        Console().print(f"Serving on http://{host}:{server.port}", highlight=False)
        await (making or asyncio.Event().wait())

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        Console().print("Stopped.")


def _open(db: str) -> Opened:
    from roadseal.operate.pki.v2x.keyring import Keyring
    from roadseal.operate.pki.v2x.tables import SCHEMA
    from roadseal.store import open_store

    store = open_store(db, SCHEMA)
    return Opened(store, Keyring(store, _passphrase, os.urandom))


def _unheard(event: Event) -> None:
    """Nobody listens here: a server that kept its events would grow with every refused request."""


def _passphrase() -> bytes:
    passphrase = os.environ.get("ROADSEAL_SCMS_PASSPHRASE")
    if not passphrase:
        raise RoadsealError(
            "scms-passphrase",
            "The authorities' keys are sealed, and there is no passphrase.",
            advice="Put it into the environment variable ROADSEAL_SCMS_PASSPHRASE.",
        )
    return passphrase.encode()


def _revoke_us(us: UsSystem, octets: bytes, now: Time64) -> str:
    from roadseal import _core

    outcome = us.ma.revoke(octets, now)
    if outcome != "unknown":
        return outcome
    name = _core.certificate_digest(octets)[0][-8:]
    return "enrolment" if us.eca.ledger.revoke(name, now) else "unknown"


def _known(algorithm: str) -> None:
    from roadseal.crypto import registry
    from roadseal.v2x.policy import VERIFIABLE

    if algorithm not in VERIFIABLE:
        raise RoadsealError(
            "scms-algorithm",
            f"Authorities cannot sign with {algorithm!r}"
            + (" in V2X certificates." if algorithm in registry() else ": it is unknown."),
            advice=f"Choose one of: {', '.join(VERIFIABLE)}.",
        )


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


def _write(path: Path, octets: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    except OSError as error:
        raise RoadsealError(
            "unwritable-file",
            f"{str(path)!r} cannot be written: {error.strerror}.",
            advice="Give a folder where you may write with --out.",
        ) from None


def _tell(row: dict[str, object], as_json: bool, text: str) -> None:
    if as_json:
        write_json_line(row)
    else:
        Console().print(escape(text), highlight=False, soft_wrap=True)
