"""`roadseal qkd`: keys from light, from the link to the key store."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.app.cli.qkd_distil import cascade, distil, toeplitz
from roadseal.app.cli.qkd_doctor import doctor
from roadseal.app.cli.qkd_kme import client_app, kme_app
from roadseal.app.cli.qkd_net import app as net_app
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.qkd.benchmark import Figure

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)
link_app = typer.Typer(no_args_is_help=True, help="What a fibre link gives (modelled).")
app.add_typer(link_app, name="link")
app.add_typer(net_app, name="net")
app.add_typer(kme_app, name="kme")
app.add_typer(client_app, name="client")
for _command in (distil, cascade, toeplitz, doctor):
    app.command()(_command)


@link_app.command()
def rate(
    loss_db: Annotated[list[float], typer.Option(help="Of the fibre, dB; again for more.")],
    clock_hz: Annotated[float, typer.Option(help="Pulses a second.")] = 1e9,
    efficiency: Annotated[float, typer.Option(help="Of the receiver, 0 to 1.")] = 0.2,
    dark_hz: Annotated[float, typer.Option(help="Dark counts a second.")] = 5e4,
    misalignment: Annotated[float, typer.Option(help="Wrong detector, 0 to 0.5.")] = 0.02,
    intercepted: Annotated[float, typer.Option(help="Share an eavesdropper measures.")] = 0.0,
    drift_rad_s: Annotated[float, typer.Option(help="Polarisation drift, rad/s.")] = 0.0,
    realign_s: Annotated[float, typer.Option(help="How often the receiver realigns.")] = 60.0,
    block_bits: Annotated[float, typer.Option(help="Sifted key bits of a block.")] = 1e7,
    as_json: AsJson = False,
) -> None:
    """Secret key rate with the best settings, beside the bound that no protocol exceeds.

    Decoy-state BB84 with one decoy and finite keys (arXiv 2405.16578). The optics are modelled.
    Exits with 1 if a loss gives no key.

    Example: [bold]roadseal qkd link rate --loss-db 9 --loss-db 12 --json[/]
    """
    from roadseal.operate.qkd.link import PROVENANCE, LinkModel
    from roadseal.operate.qkd.operating import optimise

    points = [
        optimise(
            LinkModel(
                loss,
                clock_hz,
                efficiency,
                dark_hz,
                misalignment,
                intercepted,
                drift_rad_s=drift_rad_s,
                realign_s=realign_s,
            ),
            block_bits=block_bits,
        )
        for loss in loss_db
    ]
    if as_json:
        rows = [
            {
                "loss_db": point.link.loss_db,
                "rate_bps": point.rate_bps,
                "qber": point.error_rate,
                "signal": point.sent.signal,
                "decoy": point.sent.decoy,
                "signal_share": point.sent.signal_share,
                "key_basis": point.sent.key_basis,
                "block_bits": point.block_bits,
                "block_s": _finite(point.block_s),
                "plob_bps": _finite(point.link.plob_bits_per_pulse * clock_hz),
                "plob_ratio": point.plob_ratio,
                "provenance": PROVENANCE,
            }
            for point in points
        ]
        typer.echo(json.dumps(rows[0] if len(rows) == 1 else rows, indent=1))
    else:
        table = Table(
            *("dB", "kbit/s", "QBER", "μ1", "μ2", "share of μ1", "key basis"),
            *("block, s", "÷ bound"),
            caption="Modelled optics. Bound: PLOB, which no protocol without repeater exceeds.",
        )
        for point in points:
            sent = point.sent
            table.add_row(
                f"{point.link.loss_db:g}",
                f"{point.rate_bps / 1e3:,.1f}" if point.rate_bps else "no key",
                f"{point.error_rate:.2%}",
                *(f"{v:.3f}" for v in (sent.signal, sent.decoy, sent.signal_share, sent.key_basis)),
                f"{point.block_s:,.1f}",
                f"{point.plob_ratio:.2%}",
            )
        Console().print(table)
    raise typer.Exit(0 if all(point.rate_bps > 0 for point in points) else 1)


@link_app.command()
def fit(
    points: Annotated[Path, typer.Argument(help="CSV with a head; see above.")],
    block_bits: Annotated[float, typer.Option(help="Sifted key bits of a block.")] = 1e7,
    db_per_km: Annotated[
        float | None, typer.Option(help="Of the fibre, where the file has lengths.", min=1e-3)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit receiver efficiency, dark counts and misalignment to published points; predict the rest.

    Columns: loss_db, rate_bps (secret bits a second), and at will clock_hz (1e9 if absent) and use:
    `fit` or empty for points that the fit sees, `predict` for points that it does not. Usual other
    names and units are understood: `Loss (dB)`, `SKR [kbit/s]`, `Distance (km)` with --db-per-km.

    Example: [bold]roadseal qkd link fit t12.csv[/]
    """
    from roadseal.operate.qkd.fit import fit as fit_points
    from roadseal.operate.qkd.link import PROVENANCE
    from roadseal.operate.qkd.points_file import read_points

    try:
        text = points.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "qkd-fit-points",
            f"{points} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.",
            advice="Give a CSV file with the columns loss_db and rate_bps.",
        ) from None
    found = fit_points(read_points(text.splitlines(), db_per_km=db_per_km), block_bits=block_bits)
    link = found.link
    if as_json:
        rows = [
            {
                "loss_db": point.loss_db,
                "clock_hz": point.clock_hz,
                "published_bps": point.rate_bps,
                "model_bps": rate_bps,
                "deviation": deviation,
                "use": "fit" if point.fitted else "predict",
            }
            for point, rate_bps, deviation in zip(
                found.points, found.rates_bps, found.deviations, strict=True
            )
        ]
        parameters = {
            "efficiency": link.efficiency,
            "dark_hz": link.dark_hz,
            "misalignment": link.misalignment,
            "provenance": PROVENANCE,
        }
        typer.echo(json.dumps({**parameters, "points": rows}, indent=1))
        return
    table = Table("loss, dB", "published, bit/s", "model, bit/s", "deviation", "use")
    for point, rate_bps, deviation in zip(
        found.points, found.rates_bps, found.deviations, strict=True
    ):
        table.add_row(
            f"{point.loss_db:g}",
            f"{point.rate_bps:,.4g}",
            f"{rate_bps:,.4g}",
            f"{deviation:+.1%}",
            "fit" if point.fitted else "[bold]predict[/]",
        )
    console = Console()
    console.print(table)
    console.print(
        f"efficiency {link.efficiency:.3f} · dark counts {link.dark_hz:,.0f} Hz · "
        f"misalignment {link.misalignment:.2%} · modelled optics",
        highlight=False,
    )


@app.command()
def bench(as_json: AsJson = False) -> None:
    """Speed of post-processing on this machine, in CPU time of one core.

    Exits with 1 if a target is missed.

    Example: [bold]roadseal qkd bench[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.operate.qkd.benchmark import benchmark
    from roadseal.operate.qkd.link import PROVENANCE

    figures = list(benchmark(SystemClock()))
    if as_json:
        rows = [{**asdict(figure), "provenance": PROVENANCE} for figure in figures]
        typer.echo(json.dumps(rows, indent=1))
    else:
        Console().print(bench_table(figures))
    raise typer.Exit(0 if all(figure.holds for figure in figures) else 1)


def bench_table(figures: Sequence[Figure]) -> Table:
    """The figures for people."""
    caption = "The bits are drawn, no photon sent them; the post-processing is real."
    table = Table("what", "Mbit/s", "at least", "", "how", caption=caption)
    for figure in figures:
        target = f"{figure.target:g}" if figure.target else "–"
        met = "met" if figure.holds else "[bold red]missed[/]"
        table.add_row(figure.what, f"{figure.mbit_s:.1f}", target, met, figure.note)
    return table


def _finite(value: float) -> float | None:
    """For JSON, which has no infinity."""
    return value if math.isfinite(value) else None
