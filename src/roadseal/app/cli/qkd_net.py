"""`roadseal qkd net`: routes through trusted nodes, cuts, and what an owned node learns."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.qkd.network import Network, Route

app = typer.Typer(no_args_is_help=True, help="Key networks of trusted nodes.")

File = Annotated[Path, typer.Argument(help="TOML with [[node]] and [[link]] tables.")]
Paths = Annotated[int, typer.Option(min=1, help="Vertex-disjoint paths, one a share of the key.")]
Bits = Annotated[int, typer.Option(min=8, help="Length of the key.")]


@app.command()
def plan(file: File, paths: Paths = 2, bits: Bits = 256, as_json: AsJson = False) -> None:
    """Between which nodes a key can go over so many disjoint paths.

    Exits with 1 if some pair cannot be joined so.

    Example: [bold]roadseal qkd net plan corridor.toml --paths 2[/]
    """
    from roadseal.operate.qkd.network.file import load_network

    network = load_network(file)
    found = {
        pair: _try_route(network, *pair, bits, paths)
        for pair in combinations(sorted(network.nodes), 2)
    }
    hops = {
        pair: [len(path) - 1 for path in route.paths] if route else []
        for pair, route in found.items()
    }
    if as_json:
        rows = [{"a": a, "b": b, "hops": each or None} for (a, b), each in hops.items()]
        typer.echo(json.dumps(rows, indent=1))
    else:
        table = Table("from", "to", f"{paths} disjoint paths", "hops")
        for (a, b), each in hops.items():
            said = ", ".join(map(str, each)) or "–"
            table.add_row(a, b, "yes" if each else "[bold red]no[/]", said)
        Console().print(table)
    raise typer.Exit(0 if all(hops.values()) else 1)


@app.command()
def route(
    file: File,
    source: Annotated[str, typer.Option("--from", help="Node of the one end.")],
    target: Annotated[str, typer.Option("--to", help="Node of the other end.")],
    paths: Paths = 1,
    bits: Bits = 256,
    as_json: AsJson = False,
) -> None:
    """The cheapest disjoint paths with enough key on every hop.

    Example: [bold]roadseal qkd net route corridor.toml --from tcc --to rsu-2 --paths 2[/]
    """
    from roadseal.operate.qkd.network.file import load_network

    found = load_network(file).route(source, target, bits=bits, paths=paths)
    _show(found, as_json)


@app.command()
def cut(
    file: File,
    link: Annotated[tuple[str, str], typer.Option(help="The two nodes of the link that is cut.")],
    source: Annotated[str, typer.Option("--from", help="Node of the one end.")],
    target: Annotated[str, typer.Option("--to", help="Node of the other end.")],
    paths: Paths = 1,
    bits: Bits = 256,
    as_json: AsJson = False,
) -> None:
    """The paths that are left when a link is cut; exits with 1 if there are not enough.

    Example: [bold]roadseal qkd net cut corridor.toml --link tcc east --from tcc --to rsu-2[/]
    """
    from roadseal.operate.qkd.network.file import load_network

    network = load_network(file).cut(*link)
    found = _try_route(network, source, target, bits, paths)
    if found is None:
        Console().print(f"No {paths} disjoint paths are left from {source} to {target}.")
        raise typer.Exit(1)
    _show(found, as_json)


@app.command()
def compromise(
    file: File,
    owned: Annotated[list[str], typer.Option(help="A node the attacker owns; again for more.")],
    paths: Paths = 2,
    bits: Bits = 256,
    as_json: AsJson = False,
) -> None:
    """Which keys an attacker who owns these nodes has every share of; exits with 1 if any.

    ML-KEM-768 is mixed into every key: the attacker needs that as well.

    Example: [bold]roadseal qkd net compromise corridor.toml --owned east --paths 2[/]
    """
    from roadseal.operate.qkd.network.file import load_network

    network = load_network(file)
    unknown = sorted(set(owned) - set(network.nodes))
    if unknown:
        raise RoadsealError(
            "qkd-net-unknown",
            f"There is no node {unknown[0]!r}.",
            advice=f"Choose some of: {', '.join(sorted(network.nodes))}.",
        )
    others = sorted(set(network.nodes) - set(owned))
    routes = {
        (a, b): found
        for a, b in combinations(others, 2)
        if (found := _try_route(network, a, b, bits, paths)) is not None
    }
    exposed = [pair for pair, found in routes.items() if found.exposed_by(owned)]
    if as_json:
        typer.echo(json.dumps({"routes": len(routes), "exposed": exposed}, indent=1))
    else:
        Console().print(
            f"{len(exposed)} of {len(routes)} keys over {paths} paths are exposed by "
            f"{', '.join(owned)}, if ML-KEM-768 falls as well.",
            highlight=False,
        )
        for a, b in exposed:
            Console().print(f"  {a} – {b}", highlight=False)
    raise typer.Exit(1 if exposed else 0)


def _try_route(network: Network, a: str, b: str, bits: int, paths: int) -> Route | None:
    try:
        return network.route(a, b, bits=bits, paths=paths)
    except RoadsealError as error:
        if error.code != "qkd-net-no-route":
            raise
        return None


def _show(found: Route, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"paths": found.paths, "relays": sorted(found.relays)}, indent=1))
        return
    for path in found.paths:
        Console().print(" → ".join(path), highlight=False)
