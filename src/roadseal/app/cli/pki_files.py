"""`roadseal pki lint`, `import` and `export`: certificates as files, ours and others'."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal.app.cli.database import Database, PkiDatabase
from roadseal.app.cli.output import AsJson, say
from roadseal.app.cli.pki_common import open_database, write_file


def lint(
    files: Annotated[list[Path], typer.Argument(help="Certificates, PEM or DER.")],
    as_json: AsJson = False,
) -> None:
    """Show what pkilint, somebody else's linter, finds. Exits with 1 for an error.

    Example: [bold]roadseal pki lint rsu.pem[/]
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from roadseal.operate.pki.files import read_pool
    from roadseal.operate.pki.pkilint_findings import pkilint_findings

    rows = [
        {
            "file": str(file),
            "severity": found.severity,
            "code": found.code,
            "where": found.where,
            "message": found.message,
        }
        for file in files
        for certificate in read_pool([file])
        for found in pkilint_findings(certificate.public_bytes(Encoding.DER))
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        table = Table("File", "Severity", "Finding", "Where", box=None)
        for row in rows:
            colour = "red" if row["severity"] in ("error", "fatal") else "dim"
            severity = f"[{colour}]{row['severity']}[/]"
            table.add_row(escape(row["file"]), severity, row["code"], escape(row["where"]))
        Console().print(table if rows else "Nothing found.")
    if any(row["severity"] in ("error", "fatal") for row in rows):
        raise typer.Exit(1)


def import_(
    files: Annotated[list[Path], typer.Argument(help="Certificates of others, PEM or DER.")],
    db: Database = "pki.db",
    as_json: AsJson = False,
) -> None:
    """Watch certificates that others issued: they show in `expiring` beside our own.

    Example: [bold]roadseal pki import vendor/*.pem[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.operate.pki.expiry import import_certificates
    from roadseal.operate.pki.files import read_pool

    found = [(file.name, one) for file in files for one in read_pool([file])]
    new = import_certificates(open_database(db), found, SystemClock().now())
    text = f"{new} of {len(found)} certificates are new."
    say(text, {"read": len(found), "new": new}, as_json=as_json)


def export(
    directory: Annotated[Path, typer.Argument(help="Where the certificates go, PEM.")],
    db: PkiDatabase = "pki.db",
    as_json: AsJson = False,
) -> None:
    """Write every certificate in use to a folder, for `roadseal scan` and the register.

    Beside them stands profiles.json: the crypto profile that each was issued under, which the
    scan puts onto the certificate as declared.

    Example: [bold]roadseal pki export certificates/ && roadseal scan certificates/[/]
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from roadseal.operate.pki.expiry import certificates_in_use
    from roadseal.operate.pki.issued_under import profiles_json

    store = open_database(db)
    listed = list(certificates_in_use(store))
    for source, identity, certificate in listed:
        name = "".join(one if one.isalnum() or one in "-." else "_" for one in identity)[:80]
        # The folder bears the name of the device, by which the register finds its asset.
        file = directory / source / name / f"{name}-{certificate.serial_number:x}.pem"
        write_file(file, certificate.public_bytes(Encoding.PEM))
    statement = profiles_json(store, listed)
    write_file(directory / "profiles.json", statement)
    said = len(json.loads(statement)["certificates"])
    text = f"{len(listed)} certificates are in {directory}, {said} with their profile."
    row = {"out": str(directory), "certificates": len(listed), "with_profile": said}
    say(text, row, as_json=as_json)
