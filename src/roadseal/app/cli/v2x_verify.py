"""`roadseal v2x verify`: may what was recorded be believed?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadseal import _core
from roadseal.app.cli.output import AsJson, counted, write_json_line
from roadseal.app.cli.v2x_findings import Finding, bring_certificates, judge
from roadseal.app.cli.v2x_input import (
    HOLDS,
    INCOMPLETE,
    Files,
    Roots,
    TrustDirectory,
    exit_code,
    instant,
    iso,
    read_file,
)
from roadseal.app.cli.v2x_lists import HeardLists
from roadseal.app.cli.v2x_progress import LateProgress
from roadseal.app.cli.v2x_reasons import CUT, EXPLANATIONS, UNSIGNED, Explanation
from roadseal.clock import SystemClock, Time64
from roadseal.crypto import Profile, load_profile
from roadseal.v2x import Policy, Reason, Verifier
from roadseal.v2x.recording import Recording, octets_of
from roadseal.v2x.trust import TrustStore, load_root, load_signer_keys, load_trust, pin

_MAX_ROWS = 40
_MAX_MISSING = 8


def verify(
    files: Files,
    trust: TrustDirectory = None,
    root: Roots = None,
    signer_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="Keys of signers whose authorities' certificates are not at hand: "
            '{"<HashedId8>": {"public_key": "<point>"}}, in hexadecimal.',
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="Refuse what this cryptographic profile does not accept."),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME|message|now",
            help="When to judge. 'message': each message at its own generation time; its age is "
            "not looked at. 'now' or an ISO 8601 time: age counts too.",
        ),
    ] = "message",
    replay: Annotated[
        bool, typer.Option("--replay", help="Refuse repetitions; recordings often have some.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify the messages in logs, captures, JSON Lines, hexadecimal text or single files.

    Files may be compressed with gzip. The first pass learns every certificate in all files, the
    second judges. --json writes one object a message.

    Exit codes: 0 all hold · 1 some are refused · 2 usage · 3 evidence is missing: a certificate is
    not at hand, a file holds no message or cannot be read to its end, a capture lacks fragments.

    Example: [bold]roadseal v2x verify drive.pcapng --trust certificates/[/]
    """
    clock = SystemClock()
    moment = instant(at, clock, "message")
    store = _trust(trust, root or [])
    keys = load_signer_keys(signer_keys) if signer_keys else ()
    policy = load_profile(profile) if profile else None
    console = Console(stderr=as_json)
    with LateProgress(clock) as progress:
        reading = progress.track(files, "reading", len(files))
        recordings = [(str(file), read_file(file)) for file in reading]
        messages = list(chain.from_iterable(r.messages for _, r in recordings))
        verifier = _verifier(policy, replay=replay, messages=len(messages))
        _enter(store, verifier, console)
        _hear(store, moment, verifier, console)
        pin(verifier, keys)
        bring_certificates(
            verifier, progress.track(messages, "learning certificates", len(messages))
        )
        judged = chain.from_iterable(judge(verifier, *each, moment) for each in recordings)
        findings = []
        for finding in progress.track(judged, "verifying", len(messages)):
            findings.append(finding)
            if as_json:
                write_json_line(finding.to_json())
    _tell_gaps(recordings, console)
    _summarise(findings, moment, console, tables=not as_json)
    raise typer.Exit(_code(findings, [recording for _, recording in recordings]))


def _trust(directory: Path | None, roots: Sequence[Path]) -> TrustStore:
    store = load_trust(directory) if directory else TrustStore()
    return sum((load_root(path) for path in roots), store)


def _verifier(profile: Profile | None, *, replay: bool, messages: int) -> Verifier:
    policy = Policy.accepting(profile) if profile else Policy()
    remembered = max(messages, policy.remembered_messages)
    policy = replace(policy, replay=replay, remembered_messages=remembered)
    return Verifier(policy, os.cpu_count() or 1)


def _enter(store: TrustStore, verifier: Verifier, console: Console) -> None:
    """Tell which certificates do not hold: nobody signs in their name."""
    broken = store.enter(verifier)
    if not broken:
        return
    total = len(store.roots) + len(store.certificates)
    reasons = Counter(reason for _, reason in broken).most_common()
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    console.print(
        f"[yellow]{len(broken)} of {total} certificates given do not hold[/]: {listed}; "
        "'roadseal v2x certificate verify' says which."
    )


