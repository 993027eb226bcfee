"""`roadseal pki`: the X.509 back office."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadseal.app.cli.database import Database, PkiDatabase
from roadseal.app.cli.output import AsJson, counted, say, tell
from roadseal.app.cli.pki_agent import agent_app
from roadseal.app.cli.pki_ceremony import approvals, approve, ceremony
from roadseal.app.cli.pki_common import (
    DAY_S,
    Name,
    ProfileName,
    open_authority,
    open_database,
    open_token,
    passphrase,
    read_file,
    write_file,
)
from roadseal.app.cli.pki_expiring import expiring
from roadseal.app.cli.pki_files import export, import_, lint
from roadseal.app.cli.pki_serve import serve
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki import Authority, Issued

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)

Key = Annotated[str | None, typer.Option("--idempotency-key", help="Names the request.")]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Where the authorities' certificates go.")],
    db: Database = "pki.db",
    profile: ProfileName = "hybrid-2026",
    root: Annotated[str | None, typer.Option(help="Algorithm of the root.")] = None,
    issuing: Annotated[str | None, typer.Option(help="Algorithm of the issuing one.")] = None,
    suffix: Annotated[str, typer.Option(help="After their names: -pqc makes root-pqc.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a root and an issuing authority; the passphrase is in ROADSEAL_PKI_PASSPHRASE.

    Without algorithms the root gets the strongest that the profile takes in TLS, the issuing
    authority its first. `ceremony` does the same with a script, witnesses and a transcript.

    Example: [bold]roadseal pki init ca/ --db pki.db[/]
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from roadseal.clock import SystemClock
    from roadseal.crypto import Purpose, load_profile
    from roadseal.crypto.algorithms import algorithm
    from roadseal.operate.pki import Authority

    store, chosen, clock = open_database(db), load_profile(profile), SystemClock()
    accepted = chosen[Purpose.TLS_AUTHENTICATION].accept
    strongest = max(accepted, key=lambda name: algorithm(name).nist_category or 0)
    parent: Authority | None = None
    made: list[dict[str, str]] = []
    for name, kind in (("root", root or strongest), ("issuing", issuing or accepted[0])):
        parent = Authority.create(
            store,
            name + suffix,
            algorithm=kind,
            passphrase=passphrase(),
            profile=chosen,
            clock=clock,
            emit=tell,
            parent=parent,
            token=open_token(),
        )
        file = directory / f"{name}{suffix}.pem"
        write_file(file, parent.chain[0].public_bytes(Encoding.PEM))
        made.append({"name": parent.name, "algorithm": kind, "certificate": str(file)})
    names = " and ".join(f"{one['name']} ({one['algorithm']})" for one in made)
    say(f"Made {names}; certificates are in {directory}.", {"authorities": made}, as_json=as_json)


@app.command()
def issue(
    csr: Annotated[Path, typer.Argument(help="PKCS #10 request, PEM or DER.")],
    identity: Annotated[str, typer.Option(help="Whom it is for.")],
    out: Annotated[Path, typer.Option(help="Where the certificate goes, PEM.")],
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", "--dns", help="DNS name, URI or IP address; default: identity."),
    ] = None,
    days: Annotated[int, typer.Option(help="Validity.")] = 30,
    template: Annotated[str, typer.Option(help="device, server, client, firmware.")] = "device",
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Certify the key of a request; a repetition with the same key gives the same certificate.

    Example: [bold]roadseal pki issue rsu.csr --identity rsu-42.example --out rsu.pem[/]
    """
    from roadseal.operate.pki import IssueRequest

    request = IssueRequest(
        read_file(csr),
        identity,
        key or secrets.token_hex(16),
        tuple(name or ()),
        days * DAY_S,
        template,
    )
    ca = open_authority(open_database(db), authority, profile)
    _deliver(ca, ca.issue(request), out, as_json=as_json)


