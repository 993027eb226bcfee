"""`roadseal v2x`: secured messages and certificates of IEEE 1609.2 and ETSI TS 103 097."""

from __future__ import annotations

import typer

from roadseal.app.cli.v2x_certificate import app as certificate
from roadseal.app.cli.v2x_figures import bench, sizes
from roadseal.app.cli.v2x_inspect import inspect
from roadseal.app.cli.v2x_verify import verify

app = typer.Typer(
    no_args_is_help=True,
    help="Secured messages and certificates of IEEE 1609.2 / ETSI TS 103 097.",
    rich_markup_mode="rich",
    add_completion=False,
)
app.command()(inspect)
app.command()(verify)
app.add_typer(certificate, name="certificate")
app.command()(sizes)
app.command()(bench)
