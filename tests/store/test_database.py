"""Transactions, durability and migrations, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from roadseal.errors import RoadsealError
from roadseal.store import Schema, exists, open_store

METADATA = sa.MetaData()
NOTE = sa.Table(
    "note", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text)
)
REVISIONS = Path(__file__).parent / "revisions"
NOTES = Schema("notes", METADATA, REVISIONS)


def test_what_is_written_is_there_when_it_is_opened_again(store_url: str) -> None:
    for text in ("first", "second"):
        store = open_store(store_url, NOTES)
        with store.writing() as connection:
            connection.execute(NOTE.insert().values(text=text))
        store.close()
    store = open_store(store_url, NOTES)
    with store.reading() as connection:
        assert connection.scalars(sa.select(NOTE.c.text).order_by(NOTE.c.id)).all() == [
            "first",
            "second",
        ]


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 0)])
def test_only_what_is_thrown_away_is_not_flushed(durable: bool, level: int, tmp_path: Path) -> None:
    """SQLite, "PRAGMA synchronous": 2 is FULL, 0 is OFF."""
    store = open_store(tmp_path / "notes.db", NOTES, durable=durable)
    for transaction in (store.reading, store.writing):
        with transaction() as connection:
            assert connection.scalar(sa.text("PRAGMA synchronous")) == level
    store.close()


def test_a_transaction_that_raises_leaves_nothing(store_url: str) -> None:
    store = open_store(store_url, NOTES)

    def fail() -> None:
        with store.writing() as connection:
            connection.execute(NOTE.insert().values(text="never"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(NOTE)) == 0


def test_writers_side_by_side_lose_nothing(store_url: str) -> None:
    store = open_store(store_url, NOTES)

    def write() -> None:
        for _ in range(20):
            with store.writing() as connection:
                connection.execute(NOTE.insert().values(text="x"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(NOTE)) == 80


def test_a_killed_writer_keeps_what_it_said_was_kept(store_url: str) -> None:
    program = textwrap.dedent(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_database import NOTE, NOTES
        from roadseal.store import open_store
        store = open_store({store_url!r}, NOTES)
        number = 0
        while True:
            with store.writing() as connection:
                connection.execute(NOTE.insert().values(text=str(number)))
            print(number, flush=True)
            number += 1
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(30)]
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.stdout.read().split()]
    process.wait()
    with open_store(store_url, NOTES).reading() as connection:
        kept = {int(text) for text in connection.scalars(sa.select(NOTE.c.text))}
    assert set(said) <= kept
    assert len(kept - set(said)) <= 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql+psycopg://nobody@/none?host=" + "/nowhere", "store-unreachable"),
        ("nonsense://", "store-url"),
        ("oracle://nobody@nowhere/none", "store-driver"),
        ("://", "store-url"),
    ],
)
def test_a_wrong_address_says_what_to_do(url: str, code: str) -> None:
    with pytest.raises(RoadsealError) as caught:
        open_store(url, NOTES)
    assert caught.value.code == code
    assert caught.value.advice


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RoadsealError) as caught:
        open_store(tmp_path / "none" / "store.db", NOTES)
    assert caught.value.code == "store-unreachable"


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(RoadsealError) as caught:
        open_store(tmp_path / "x.db", NOTES)
    assert caught.value.code == "store-unreachable"


def test_a_database_of_a_newer_version_is_left_alone(store_url: str) -> None:
    store = open_store(store_url, NOTES)
    with store.writing() as connection:
        connection.execute(sa.text(f"update {NOTES.room}_schema_version set version_num='9999'"))
    store.close()
    with pytest.raises(RoadsealError) as caught:
        open_store(store_url, NOTES)
    assert caught.value.code == "store-newer"


def test_whether_there_is_a_database_is_told_without_making_one(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    for url in (file, str(file), f"sqlite:///{file}"):
        assert not exists(url)
    assert not file.exists()
    open_store(file).close()
    file.touch()
    for url in (file, str(file), f"sqlite:///{file}", "sqlite://", "postgresql://nowhere/x"):
        assert exists(url)
    with pytest.raises(RoadsealError, match="not one"):
        exists("://")
