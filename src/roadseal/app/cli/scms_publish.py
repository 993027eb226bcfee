"""`roadseal scms crl` and `read`: the lists of both worlds, signed and judged."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import ScmsDatabase
from roadseal.app.cli.output import AsJson, say, write_json_line
from roadseal.app.cli.scms_common import Out, System, Which, open_authorities, write_file
from roadseal.app.cli.v2x_input import DOES_NOT_HOLD, HOLDS, INCOMPLETE, instant, read_bytes
from roadseal.clock import SystemClock


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
    opened, now = open_authorities(db), SystemClock().now()
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
        write_file(out / f"{name}.oer", octets)
    sizes = {name: len(octets) for name, octets in lists.items()}
    text = ", ".join(f"{name} {size:,} bytes" for name, size in sizes.items())
    say(f"Signed into {out}: {text}.", {"out": str(out), "bytes": sizes}, as_json=as_json)


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