def _hear(store: TrustStore, at: Time64 | None, verifier: Verifier, console: Console) -> None:
    """Act upon trust and revocation lists, and tell which do not count."""
    lists = HeardLists(store, at)
    lists.enter(verifier)
    for told in lists.heard:
        console.print(f"List {escape(told)}.", soft_wrap=True, highlight=False)
    for told in lists.refused:
        console.print(f"[yellow]List that does not count[/] {escape(told)}.", soft_wrap=True)


def _tell_gaps(recordings: Sequence[tuple[str, Recording]], console: Console) -> None:
    for file, recording in recordings:
        for told in _gaps(recording):
            console.print(f"[yellow]{escape(file)}[/] {escape(told)}", soft_wrap=True)


def _gaps(recording: Recording) -> Iterator[str]:
    if recording.damage:
        yield f"was not read to its end: {recording.damage}. What comes before was judged."
    elif not recording.messages:
        if "error" not in _core.describe_certificate(octets_of(recording.data)):
            yield "is a certificate: try 'roadseal v2x certificate verify'."
        else:
            frames = "" if recording.frames is None else f" in {counted(recording.frames, 'frame')}"
            yield f"holds no secured message{frames}."
    if recording.unsecured:
        count = counted(recording.unsecured, "packet")
        yield f"has {count} without security, which were not judged: anybody could have sent them."
    if recording.incomplete:
        count = counted(recording.incomplete, "IP packet")
        yield f"has {count} of which fragments are missing or overlap: what they held is unknown."


def _summarise(
    findings: Sequence[Finding], at: Time64 | None, console: Console, *, tables: bool
) -> None:
    refused = [finding for finding in findings if not finding.holds]
    lacking = sum(finding.lacks_evidence and not finding.is_cut for finding in refused)
    if tables and findings:
        console.print(_table(findings))
    console.print(
        f"{counted(len(findings), 'message')}: [green]{len(findings) - len(refused)} ok[/], "
        f"[{'red' if refused else 'green'}]{len(refused)} refused[/]"
        + (f", {lacking} of them for want of certificates." if lacking else ".")
    )
    if not tables:
        return
    if at is None:
        console.print("Judged at each message's own time; its age was not looked at (--at now).")
    else:
        console.print(f"Judged at {iso(at)}, age included.")
    for first, count in _first_of_each_reason(findings):
        explanation = _explanation(first)
        note = f" ({first.note})" if first.note else ""
        more = f" and {count - 1} more" if count > 1 else ""
        explanation.print(console, first.reason, f"{first.file} at {first.offset}{note}{more}")
    if missing := sorted({finding.missing for finding in findings if finding.missing}):
        rest = f" and {len(missing) - _MAX_MISSING} more" if len(missing) > _MAX_MISSING else ""
        listed = ", ".join(missing[:_MAX_MISSING])
        console.print(f"\nNot at hand: {listed}{rest}.", highlight=False)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    for column in ("service", "signer", "profile", "reason"):
        table.add_column(column, overflow="fold")
    table.add_column("messages", justify="right")
    groups = Counter(
        (f.service or "?", f.signer_hashedid8 or "?", f.profile or "?", f.reason) for f in findings
    ).most_common()
    for (service, signer, profile, reason), count in groups[:_MAX_ROWS]:
        style = "green" if reason == Reason.OK else "red"
        table.add_row(service, signer, escape(profile), f"[{style}]{reason}[/]", str(count))
    if rest := groups[_MAX_ROWS:]:
        table.caption = f"{len(rest)} more groups of {sum(count for _, count in rest)} messages"
    return table


def _first_of_each_reason(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    refused = [finding for finding in findings if not finding.holds]
    counts = Counter((finding.reason, _explanation(finding)) for finding in refused)
    firsts: dict[tuple[Reason, Explanation], Finding] = {}
    for finding in refused:
        firsts.setdefault((finding.reason, _explanation(finding)), finding)
    return [(firsts[key], count) for key, count in counts.most_common()]


def _explanation(finding: Finding) -> Explanation:
    if finding.is_unsigned:
        return UNSIGNED
    if finding.is_cut:
        return CUT
    foreign = finding.is_foreign and finding.reason.is_missing_evidence
    return EXPLANATIONS[Reason.UNSUPPORTED_ALGORITHM if foreign else finding.reason]


def _code(findings: Sequence[Finding], recordings: Sequence[Recording]) -> int:
    holds, lacks_evidence = attrgetter("holds"), attrgetter("lacks_evidence")
    code = exit_code(findings, holds, lacks_evidence)
    has_gaps = any(each.damage or each.incomplete or not each.messages for each in recordings)
    return INCOMPLETE if code == HOLDS and has_gaps else code
