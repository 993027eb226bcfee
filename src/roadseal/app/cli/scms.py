"""`roadseal scms`: V2X authorities, European (TS 102 941) and US (IEEE 1609.2.1)."""

from __future__ import annotations

import typer

from roadseal.app.cli.scms_authorities import follow, init, retire, serve, status
from roadseal.app.cli.scms_certificates import batch, enrol, expand, revoke
from roadseal.app.cli.scms_publish import crl, read

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

for command in (init, follow, retire, enrol, batch, revoke, crl, read, status, expand, serve):
    app.command()(command)
