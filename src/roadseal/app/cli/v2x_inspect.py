"""`roadseal v2x inspect`: what is in a message, a certificate, a capture or a log?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from roadseal import _core
from roadseal.app.cli.output import AsJson, counted, write_json_line
from roadseal.app.cli.v2x_input import DOES_NOT_HOLD, HOLDS, INCOMPLETE, read_file
from roadseal.app.cli.v2x_tree import annotated, grow, hexdump
from roadseal.v2x.recording import RecordedMessage, Recording, octets_of
from roadseal.v2x.service import service_name

_CERTIFICATE_STARTS = (b"\x80\x03", b"\x00\x03")
_KINDS = {
    "hex": "hexadecimal text",
    "json-lines": "JSON Lines",
    "json": "JSON",
    "text": "text",
    "capture": "capture",
    "log": "binary log",
}


def inspect(
    file: Annotated[Path, typer.Argument(help="Its content tells what it is.")],
    message: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="How many of a recording's messages to show."),
    ] = None,
    offset: Annotated[
        int | None, typer.Option(min=0, help="Show the message at this offset only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in a message, a certificate, a capture or a log, and where it breaks.

    A recording is summarised, and its first message shown; --message shows more of them. --json
    writes one object a message, all of them unless --message says how many. Nothing is verified.

    Exit codes: 0 all can be read · 1 something cannot · 3 nothing was found.

    Example: [bold]roadseal v2x inspect drive.pcapng --message 3[/]
    """
    recording = read_file(file)
    octets = octets_of(recording.data)
    certificate = _core.describe_certificate(octets)
    single = recording.kind == "message" or (
        recording.kind == "hex" and len(recording.messages) == 1
    )
    console = Console()
    if "error" not in certificate or (
        not recording.messages and octets.startswith(_CERTIFICATE_STARTS)
    ):
        _show(console, str(file), "certificate", octets, certificate, {}, as_json=as_json)
        raise typer.Exit(DOES_NOT_HOLD if "error" in certificate else HOLDS)
    chosen = [each for each in recording.messages if offset in (None, each.offset)]
    broken = any("error" in _describe(each) for each in chosen)
    if not single and not as_json:
        _summarise(console, str(file), recording, chosen)
    shown = len(chosen) if message is None and (as_json or offset is not None) else message
    for each in chosen[: 1 if shown is None else shown]:
        tree, place = _describe(each), _place(each)
        _show(console, str(file), "message", each.spdu, tree, place, as_json=as_json)
    if recording.damage:
        Console(stderr=True).print(
            f"[yellow]{escape(str(file))}[/] was not read to its end: {escape(recording.damage)}.",
            soft_wrap=True,
        )
    if not chosen:
        Console(stderr=True).print(
            f"[yellow]{escape(str(file))}[/] holds no message or certificate of IEEE 1609.2"
            + ("." if offset is None else f" at offset {offset}."),
            soft_wrap=True,
        )
        raise typer.Exit(INCOMPLETE)
    raise typer.Exit(DOES_NOT_HOLD if broken else HOLDS)


def _describe(message: RecordedMessage) -> Mapping[str, Any]:
    if message.broken:
        return {"error": "malformed", "note": message.broken}
    tree = _core.describe_message(message.spdu)
    return {**tree, "note": message.note} if message.note else tree


def _place(message: RecordedMessage) -> dict[str, Any]:
    place = {
        "offset": message.offset,
        "line": message.line,
        "frame": message.frame,
        "fragments": list(message.fragments) or None,
        "network": message.network,
    }
    return {key: value for key, value in place.items() if value is not None}


def _show(
    console: Console,
    file: str,
    what: str,
    octets: bytes,
    tree: Mapping[str, Any],
    place: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    if as_json:
        row = {"file": file, "what": what, **place, "length": len(octets)}
        write_json_line({**row, "tree": annotated(tree)})
        return
    where = " · ".join(f"{key} {value}" for key, value in place.items())
    title = f"[bold cyan]{what}[/] {len(octets)} bytes"
    console.print(grow(Tree(f"{title} · {escape(where)}" if where else title), tree))
    if (break_at := tree.get("offset")) is not None:
        console.print(f"It breaks at its byte {break_at}:")
        console.print(hexdump(octets, break_at), highlight=False)


def _summarise(
    console: Console, file: str, recording: Recording, messages: Sequence[RecordedMessage]
) -> None:
    frames = "" if recording.frames is None else f" of {counted(recording.frames, 'frame')}"
    held = f"{_KINDS[recording.kind]}{frames}, {counted(len(messages), 'message')}"
    if recording.unsecured:
        held += f", {counted(recording.unsecured, 'packet')} without security"
    if recording.incomplete:
        held += f", {counted(recording.incomplete, 'IP packet')} with fragments missing"
    console.print(f"[bold]{escape(file)}[/]: {held}", soft_wrap=True)
    if not messages:
        return
    table = Table(header_style="bold", box=box.HORIZONTALS, show_edge=False, pad_edge=False)
    for column in ("service", "content", "signer", "signed with"):
        table.add_column(column, overflow="fold")
    table.add_column("messages", justify="right")
    for row, count in Counter(_row(_describe(each)) for each in messages).most_common():
        table.add_row(*map(escape, row), str(count))
    console.print(table)


def _row(tree: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Service, content, signer and algorithm."""
    if "error" in tree:
        return "?", tree.get("note") or tree["error"], "?", "?"
    if tree["content"] != "signedData":
        return "?", tree["content"], "?", "?"
    signer = tree["signer"]
    if isinstance(signer, Mapping):
        named = signer.get("digest") or f"{signer['certificate'][0]['hashedId8']} + certificate"
    else:
        named = signer
    service = service_name(tree["headerInfo"]["psid"])
    return service, "signedData", named, tree["signature"]["algorithm"] or "?"
