"""`roadseal v2x certificate make`: certificates from the XML profiles of ETSI's test suite."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from roadseal import _core
from roadseal.app.cli.output import AsJson, counted, write_json_line
from roadseal.app.cli.v2x_input import iso, read_bytes
from roadseal.clock import Clock, SystemClock, to_datetime
from roadseal.errors import RoadsealError
from roadseal.v2x import Credential, Policy, Reason, Verifier, profile_of
from roadseal.v2x.trust import trust_of

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.etsi_profile import Bases, EtsiProfile
    from roadseal.operate.pki.v2x.making import KeyPair, Made


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """A certificate that was written; the fields are those of the JSON output."""

    profile_file: str
    certificate: str
    signing_key: str
    decryption_key: str | None
    hashedid8: str
    issuer: str
    subject: str
    algorithm: str
    signed_with: str
    profile: str | None
    bytes: int
    signature: str | None
    chain: str
    valid_from: str | None
    valid_until: str | None


def make(
    profiles: Annotated[list[Path], typer.Argument(help="XML profiles, in any order.")],
    issuer: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="The issuer's certificate, or a folder with NAME.oer for every signer NAME; "
            "its key lies beside it as NAME.vkey. Issuers among the profiles need none.",
        ),
    ] = None,
    issuer_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The issuer's key, if it lies elsewhere.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="Message profile (ecdsa-p256, ph-fn-dsa-512/pre1, …) or crypto profile "
            "(classical-2016, hybrid-2026, …) to use instead of the algorithms as written.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where NAME.oer, NAME.vkey and NAME.ekey go.")
    ] = Path(),
    keys: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Use the keys NAME.vkey and NAME.ekey that lie here."),
    ] = None,
    base_date: Annotated[
        str,
        typer.Option(
            metavar="DATE|today",
            help="What relative times in the profiles count from: midnight TAI of this day.",
        ),
    ] = "2022-01-01",
    base_position: Annotated[
        str,
        typer.Option(metavar="LAT,LON", help="What places in the profiles count from, degrees."),
    ] = "43.616949,7.053308",
    country: Annotated[int, typer.Option(help="UN M.49 code of RGN_LOCAL in the profiles.")] = 250,
    overwrite: Annotated[bool, typer.Option(help="Replace certificates and keys there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make certificates from XML profiles of ETSI's ITS test suite (TS 103 097, Release 2).

    The base date, position and country are the suite's own unless you give others. Each certificate
    is judged along its chain and the verdict shown: the suite has some that are wrong on purpose.
    Keys are written bare, for you alone to read.

    Examples: [bold]roadseal v2x certificate make CERT_IUT_A_AT.xml --issuer authorities/[/]

    [bold]roadseal v2x certificate make profiles/*.xml --profile hybrid-2026 --out certs/[/]
    """
    from roadseal.operate.pki.v2x.making import (
        AlgorithmChoice,
        in_issuing_order,
        make_certificate,
    )

    bases = _bases(base_date, base_position, country, SystemClock())
    choose = AlgorithmChoice(profile)
    files = {path.stem: path for path in profiles}
    wanted = {name: _read(path, bases) for name, path in files.items()}
    targets = [out / f"{name}.oer" for name in wanted]
    if not overwrite and (there := [path for path in targets if path.exists()]):
        raise RoadsealError(
            "file-exists",
            f"{str(there[0])!r} is there already.",
            advice="Choose another --out, or give --overwrite.",
        )
    made: dict[str, Made] = {}
    order = list(in_issuing_order(wanted))
    for name in track(order, "making", console=Console(stderr=True), disable=len(order) < 20):
        signer = _issuer(wanted[name], made, issuer, issuer_key)
        made[name] = make_certificate(
            name, wanted[name], choose(wanted[name]), signer, _key_pair(keys, name)
        )
    verifier = _verifier(made, issuer)
    rows = [_write(out, files[name], wanted[name], made[name], verifier) for name in order]
    if as_json:
        for row in rows:
            write_json_line(asdict(row))
        return
    _print(rows, out)


