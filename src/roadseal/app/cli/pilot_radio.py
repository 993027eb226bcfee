"""`roadseal pilot radio`: how far a message carries, and how busy it makes the channel."""

from __future__ import annotations

import json
from typing import Annotated, Any, cast

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.errors import RoadsealError
from roadseal.pilot.radio import Access, RadioConfig, RadioResult, allowed_rate_hz, evaluate

_BAR_CELLS = 24
_CAUSES = {
    "half_duplex": "half duplex",
    "sensing": "too weak",
    "receiver_busy": "receiver busy",
    "propagation": "noise",
    "collision": "collision",
}
_SIZE_MATTERS = "LTE-V2X picks its MCS by the message size: MCS {mcs}; the bitrate is not used."


def radio(
    message_bytes: Annotated[
        int, typer.Option("--bytes", help="Message as handed to the access layer.")
    ],
    access: Annotated[str, typer.Option(help="11p (IEEE 802.11p) or lte-v2x (mode 4).")] = "11p",
    rate_hz: Annotated[float, typer.Option(help="Messages a second and station.")] = 10.0,
    density_per_km: Annotated[float, typer.Option(help="Stations a kilometre of road.")] = 60.0,
    bitrate_mbps: Annotated[
        float | None, typer.Option(help="802.11p: 3, 4.5, 6, 9, 12, 18, 24 or 27; 6 if absent.")
    ] = None,
    power_dbm: Annotated[float, typer.Option(help="Transmit power, antennas included.")] = 23.0,
    mcs: Annotated[
        int | None, typer.Option(help="LTE-V2X: 0 to 20; chosen by size if absent.")
    ] = None,
    subchannels: Annotated[int, typer.Option(help="LTE-V2X: 4 or 2 in 10 MHz.")] = 4,
    reach_m: Annotated[float, typer.Option(help="Farthest distance, up to 2000 m.")] = 500.0,
    step_m: Annotated[float, typer.Option(help="Metres between the distances.")] = 25.0,
    as_json: AsJson = False,
) -> None:
    """Model delivery over distance and channel load for one kind of message.

    Example: [bold]roadseal pilot radio --access 11p --bytes 820 --density-per-km 120[/]
    """
    config = RadioConfig(
        access=cast(Access, access),  # RadioConfig refuses what is not one
        bytes=message_bytes,
        rate_hz=rate_hz,
        density_per_km=density_per_km,
        bitrate_mbps=6.0 if bitrate_mbps is None or access == "lte-v2x" else bitrate_mbps,
        power_dbm=power_dbm,
        mcs=mcs,
        subchannels=subchannels,
    )
    result = evaluate(config, _distances_m(reach_m, step_m))
    notes = _notes(config, result, bitrate_given=bitrate_mbps is not None)
    if as_json:
        typer.echo(json.dumps(_document(config, result, notes), indent=2))
        return
    _show(config, result, notes)


def _distances_m(reach_m: float, step_m: float) -> Any:
    if not (0 < step_m <= reach_m <= 2000 and reach_m / step_m <= 2000):
        raise RoadsealError(
            "radio-distance",
            f"There are no distances up to {reach_m:g} m in steps of {step_m:g} m.",
            advice="Give a reach up to 2000 m and a step above 0, at most 2000 steps.",
        )
    return np.arange(0, reach_m + step_m / 2, step_m)


def _notes(config: RadioConfig, result: RadioResult, *, bitrate_given: bool) -> list[str]:
    notes = []
    if config.access == "lte-v2x" and bitrate_given:
        notes.append(_SIZE_MATTERS.format(mcs=result.mcs))
    if result.fragments > 1:
        notes.append(f"The message takes {result.fragments} fragments; all of them must arrive.")
    if config.access == "11p":
        fragment_s = result.airtime_s / result.fragments
        allowed_hz = float(allowed_rate_hz(result.cbr, fragment_s)) / result.fragments
        if allowed_hz < config.rate_hz:
            notes.append(
                f"At this load ETSI congestion control (reactive) would allow {allowed_hz:.2g} Hz."
            )
    if result.cbr > 0.8:
        notes.append("Above a busy ratio of 0.8 the models were hardly validated.")
    return notes


def _document(config: RadioConfig, result: RadioResult, notes: list[str]) -> dict[str, Any]:
    distance_m = [float(value) for value in result.distance_m]
    pdr = _rounded(result.pdr)
    return {
        "access": config.access,
        "bytes": config.bytes,
        "rate_hz": config.rate_hz,
        "density_per_km": config.density_per_km,
        "bitrate_mbps": config.bitrate_mbps if config.access == "11p" else None,
        "mcs": result.mcs,
        "subchannels": config.subchannels if config.access == "lte-v2x" else None,
        "power_dbm": config.power_dbm,
        "cbr": round(result.cbr, 6),
        "fragments": result.fragments,
        "airtime_s": result.airtime_s,
        "points": [
            {"distance_m": metres, "pdr": delivered}
            for metres, delivered in zip(distance_m, pdr, strict=True)
        ],
        "distance_m": distance_m,
        "pdr": pdr,
        "losses": {cause: _rounded(loss) for cause, loss in result.losses.items()},
        "provenance": result.provenance,
        "sources": list(result.sources),
        "notes": notes,
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 6) for value in values]


def _show(config: RadioConfig, result: RadioResult, notes: list[str]) -> None:
    carrier = (
        f"802.11p {config.bitrate_mbps:g} Mb/s"
        if config.access == "11p"
        else f"LTE-V2X mode 4, MCS {result.mcs}, {config.subchannels} sub-channels"
    )
    console = Console(highlight=False)
    console.print(
        f"[bold]{config.bytes} bytes[/] over {carrier}, {config.power_dbm:g} dBm · "
        f"{config.rate_hz:g} Hz · {config.density_per_km:g} stations/km"
    )
    console.print(
        f"channel busy ratio [bold]{result.cbr:.3f}[/] · {1e3 * result.airtime_s:.2f} ms of channel"
        f" · {result.fragments} transmission{'s' if result.fragments > 1 else ''}"
        f" · [yellow]{result.provenance}[/]"
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("distance", justify="right")
    table.add_column("delivered", justify="right")
    table.add_column("")
    table.add_column("mostly lost to")
    for index, metres in enumerate(result.distance_m):
        pdr = float(result.pdr[index])
        worst = max(result.losses, key=lambda cause: result.losses[cause][index])
        table.add_row(
            f"{metres:g} m",
            f"{pdr:.3f}",
            f"[{_colour(pdr)}]{_bar(pdr)}[/]",
            _CAUSES[worst] if result.losses[worst][index] >= 0.01 else "",
        )
    console.print(table)
    for note in notes:
        console.print(f"[yellow]note[/] {note}")
    for source in result.sources:
        console.print(f"[dim]source {source}[/]")


def _bar(share: float) -> str:
    eighths = round(share * _BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def _colour(pdr: float) -> str:
    if pdr >= 0.9:
        return "green"
    return "yellow" if pdr >= 0.5 else "red"
