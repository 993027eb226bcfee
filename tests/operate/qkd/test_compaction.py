"""The journal becomes shorter and the store forgets nothing, whenever the process dies."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.store import KeyStore
from roadseal.operate.qkd.store import journal as journal_module
from roadseal.operate.qkd.store.allotment import Allotment, split_ids
from roadseal.operate.qkd.store.cells import Span
from roadseal.operate.qkd.store.journal import Journal
from roadseal.operate.qkd.store.ledger import Ledger

BLOCKS = [random.Random(50 + i).randbytes(65_536) for i in range(2)]
SLAVES = ("SAE_A", "SAE_A2")


@pytest.fixture(autouse=True)
def _compact_early(monkeypatch):
    monkeypatch.setattr(journal_module, "_LEAST_TO_COMPACT", 2000)


def opened(directory: Path) -> KeyStore:
    return KeyStore.open(directory / "store", directory / "kek", "KME_A")


def busy(directory: Path, draw: random.Random, steps: int = 60) -> KeyStore:
    """A store with a past: keys given, waiting, half served, fetched, given up."""
    store = opened(directory)
    for number, octets in enumerate(BLOCKS):
        store.import_block("KME_B", number, octets, provenance="simulated")
    for _ in range(steps):
        step(store, draw)
    return store


def step(store: KeyStore, draw: random.Random) -> None:
    waiting = [key for key in store.waiting if "SAE_A" not in store.served.get(key, ())]
    match draw.randrange(4):
        case 0:
            wanted = [(draw.randrange(1, 9), draw.randrange(1, 3))]
            if reserved := store.reserve("KME_B", wanted):
                store.spend(reserved[0])
                for span in reserved[0]:
                    store.take(span, erase=True)
        case 1:
            number, block = draw.randrange(1, 9), draw.randrange(2)
            first = max(store.mark("KME_B", block), 1024) + draw.randrange(3)
            span = Span("KME_B", block, first, number)
            slaves = frozenset(SLAVES[: draw.randrange(1, 3)])
            keys = Allotment(span, 256, draw.randbytes(16 * number), "SAE_B", slaves, 7)
            assert store.objection_to(keys) is None
            store.expect([keys])
        case 2 if waiting:
            store.deliver([(draw.sample(waiting, 1 + len(waiting) // 4), "SAE_A")])
        case 3 if len(waiting) > 9:
            store.void(draw.sample(waiting, 2))


def said(store: KeyStore) -> tuple:
    """All that decides what may still leave, and to whom."""
    keys = {
        key: (keys.part(index, 1), store.served.get(key))
        for key, (keys, index) in store.waiting.items()
    }
    marks = [store.mark("KME_B", block) for block in range(2)]
    checks = [store.check("KME_B", block) for block in range(2)]
    return keys, marks, checks, store.available("KME_B"), store.reserve("KME_B", [(1, 1)])


@pytest.mark.parametrize("seed", range(5))
def test_a_compacted_store_says_what_it_said_before(tmp_path, seed):
    draw = random.Random(seed)
    store = busy(tmp_path, draw)
    before, size = said(store), (tmp_path / "store/journal").stat().st_size
    assert store.tidy()
    assert said(store) == before
    assert (tmp_path / "store/journal").stat().st_size < size
    for _ in range(10):
        step(store, draw)
    before = said(store)
    store.close()
    store = opened(tmp_path)
    assert said(store) == before
    left = list(store.waiting)
    (parts,) = store.deliver(
        [([k for k in left if "SAE_A" not in store.served.get(k, ())], "SAE_A")]
    )
    for keys, octets in parts:
        first = 32 * keys.span.first
        assert octets == BLOCKS[keys.span.block][first : first + 32 * keys.span.cells]
    store.close()


def test_a_journal_is_compacted_when_it_has_grown_to_four_times_its_last_size(tmp_path):
    store = busy(tmp_path, random.Random(1))
    assert store.tidy()
    assert not store.tidy()
    last = (tmp_path / "store/journal").stat().st_size
    draw = random.Random(2)
    while not store.tidy():
        assert (tmp_path / "store/journal").stat().st_size < max(2000, 4 * last)
        step(store, draw)
    store.close()


def test_a_long_journal_of_keys_that_all_wait_is_left_as_it_is(tmp_path):
    store = opened(tmp_path)
    store.import_block("KME_B", 0, BLOCKS[0], provenance="simulated")
    draw = random.Random(1)
    for first in range(1024, 2024, 50):
        span = Span("KME_B", 0, first, 50)
        slaves = frozenset({"SAE_A"})
        store.expect([Allotment(span, 256, draw.randbytes(800), "SAE_B", slaves)])
    assert (tmp_path / "store/journal").stat().st_size > 30_000
    assert not store.tidy()
    store.deliver([(list(store.waiting)[:900], "SAE_A")])
    assert store.tidy()
    assert (tmp_path / "store/journal").stat().st_size < 6_000
    store.close()


class _KilledError(BaseException):
    """The process ends here."""


CALLS = [
    (os, "open"),
    (os, "write"),
    (os, "fsync"),
    (os, "fdatasync"),
    (os, "pwrite"),
    (os, "close"),
]


def killed_at(monkeypatch, moment: int, what, *, torn: bool) -> list[str]:
    """Run `what` and kill it before its system call number `moment`, or within a write."""
    made: list[str] = []
    with monkeypatch.context() as patch:
        for owner, name in (*CALLS, (Path, "rename")):
            real = getattr(owner, name)

            def call(*arguments, real=real, name=name, **named):
                made.append(name)
                if len(made) > moment:
                    if torn and name == "write":
                        real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    raise _KilledError
                return real(*arguments, **named)

            patch.setattr(owner, name, call)
        try:
            what()
        except _KilledError:
            return made
    return [*made, "done"]


@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_a_process_killed_at_any_moment_of_a_compaction_forgets_nothing(
    tmp_path, monkeypatch, torn
):
    store = busy(tmp_path / "0", random.Random(3))
    store.close()
    store = opened(tmp_path / "0")
    store.spend(store.reserve("KME_B", [(1, 1)])[0])
    os.close(store._lock)
    for moment in range(99):
        here = tmp_path / str(moment + 1)
        shutil.copytree(tmp_path / "0", here)
        store = opened(here)  # compacts by itself if it is overgrown
        store._journal._compacted_bytes, store._journal._bytes = 1, 1 << 20
        before = said(store)
        made = killed_at(monkeypatch, moment, store.tidy, torn=torn)
        os.close(store._lock)
        again = opened(here)
        assert said(again) == before
        assert not (here / "store/journal.new").exists()
        again.close()
        if made[-1] == "done":
            break
    # new file whole and on disk, then its name, then the counter: never another order
    order = [name for name in made if name not in ("open", "close")]
    assert order == ["write", "fsync", "rename", "fsync", "pwrite", "fdatasync", "done"]


@pytest.mark.parametrize("moment", ["before", "just after", "later"])
def test_a_restored_snapshot_of_a_compacted_store_is_refused(tmp_path, moment):
    draw = random.Random(4)
    store = busy(tmp_path, draw)

    def snapshot() -> None:
        shutil.copytree(tmp_path / "store", tmp_path / "snapshot")

    if moment == "before":
        snapshot()
    assert store.tidy()
    if moment == "just after":
        snapshot()
    if moment != "before":
        store.spend(store.reserve("KME_B", [(900, 1)])[0])
    if moment == "later":
        snapshot()
        store.import_block("KME_B", 9, random.Random(9).randbytes(8192), provenance="simulated")
    store.close()
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "snapshot", tmp_path / "store")
    with pytest.raises(RoadsealError) as raised:
        opened(tmp_path)
    assert raised.value.code == "qkd-store-rolled-back"


def test_a_compacted_journal_cut_short_is_refused_even_where_the_counter_stood_still(
    tmp_path, monkeypatch
):
    store = busy(tmp_path, random.Random(5))
    calls = ["open", "write", "fsync", "rename", "open", "fsync", "close"]
    assert killed_at(monkeypatch, len(calls), store.tidy, torn=False)[:-1][:4] == calls[:4]
    os.close(store._lock)
    journal = tmp_path / "store/journal"
    whole = journal.read_bytes()
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    opened(tmp_path.parent / "copy").close()  # as the crash left it, it is good
    for size in range(0, len(whole), 97):
        journal.write_bytes(whole[:size])
        with pytest.raises(RoadsealError) as raised:
            opened(tmp_path)
        assert raised.value.code == "qkd-store-rolled-back"


def test_records_say_the_ledger_that_made_them():
    draw = random.Random(6)
    ledger = Ledger("KME_A")
    for block in range(3):
        ledger.apply({"import": ["KME_B", block, 400], "check": "", "provenance": "x"})
    for at in range(200, 390, 10):
        span = Span("KME_B", draw.randrange(3), at, 10)
        slaves = frozenset(SLAVES[: draw.randrange(1, 3)])
        ledger.expect([Allotment(span, 256, draw.randbytes(160), "SAE_B", slaves, at)])
    some = draw.sample(list(ledger.waiting), 80)
    ledger.apply({"deliver": [["SAE_A", b"".join(some).hex()]]})
    ledger.apply({"void": b"".join(draw.sample(list(ledger.waiting), 30)).hex()})
    ledger.apply({"lease": ["KME_B", 1, 70]})
    again = Ledger("KME_A")
    for record in ledger.records():
        again.apply(record)

    def keys(of: Ledger) -> dict:
        return {k: keys.part(i, 1) for k, (keys, i) in of.waiting.items()}

    assert keys(again) == keys(ledger)
    for name in ("facts", "marks", "leased", "seen", "served"):
        assert getattr(again, name) == getattr(ledger, name)
    assert sorted(again.overdue(300)) == sorted(ledger.overdue(300))
    assert set(split_ids(b"".join(again.overdue(10**9)))) <= set(again.waiting)


def test_a_record_of_another_version_is_refused_not_skipped(tmp_path):
    store = opened(tmp_path)
    store._journal.commit([{"unheard-of": 1}])
    store.close()
    with pytest.raises(RoadsealError) as raised:
        opened(tmp_path)
    assert raised.value.code == "qkd-store-corrupted"


def test_a_journal_is_read_in_order_after_several_compactions(tmp_path):
    store = opened(tmp_path)
    store.import_block("KME_B", 0, BLOCKS[0], provenance="simulated")
    taken = b""
    for _ in range(20):
        (spans,) = store.reserve("KME_B", [(3, 1)])
        store.spend(spans)
        taken += b"".join(store.take(span, erase=True) for span in spans)
        store._journal.compact(store._ledger.records())
        store.close()
        store = opened(tmp_path)
    assert taken == BLOCKS[0][32 : 32 + 60 * 32]
    assert isinstance(store._journal, Journal)
    store.close()