def _bases(date: str, position: str, country: int, clock: Clock) -> Bases:
    from roadseal.operate.pki.v2x.etsi_profile import Bases

    try:
        day = to_datetime(clock.now()) if date == "today" else datetime.fromisoformat(date)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        latitude, longitude = (round(float(part) * 1e7) for part in position.split(","))
    except (ValueError, OverflowError):
        raise RoadsealError(
            "bad-base",
            f"{date!r} and {position!r} are not a date and a position.",
            advice="Write --base-date 2026-11-23 --base-position 44.4949,11.3426.",
        ) from None
    return Bases(midnight, (latitude, longitude), country)


def _read(path: Path, bases: Bases) -> EtsiProfile:
    from roadseal.operate.pki.v2x.etsi_profile import read_etsi_profile

    text = read_bytes(path)
    try:
        return read_etsi_profile(text, bases)
    except RoadsealError as error:
        message = f"{str(path)!r}: {error.message}"
        raise RoadsealError(error.code, message, advice=error.advice) from None


def _issuer(
    profile: EtsiProfile, made: Mapping[str, Made], given: Path | None, key: Path | None
) -> Credential | None:
    from roadseal.operate.pki.v2x.making import credential_of

    name = profile.signer
    if name is None:
        return None
    if name in made:
        return made[name].credential
    if given is None:
        return None
    certificate = given / f"{name}.oer" if given.is_dir() else given
    signing = key or certificate.with_suffix(".vkey")
    return credential_of(read_bytes(certificate), read_bytes(signing))


def _key_pair(folder: Path | None, name: str) -> KeyPair | None:
    from roadseal.operate.pki.v2x.making import KeyPair

    if folder is None:
        return None
    decrypting = folder / f"{name}.ekey"
    return KeyPair(
        read_bytes(folder / f"{name}.vkey"),
        read_bytes(decrypting) if decrypting.exists() else None,
    )


def _verifier(made: Mapping[str, Made], issuer: Path | None) -> Verifier:
    """One that knows every certificate at hand and trusts those that sign themselves."""
    verifier = Verifier(Policy(), 1)
    if issuer is not None:
        files = sorted(issuer.glob("*.oer")) if issuer.is_dir() else [issuer]
        trust_of(files).enter(verifier)
    for one in made.values():
        if verifier.add_root(one.certificate) != Reason.OK:
            verifier.add_certificates([one.certificate])
    return verifier


def _write(out: Path, file: Path, profile: EtsiProfile, made: Made, verifier: Verifier) -> MadeFile:
    judged = verifier.look_into(made.certificate)
    tree = _core.describe_certificate(made.certificate)
    certificate, signing = out / f"{made.name}.oer", out / f"{made.name}.vkey"
    decryption = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_secret(signing, made.keys.signing)
        if made.keys.decrypting:
            decryption = out / f"{made.name}.ekey"
            _write_secret(decryption, made.keys.decrypting)
        certificate.write_bytes(made.certificate)
    except OSError as error:
        raise RoadsealError(
            "unwritable-file",
            f"{str(error.filename)!r} cannot be written: {error.strerror}.",
            advice="Give a folder where you may write with --out.",
        ) from None
    signed_with = judged.signed_with or made.algorithm
    return MadeFile(
        profile_file=str(file),
        certificate=str(certificate),
        signing_key=str(signing),
        decryption_key=str(decryption) if decryption else None,
        hashedid8=tree["hashedId8"],
        issuer=profile.signer or "self",
        subject=profile.subject,
        algorithm=made.algorithm,
        signed_with=signed_with,
        profile=profile_of(made.algorithm, signed_with),
        bytes=len(made.certificate),
        signature=judged.signature,
        chain=judged.chain,
        valid_from=iso(tree["validFrom"]),
        valid_until=iso(tree["validUntil"]),
    )


def _write_secret(path: Path, secret: bytes) -> None:
    """Readable by its owner from the first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)


def _print(rows: list[MadeFile], out: Path) -> None:
    console = Console()
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    table.add_column("certificate", overflow="fold", ratio=1)
    for column in ("for", "key", "signed with", "chain"):
        table.add_column(column, overflow="fold")
    table.add_column("bytes", justify="right")
    for row in rows:
        colour = "green" if row.chain == Reason.OK else "yellow"
        table.add_row(
            escape(Path(row.certificate).stem),
            row.subject,
            row.algorithm,
            row.signed_with,
            f"[{colour}]{row.chain}[/]",
            f"{row.bytes:,}",
        )
    console.print(table)
    console.print(
        f"{counted(len(rows), 'certificate')} in {escape(str(out))}, with keys.", highlight=False
    )
