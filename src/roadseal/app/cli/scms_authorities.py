"""`roadseal scms init`, `follow`, `retire`, `status` and `serve`: the authorities themselves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import Database, ScmsDatabase
from roadseal.app.cli.output import AsJson, say, tell, write_json_line
from roadseal.app.cli.scms_common import (
    Out,
    System,
    Which,
    demand_known,
    open_authorities,
    write_file,
)
from roadseal.app.cli.v2x_input import iso
from roadseal.clock import SystemClock
from roadseal.errors import RoadsealError


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

    demand_known(algorithm)
    opened, now = open_authorities(db), SystemClock().now()
    (create_eu if system is System.EU else create_us)(opened.keyring, now, algorithm=algorithm)
    names = opened.keyring.names(f"{system}-")
    for name in names:
        write_file(out / f"{name}.oer", opened.keyring.load(name).certificate)
    if as_json:
        write_json_line({"system": system, "algorithm": algorithm, "authorities": names})
        return
    text = f"Made {', '.join(names)} in {escape(db)}; certificates in {escape(str(out))}."
    Console().print(text, highlight=False, soft_wrap=True)


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

    demand_known(algorithm or "ecdsa-p256")
    opened, now = open_authorities(db), SystemClock().now()
    name = follow_eu(opened.keyring, role, now, algorithm=algorithm, root=root)
    keys = opened.keyring.load(name)
    write_file(out / f"{name}.oer", keys.certificate)
    row: dict[str, object] = {"authority": name, "algorithm": keys.algorithm}
    made = f"Made {name} ({keys.algorithm}) in {db}; its certificate is in {out}."
    say(made, row, as_json=as_json)


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

    opened = open_authorities(db)
    retire_eu(opened.keyring, opened.eu().ledger, name)
    say(f"{name} is on no list any more.", {"authority": name}, as_json=as_json)


def status(db: ScmsDatabase = "scms.db", as_json: AsJson = False) -> None:
    """Show the authorities of a database, until when they hold, and what they issued.

    Example: [bold]roadseal scms status[/]
    """
    from roadseal import _core
    from roadseal.operate.pki.v2x.eu_rotation import retired
    from roadseal.operate.pki.v2x.ledger import Ledger

    opened = open_authorities(db)
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

    opened, clock = open_authorities(db), SystemClock()
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

        server = await serve_plain_http(handle, clock=clock, host=host, port=port, emit=tell)
        making = asyncio.create_task(make_batches(us.ra, clock, batch_every, tell)) if us else None
        # Lists name the address, and only now a free port is known.
        address = access_point or f"http://{host}:{server.port}"
        service = HttpService(clock, address, eu=eu, us=us)
        Console().print(f"Serving on http://{host}:{server.port}", highlight=False)
        await (making or asyncio.Event().wait())

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        Console().print("Stopped.")
