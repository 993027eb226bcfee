"""A million assets in the store: `python benches/bench_register.py [ASSETS [DATABASE]]`.

From a CSV through the register to an answer, in SQLite or in the empty PostgreSQL database whose
URL is given; beside the raw work of the same run: as many rows through SQLite's own driver, and a
sort of as many numbers. The estate is made up; it is spread over kinds, media, update paths and
ages. The shipped templates and one more say what its assets use: more than three dependencies an
asset.
"""

from __future__ import annotations

import sqlite3
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from roadseal.assess.inventory.estate import guess_mapping, import_table, read_source
from roadseal.assess.inventory.estate.shelf import Estate, save_estate
from roadseal.assess.inventory.tables import SCHEMA
from roadseal.assess.inventory.template import read_templates, shipped_templates
from roadseal.assess.register import Inputs, crqc_profile, score_model
from roadseal.assess.register.keeping import keep_register
from roadseal.assess.register.kept import open_kept
from roadseal.assess.register.query import Query
from roadseal.assess.register.rescore import rescore
from roadseal.assess.register.score import score
from roadseal.assess.register.shelf import load_columns
from roadseal.clock import SystemClock
from roadseal.crypto.toml_source import TomlSource
from roadseal.store import open_store

ONES = 20
EVERYWHERE = """
[[template]]
id = "everywhere"
match = {}
source = "bench"
[[template.use]]
role = "live-authentication"
algorithm = "rsa-2048"
flow = "management"
basis = "declared"
says = "bench"
"""
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


def main() -> None:
    """Print the seconds and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    clock = SystemClock()
    with TemporaryDirectory() as folder:
        city = Path(folder) / "city.csv"
        write_city(city, count)
        store = open_store(sys.argv[2] if len(sys.argv) > 2 else Path(folder) / "a.db", SCHEMA)
        lap = Lap(clock)
        table = read_source(city)
        imported = import_table(table, guess_mapping(table).mapping, "city")
        lap("read")
        save_estate(store, Estate("city", city.name, "", "csv", "", imported.rows), imported)
        lap("save")
        del imported
        everywhere = read_templates(TomlSource("bench", EVERYWHERE))
        inputs = Inputs((), date(2026, 11, 26), templates=(*shipped_templates(), *everywhere))
        kept = keep_register(store, "now", ("city",), inputs)
        lap("keep")
        columns = load_columns(store, "city")
        lap("load")
        arguments = (score_model(), crqc_profile("gri-2023"), 2026.9)
        score(columns.one(0), *arguments, shared=columns.shared())  # SciPy is imported once
        lap("")
        scores = score(columns, *arguments)
        lap("score")
        found = kept.ask(Query(tiers=("T2",), text="street 77"), 50)
        lap("query")
        shown = kept.ranked(20)
        lap("worst")
        assert found
        assert len(shown) == 20
        for n in range(ONES):
            rescore(open_kept(store, "now"), f"city/{n * 17}")
        lap("one")
        dependencies = len(columns.asset)
        sort_s = raw_sort_s(clock, dependencies)
        raw_s = raw_insert_s(clock, Path(folder) / "raw.db", count, dependencies)
    print(f"{store.engine.dialect.name}, wall clock (CPU of this process)")
    print(f"{count:,} assets, {dependencies:,} dependencies, {len(scores.tiers):,} cases")
    imported_s = lap.wall_s["read"] + lap.wall_s["save"]
    print(f"import   {imported_s:6.1f} s (target 60); {lap.say('read')}, {lap.say('save')}")
    print(f"build    {lap.say('keep')}: uses, score, and writing them")
    print(f"raw      {raw_s:6.1f} s of CPU: as many rows through SQLite's own driver")
    print(f"load     {lap.say('load')}")
    print(f"score    {lap.say('score')} (target 2), {lap.cpu_s['score'] / sort_s:.1f} × a sort")
    print(f"query    {lap.say('query')}; the worst twenty {lap.say('worst')}")
    one_ms = lap.wall_s["one"] / ONES * 1000, lap.cpu_s["one"] / ONES * 1000
    print(f"one      {one_ms[0]:.1f} ms ({one_ms[1]:.1f}) (target 50), on the disk")


class Lap:
    """Seconds of each part, by the wall and by the processor."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._last = clock.monotonic_s(), clock.cpu_s()
        self.wall_s: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}

    def __call__(self, name: str) -> None:
        now = self._clock.monotonic_s(), self._clock.cpu_s()
        self.wall_s[name], self.cpu_s[name] = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now

    def say(self, name: str) -> str:
        """Both of a part."""
        return f"{name} {self.wall_s[name]:.2f} s ({self.cpu_s[name]:.2f})"


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
