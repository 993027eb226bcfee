"""A million assets, three million dependencies: `python benches/bench_register.py [ASSETS]`.

CPU seconds of one run, beside the raw work of the same run: the same rows through the database's
own driver, and a sort of as many numbers. The estate is made up; it is spread over kinds, media,
update paths and ages, and is read as a CSV like any city's.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from roadseal.assess.inventory.estate import guess_mapping, import_table, read_source
from roadseal.assess.inventory.estate.shelf import Estate, load_asset, save_estate
from roadseal.assess.inventory.finding import Basis, Role
from roadseal.assess.inventory.tables import SCHEMA
from roadseal.assess.register import Use, crqc_profile, score_model
from roadseal.assess.register.score import score
from roadseal.assess.register.shelf import load_columns, save_uses
from roadseal.clock import SystemClock
from roadseal.store import open_store

KINDS = ("signal", "camera", "message sign", "rsu", "beacon")
MEDIA = ("radio", "fiber", "cellular", "copper", "none", "")
PATHS = ("ota", "remote", "truck", "none", "")


def write_city(path: Path, count: int) -> None:
    """A CSV of `count` rows."""
    with path.open("w") as file:
        file.write("id,name,lat,lon,type,interconnect,update method,installed\n")
        for n in range(count):
            place = f"{40 + n % 997 / 1000:.4f},{-75 - n % 991 / 1000:.4f}"
            facts = f"{KINDS[n % 5]},{MEDIA[n % 6]},{PATHS[n % 25 // 5]},{1980 + n % 45}"
            file.write(f"{n},Street {n},{place},{facts}\n")


def uses_of(count: int) -> Iterator[tuple[Use, ...]]:
    """Three uses an asset, of forty."""
    roles = (Role.KEY_EXCHANGE, Role.LIVE_AUTHENTICATION, Role.TRUST_ANCHOR)
    algorithms = (("x25519", "p256", "x25519mlkem768"), ("ecdsa-p256", "rsa-2048"), ("ecdsa-p384",))
    table = [
        [
            Use(role, algorithm, flow, Basis.OBSERVED, "bench", anchor=anchor)
            for algorithm in algorithms[at]
            for flow in ("management", "signal-control-backhaul")
            for anchor in ((None,) if at < 2 else tuple(f"root-{n}" for n in range(12)))
        ]
        for at, role in enumerate(roles)
    ]
    for n in range(count):
        yield tuple(row[n * 7 % len(row)] for row in table)


def main() -> None:
    """Print the seconds and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    clock = SystemClock()
    with TemporaryDirectory() as folder:
        city, db = Path(folder) / "city.csv", Path(folder) / "a.db"
        write_city(city, count)
        start_s = clock.cpu_s()
        table = read_source(city)
        imported = import_table(table, guess_mapping(table).mapping, "city")
        read_s = clock.cpu_s() - start_s
        store = open_store(db, SCHEMA)
        save_estate(store, Estate("city", city.name, "", "csv", "", imported.rows), imported)
        dependencies = save_uses(store, "city", uses_of(len(imported.assets)))
        import_s = clock.cpu_s() - start_s
        raw_s = raw_insert_s(clock, Path(folder) / "raw.db", count, dependencies)
        del imported
        start_s = clock.cpu_s()
        columns = load_columns(store, "city")
        load_s = clock.cpu_s() - start_s
        arguments = (score_model(), crqc_profile("gri-2023"), 2026.9)
        score(columns.one(0), *arguments, shared=columns.shared())  # SciPy is imported once
        start_s = clock.cpu_s()
        scores = score(columns, *arguments)
        score_s = clock.cpu_s() - start_s
        sort_s = raw_sort_s(clock, dependencies)
        shared = columns.shared()
        start_s = clock.cpu_s()
        for n in range(20):
            load_asset(store, f"city/{n * 17}")
            score(columns.one(n * 17), *arguments, shared=shared)
        one_ms = (clock.cpu_s() - start_s) / 20 * 1000
    print(f"{count:,} assets, {dependencies:,} dependencies, {len(scores.tiers):,} cases")
    print(
        f"import {import_s:5.1f} s (target 60; reading {read_s:.1f}),"
        f" {import_s / raw_s:.1f} × raw inserts"
    )
    print(f"load   {load_s:5.1f} s")
    print(
        f"score  {score_s:5.2f} s (target 2), {score_s / sort_s:.1f} × a sort of the dependencies"
    )
    print(f"one    {one_ms:5.1f} ms (target 50)")


def raw_insert_s(clock: SystemClock, path: Path, assets: int, dependencies: int) -> float:
    """As many rows of the same widths through SQLite's own driver."""
    start_s = clock.cpu_s()
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE a ({','.join(f'c{n}' for n in range(19))})")
        connection.execute("CREATE TABLE d (a INTEGER, b INTEGER, c INTEGER)")
        row = ("Street 1",) * 10 + (1.5,) * 9
        connection.executemany(
            f"INSERT INTO a VALUES ({','.join('?' * 19)})", (row for _ in range(assets))
        )
        connection.executemany(
            "INSERT INTO d VALUES (?,?,?)", ((1, n, 3) for n in range(dependencies))
        )
    return clock.cpu_s() - start_s


def raw_sort_s(clock: SystemClock, count: int) -> float:
    """A sort of as many numbers."""
    numbers = np.random.default_rng(1).integers(0, 2**62, count)
    start_s = clock.cpu_s()
    np.sort(numbers)
    return clock.cpu_s() - start_s


if __name__ == "__main__":
    main()