@app.command()
def renew(
    serial: Annotated[str, typer.Argument(help="Of the present certificate, hexadecimal.")],
    csr: Annotated[Path, typer.Argument(help="PKCS #10 request for the next one, PEM or DER.")],
    out: Annotated[Path, typer.Option(help="Where the certificate goes, PEM.")],
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Certify a new key for the identity, names and life of a present certificate.

    Example: [bold]roadseal pki renew 4f2a… next.csr --out rsu.pem[/]
    """
    ca = open_authority(open_database(db), authority, profile)
    request = ca.renewal(serial.lower(), read_file(csr), key or secrets.token_hex(16))
    _deliver(ca, ca.issue(request), out, as_json=as_json)


@app.command()
def invite(
    identity: Annotated[str, typer.Argument(help="Of the device that will enrol.")],
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    days: Annotated[
        int, typer.Option(min=1, max=366, help="How many days the secret is good.")
    ] = 7,
    as_json: AsJson = False,
) -> None:
    """Make a bootstrap secret: with it a device enrols over EST, once.

    Example: [bold]roadseal pki invite rsu-42.example[/]
    """
    from roadseal.clock import MICROSECONDS_PER_SECOND, SystemClock, Time64, to_datetime
    from roadseal.operate.pki.authority import authority_row
    from roadseal.operate.pki.est.enrolment import Enrolments
    from roadseal.operate.pki.template import common_name

    common_name(identity)  # what no certificate can bear is refused here, not at the device
    until = Time64(SystemClock().now() + days * DAY_S * MICROSECONDS_PER_SECOND)
    store = open_database(db)
    authority_row(store, authority)  # a secret of nobody's would be found out at the device
    secret = Enrolments(store, authority).invite(identity, until)
    row = {"identity": identity, "secret": secret, "until": to_datetime(until).isoformat()}
    say(secret, row, as_json=as_json)


@app.command()
def makers(
    root: Annotated[Path, typer.Argument(help="The manufacturer's root, PEM or DER.")],
    devices: Annotated[Path, typer.Argument(help="CSV: serial, identity.")],
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    as_json: AsJson = False,
) -> None:
    """Let devices enrol with their manufacturer's certificates (IDevID), once each.

    Only serial numbers of the list are taken; listing one again lets it enrol again. A server that
    runs takes a new manufacturer at its next start.

    Example: [bold]roadseal pki makers acme-root.pem delivered.csv[/]
    """
    from roadseal.operate.pki.authority import authority_row
    from roadseal.operate.pki.est.makers import Makers, read_made
    from roadseal.operate.pki.files import read_pool

    try:
        listed = read_made(read_file(devices).decode("utf-8-sig"), str(devices))
    except UnicodeDecodeError:
        raise RoadsealError(
            "pki-made", f"{devices} is not UTF-8.", advice="Save it as UTF-8."
        ) from None
    roots = read_pool([root])
    if len(roots) != 1 or roots[0].issuer != roots[0].subject:
        raise RoadsealError(
            "pki-maker", f"{root} is not one root.", advice="Give the manufacturer's root alone."
        )
    store = open_database(db)
    authority_row(store, authority)
    count = Makers(store, authority).trust(roots[0], listed)
    maker = roots[0].subject.rfc4514_string()
    row = {"maker": maker, "devices": count}
    text = f"{counted(count, 'device')} may enrol with certificates of {maker}"
    say(text, row, as_json=as_json)


@app.command()
def revoke(
    serials: Annotated[list[str], typer.Argument(help="Hexadecimal.")],
    reason: Annotated[str, typer.Option(help="As RFC 5280 names it.")] = "unspecified",
    block_key: Annotated[bool, typer.Option(help="Never certify its key again.")] = False,
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    as_json: AsJson = False,
) -> None:
    """Revoke certificates, all or none.

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
    lowered = [serial.lower() for serial in serials]
    open_authority(open_database(db), authority, profile).revoke_many(
        lowered, flag, block_key=block_key
    )
    text = f"{counted(len(lowered), 'certificate')} revoked: publish it with `roadseal pki status`."
    row = {"revoked": lowered, "reason": flag.value, "key_blocked": block_key}
    say(text, row, as_json=as_json)


@app.command()
def status(
    out: Annotated[Path, typer.Argument(help="Where the signed status list goes.")],
    crl: Annotated[Path | None, typer.Option(help="Where a CRL goes too, DER.")] = None,
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    as_json: AsJson = False,
) -> None:
    """Publish what is revoked.

    Example: [bold]roadseal pki status fleet.status --crl fleet.crl[/]
    """
    ca = open_authority(open_database(db), authority, profile)
    write_file(out, ca.publish_status())
    if crl:
        write_file(crl, ca.crl())
    row = {"status": str(out), "crl": str(crl) if crl else None}
    say(f"Signed {out}{f' and {crl}' if crl else ''}.", row, as_json=as_json)


app.command()(lint)
app.command("import")(import_)
app.command()(export)
app.command()(ceremony)
app.command()(approvals)
app.command()(approve)
app.command()(expiring)
app.command()(serve)
app.add_typer(agent_app, name="agent")


def _deliver(ca: Authority, issued: Issued, out: Path, *, as_json: bool) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    leaf = x509.load_der_x509_certificate(issued.certificate)
    chain = (leaf, *ca.chain[:-1])
    write_file(out, b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    row = {
        "serial": issued.serial,
        "certificate": str(out),
        "until": leaf.not_valid_after_utc.isoformat(),
    }
    say(issued.serial, row, as_json=as_json)
