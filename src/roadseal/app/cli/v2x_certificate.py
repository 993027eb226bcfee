"""`roadseal v2x certificate`: what a certificate says, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from roadseal import _core
from roadseal.app.cli.output import AsJson, counted, write_json_line
from roadseal.app.cli.v2x_input import (
    DOES_NOT_HOLD,
    HOLDS,
    Files,
    Roots,
    exit_code,
    instant,
    iso,
    read_file,
)
from roadseal.app.cli.v2x_make import make
from roadseal.app.cli.v2x_reasons import EXPLANATIONS
from roadseal.app.cli.v2x_tree import annotated, grow, hexdump
from roadseal.clock import SystemClock, Time64
from roadseal.v2x import CertificateVerdict, Policy, Reason, Verifier, profile_of
from roadseal.v2x.recording import octets_of
from roadseal.v2x.trust import TrustStore, load_root, load_trust, trust_of

app = typer.Typer(
    no_args_is_help=True,
    help="What certificates say, and whether they hold.",
    rich_markup_mode="rich",
    add_completion=False,
)
app.command()(make)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFinding:
    """What is known of one certificate; the fields are those of the JSON output.

    `signature` is the issuer's, `chain` leads up to a trusted root and includes what the issuer may
    give, `validity` is judged at the instant asked for and `validity_now` today. `None` is "not
    looked at"; implicit certificates have no signature.
    """

    file: str
    verdict: Literal["ok", "refused"]
    reason: Reason
    signature: str | None = None
    chain: str | None = None
    validity: str | None = None
    validity_now: str | None = None
    hashedid8: str | None = None
    issuer: str | None = None
    name: str | None = None
    profile: str | None = None
    algorithm: str | None = None
    signed_with: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the certificate may be relied upon."""
        return self.verdict == "ok"

    @property
    def lacks_evidence(self) -> bool:
        """Whether nothing is wrong with it and more certificates could make it hold."""
        return self.reason.is_missing_evidence


@app.command()
def show(files: Files, as_json: AsJson = False) -> None:
    """Show what certificates say. Nothing is verified.

    Example: [bold]roadseal v2x certificate show station.oer[/]
    """
    console = Console()
    code = HOLDS
    for file in files:
        octets = _octets(file)
        tree = _core.describe_certificate(octets)
        if "error" in tree:
            code = DOES_NOT_HOLD
        if as_json:
            row = {"file": str(file), "length": len(octets), "tree": annotated(tree)}
            write_json_line(row)
            continue
        title = f"[bold cyan]certificate[/] {escape(str(file))}"
        console.print(grow(Tree(title), tree))
        if (break_at := tree.get("offset")) is not None:
            console.print(f"It breaks at its byte {break_at}:")
            console.print(hexdump(octets, break_at), highlight=False)
    raise typer.Exit(code)


@app.command()
def verify(
    files: Files,
    issuers: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Certificates of issuers and roots; without it, the files are."
        ),
    ] = None,
    root: Roots = None,
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME|start|now",
            help="When to judge. 'start': at each certificate's own beginning, that is whether "
            "it was right when it was issued. 'now' or an ISO 8601 time judges then.",
        ),
    ] = "start",
    as_json: AsJson = False,
) -> None:
    """Verify certificates along their chains: signatures, permissions, regions, times.

    Self-signed certificates among the issuers are trusted, unless --root says which are.

    Exit codes: 0 all hold · 1 some do not · 2 usage · 3 an issuer is not at hand or not trusted.

    Example: [bold]roadseal v2x certificate verify station.oer --issuers authorities/[/]
    """
    clock = SystemClock()
    moment, now = instant(at, clock, "start"), clock.now()
    verifier = _verifier(files, issuers, root or [])
    findings = [_judge(verifier, file, moment, now) for file in files]
    if as_json:
        for finding in findings:
            write_json_line(asdict(finding))
    else:
        _print(Console(), findings, moment)
    raise typer.Exit(exit_code(findings, attrgetter("holds"), attrgetter("lacks_evidence")))


def _octets(file: Path) -> bytes:
    return octets_of(read_file(file).data)


def _verifier(files: Sequence[Path], issuers: Path | None, roots: Sequence[Path]) -> Verifier:
    store = load_trust(issuers) if issuers else trust_of(files)
    if roots:
        named = sum((load_root(path) for path in roots), TrustStore())
        store = TrustStore(named.roots, store.certificates, store.others)
    verifier = Verifier(Policy(), 1)
    store.enter(verifier)
    return verifier


def _judge(verifier: Verifier, file: Path, at: Time64 | None, now: Time64) -> CertificateFinding:
    octets = _octets(file)
    judged = verifier.look_into(octets)
    if not judged.readable:
        return CertificateFinding(file=str(file), verdict="refused", reason=Reason(judged.chain))
    tree: dict[str, Any] = _core.describe_certificate(octets)
    validity = _validity(judged, tree["validFrom"] if at is None else at)
    parts = (judged.signature, judged.chain, validity)
    reason = next((Reason(part) for part in parts if part not in (None, Reason.OK)), Reason.OK)
    return CertificateFinding(
        file=str(file),
        verdict="ok" if reason is Reason.OK else "refused",
        reason=reason,
        signature=judged.signature,
        chain=judged.chain,
        validity=validity,
        validity_now=_validity(judged, now),
        hashedid8=tree["hashedId8"],
        issuer="self" if "self" in tree["issuer"] else next(iter(tree["issuer"].values())),
        name=tree["id"].get("name"),
        profile=profile_of(judged.algorithm, judged.signed_with),
        algorithm=judged.algorithm,
        signed_with=judged.signed_with,
        valid_from=iso(tree["validFrom"]),
        valid_until=iso(tree["validUntil"]),
    )


def _validity(judged: CertificateVerdict, at: int) -> Reason | None:
    """Whether the certificate and its known issuers hold at that instant."""
    if judged.window_us is None:
        return None
    start, end = judged.window_us
    if at < start:
        return Reason.NOT_YET_VALID
    return Reason.OK if at < end else Reason.EXPIRED


def _print(console: Console, findings: Sequence[CertificateFinding], at: Time64 | None) -> None:
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    for column in ("file", "signature", "chain", "validity", "today"):
        table.add_column(column, overflow="fold", no_wrap=column != "file")
    for finding in findings:
        parts = (finding.signature, finding.chain or finding.reason, finding.validity)
        table.add_row(
            escape(Path(finding.file).name),
            *(_coloured(part) for part in (*parts, finding.validity_now)),
        )
    console.print(table)
    holding = sum(finding.holds for finding in findings)
    console.print(
        f"{counted(len(findings), 'certificate')}: {holding} ok, {len(findings) - holding} refused."
    )
    when = f"at {iso(at)}" if at is not None else "at each certificate's own beginning (--at now)"
    console.print(f"Validity was judged {when}.")
    reasons = {finding.reason: finding for finding in reversed(findings) if not finding.holds}
    for reason, first in reasons.items():
        EXPLANATIONS[reason].print(console, reason, first.file)


def _coloured(part: str | None) -> str:
    if part is None:
        return "-"
    return f"[{'green' if part == Reason.OK else 'red'}]{part}[/]"
