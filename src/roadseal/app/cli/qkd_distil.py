"""`roadseal qkd distil`, `cascade`, `toeplitz`: post-processing of files, and Cascade's curves."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.output import AsJson
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.qkd.distil.wire import Bits

_FORMS = "bits, csv, npy, hex, base64, packed; else it is seen."
Form = Annotated[str | None, typer.Option(help=f"Of the files: {_FORMS}")]
Little = Annotated[bool, typer.Option("--little", help="Packed octets begin with the lowest bit.")]
FrameBits = Annotated[int, typer.Option(min=64, help="Longer keys go in frames of about so many.")]
Out = Annotated[Path | None, typer.Option(help="New file for the bits, as text of 0 and 1.")]
_VARIANTS = "Of Cascade: original, yanetal, option3."


def distil(
    alice: Annotated[Path, typer.Argument(help="Sifted key as it should be.")],
    bob: Annotated[Path, typer.Argument(help="Sifted key of the same pulses, with errors.")],
    variant: Annotated[str, typer.Option(help=_VARIANTS)] = "yanetal",
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share to compare.")] = 0.1,
    error_rate: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="Known: no sample, and no key.")
    ] = None,
    secrecy: Annotated[float, typer.Option(min=1e-30, max=0.1, help="ε of the key.")] = 1e-10,
    frame_bits: FrameBits = 65_536,
    form: Form = None,
    little: Little = False,
    column_alice: Annotated[str | None, typer.Option(help="Of a CSV file: name or number.")] = None,
    column_bob: Annotated[str | None, typer.Option(help="Of a CSV file: name or number.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="To repeat a run; no secret.")] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Reconcile two sifted keys, tell what leaked, and shorten them to a secret key.

    Files: text of 0 and 1, CSV, .npy, hex, base64, or packed octets. A sample is compared and
    thrown away; the length is that of Tomamichel et al. 2012, for single photons. Exits with 1 if
    the keys still differ or, after a sample, no key is left.

    Example: [bold]roadseal qkd distil alice.txt bob.txt --out key.txt --json[/]
    """
    from roadseal.operate.qkd.sifted import distil_sifted

    _check_variant(variant)
    found = distil_sifted(
        _bits(alice, form, little, column_alice),
        _bits(bob, form, little, column_bob),
        variant=variant,
        sample_share=sample,
        error_rate=error_rate,
        secrecy=secrecy,
        frame_bits=frame_bits,
        seed=seed,
    )
    cascade = found.reconciled
    facts = {
        "variant": variant,
        "bits": len(cascade.corrected),
        "sampled_bits": found.sampled,
        "sample_errors": found.sample_errors,
        "errors": cascade.errors,
        "qber": cascade.error_rate,
        "parities": cascade.told,
        "efficiency": cascade.efficiency,
        "messages": cascade.messages,
        "leaked_bits": found.leaked_bits,
        "bits_still_wrong": cascade.left,
        "phase_error_bound": found.phase_error,
        "key_bits": len(found.key),
        "asymptotic_key_bits": found.asymptotic_bits,
    }
    if out is not None and len(found.key):
        _write(out, found.key)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
    else:
        table = Table("what", "value", caption="Parities and hashes leaked are counted, each one.")
        for name, value in facts.items():
            said = f"{value:.4f}" if isinstance(value, float) else str(value)
            table.add_row(name.replace("_", " "), said)
        Console().print(table)
    whole = found.verified and (error_rate is not None or len(found.key) > 0)
    raise typer.Exit(0 if whole else 1)


