"""The live half of `roadseal scan`: whom to ask, what is allowed, and what would be sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from roadseal.errors import RoadsealError, why_unreadable

if TYPE_CHECKING:
    from roadseal.assess.inventory.finding import Coverage, Finding
    from roadseal.assess.inventory.probe import Heard, Target
    from roadseal.assess.inventory.scan import ScanResult

_MAX_TARGETS = 1_000_000


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What was asked for on the command line.

    Args:
        targets: addresses, or ``@FILE`` with one on each line.
        allow: networks that may be asked.
        active: whether anything may be sent.
        dry_run: only say what would be sent.
        thorough: ask for everything and not only for the preference.
        rate_per_s: connections and datagrams a second.
    """

    targets: list[str]
    allow: list[str]
    active: bool
    dry_run: bool
    thorough: bool
    rate_per_s: float


def run_live(options: LiveOptions) -> tuple[tuple[Finding, ...], Coverage] | None:
    """Ask the targets; None after a dry run, which sends nothing.

    Raises:
        RoadsealError: before anything is sent, where something is not allowed.
    """
    from roadseal.assess.inventory.probe import Manner, Permission, plan, probe

    targets = [*_targets(options.targets)]
    permission = Permission.of(options.allow, active=options.active, rate_per_s=options.rate_per_s)
    manner = Manner(thorough=options.thorough)
    if options.dry_run:
        console = Console()
        for line in plan(targets, permission, manner):
            console.print(escape(line), highlight=False)
        console.print("Nothing was sent.", highlight=False)
        return None
    permission.check(targets)  # before a bar appears
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("asking", total=len(targets))
        heard = probe(
            targets,
            permission,
            secrets.token_bytes,
            manner=manner,
            progress=lambda count: bar.advance(task, count),
        )
    return _results(heard)


def joined(result: ScanResult, findings: tuple[Finding, ...], coverage: Coverage) -> ScanResult:
    """Put what was heard live behind what was read."""
    from roadseal.assess.inventory.finding import Coverage
    from roadseal.assess.inventory.scan import ScanResult

    read = result.coverage
    return ScanResult(
        result.findings + findings,
        Coverage(
            read.scope + coverage.scope,
            read.read + coverage.read,
            read.read_bytes,
            read.gaps + coverage.gaps,
        ),
    )


def _results(heard: list[tuple[Target, Heard]]) -> tuple[tuple[Finding, ...], Coverage]:
    from roadseal.assess.inventory.collector import Context, Source, collectors
    from roadseal.assess.inventory.finding import Coverage, Finding, Gap
    from roadseal.assess.inventory.probe import findings

    found: list[Finding] = []
    gaps: list[Gap] = []
    certificate_readers = [each for each in collectors() if each.name == "certificate"]
    answered = 0
    for target, said in heard:
        answered += bool(said.spoken)
        stated = findings(target, said)
        found += [one for one in stated if isinstance(one, Finding)]
        gaps += [one for one in stated if isinstance(one, Gap)]
        for number, der in enumerate(said.certificates, 1):
            source = Source(f"{target.endpoint}!/certificate-{number}.der", der)
            for reader in certificate_readers:
                found += [
                    one for one in reader.collect(source, Context()) if isinstance(one, Finding)
                ]
    scope = tuple(str(target) for target, _ in heard)
    return tuple(found), Coverage(scope, answered, 0, tuple(gaps))


def _targets(texts: list[str]) -> list[Target]:
    from roadseal.assess.inventory.probe import parse_target

    lines: list[str] = []
    for text in texts:
        if text.startswith("@"):
            lines += _listed(Path(text[1:]))
        else:
            lines.append(text)
    if len(lines) > _MAX_TARGETS:
        raise RoadsealError(
            "probe-too-many", f"{len(lines)} targets are too many.", advice="Scan them in parts."
        )
    return list(map(parse_target, dict.fromkeys(lines)))


def _listed(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "probe-list",
            f"{path} cannot be read: {why_unreadable(error)}.",
            advice="Give a text file with one target on each line.",
        ) from None
    rows = (line.partition("#!")[0].strip() for line in text.splitlines())
    return [row for row in rows if row and not row.startswith("#")]