def cascade(
    variant: Annotated[list[str] | None, typer.Option(help=f"{_VARIANTS} Again for more.")] = None,
    bits: Annotated[
        list[int] | None, typer.Option(min=2, max=1 << 28, help="Of a key; again for more.")
    ] = None,
    qber: Annotated[
        list[float] | None, typer.Option(min=0, max=0.5, help="Error rate; again for more.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Keys a point.")] = 20,
    frame_bits: FrameBits = 65_536,
    seed: Annotated[int, typer.Option(min=0, help="Of the keys.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Efficiency, failures and messages of Cascade along a curve of error rates and lengths.

    Each key has the number of errors nearest to the rate. Efficiency is parities told ÷ Shannon's
    limit. Without options: all variants, 10,000 bits, 0.5 to 11 %.

    Example: [bold]roadseal qkd cascade --variant original --bits 1000 --qber 0.01 --json[/]
    """
    from roadseal.operate.qkd.reconciling import VARIANTS, efficiency_curve

    for each in variant or ():
        _check_variant(each)
    points = efficiency_curve(
        variant or VARIANTS,
        bits or [10_000],
        qber or [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.11],
        runs=runs,
        seed=seed,
        frame_bits=frame_bits,
    )
    if as_json:
        typer.echo(json.dumps([asdict(point) for point in points], indent=1))
        return
    table = Table("variant", "bits", "errors", "f", "±", "failed keys", "parities", "messages")
    for point in points:
        told = (point.efficiency, point.deviation)
        table.add_row(
            point.variant,
            f"{point.bits:,}",
            f"{point.error_rate:.2%}",
            *("–" if each is None else f"{each:.3f}" for each in told),
            f"{point.frame_error_rate:.2%}",
            f"{point.parities:,.0f}",
            f"{point.messages:,.0f}",
        )
    Console().print(table)


def toeplitz(
    bits: Annotated[Path, typer.Argument(help="File of the n input bits.")],
    seed: Annotated[Path, typer.Argument(help="File of the n + m − 1 seed bits.")],
    length: Annotated[int, typer.Option(min=1, help="Bits of the output, m.")],
    input_bits: Annotated[
        int | None, typer.Option(min=1, help="n, where packed files end in spare bits.")
    ] = None,
    form: Form = None,
    little: Little = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Hash bits by a Toeplitz matrix: T[i][j] = seed[(i − j) mod (n + m − 1)].

    Files as for `distil`. Packed files may end in up to seven spare bits.

    Example: [bold]roadseal qkd toeplitz input.txt seed.txt --length 128[/]
    """
    from roadseal.operate.qkd.sifted import toeplitz as hashed

    given, matrix = _bits(bits, form, little), _bits(seed, form, little)
    count = len(given) if input_bits is None else input_bits
    wanted = count + length - 1
    given, matrix = (
        each[:most] if most <= len(each) < most + 8 else each
        for each, most in ((given, count), (matrix, wanted))
    )
    output = hashed(matrix, given, length)
    if out is not None:
        _write(out, output)
    text = _text(output)
    if as_json:
        facts = {"input_bits": len(given), "seed_bits": len(matrix), "output": text}
        typer.echo(json.dumps(facts, indent=1))
    elif out is None:
        typer.echo(text)


def _bits(path: Path, form: str | None, little: bool, column: str | None = None) -> Bits:
    from roadseal.operate.qkd.bit_files import MOST_BITS, BitForm, read_bits

    if form is not None and form not in list(BitForm):
        raise RoadsealError(
            "qkd-bit-file",
            f"There is no form {form[:20]!r} of bits.",
            advice=f"Say {', '.join(BitForm)}, or nothing.",
        )
    try:
        if path.stat().st_size > 16 * MOST_BITS:
            raise RoadsealError(
                "qkd-bit-file", f"{path} is too large.", advice="Cut it into several files."
            )
        content = path.read_bytes()
    except OSError as error:
        raise RoadsealError(
            "qkd-bit-file",
            f"{path} cannot be read: {error.strerror}.",
            advice="Give a file of bits.",
        ) from None
    return read_bits(content, BitForm(form) if form else None, column=column, little=little)


def _check_variant(name: str) -> None:
    from roadseal.operate.qkd.reconciling import VARIANTS

    if name not in VARIANTS:
        raise RoadsealError(
            "qkd-cascade-variant",
            f"No variant of Cascade is called {name[:40]!r}.",
            advice=f"Choose one of {', '.join(VARIANTS)}.",
        )


def _text(bits: Bits) -> str:
    return (bits.astype("u1") + ord("0")).tobytes().decode("ascii")


def _write(path: Path, bits: Bits) -> None:
    """A new file that its owner alone may read."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(_text(bits) + "\n")
    except OSError as error:
        raise RoadsealError(
            "qkd-bit-file",
            f"{path} cannot be written: {error.strerror}.",
            advice="Name a file that does not exist yet, in a folder that does.",
        ) from None
