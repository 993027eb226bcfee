"""The block files of a key store: which bits it has had, and where those are that it still has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from roadseal.operate.qkd.store.cells import (
    CellFile,
    Span,
    check_value,
    fingerprint,
    whole_cells,
)
from roadseal.operate.qkd.store.files import corrupted, sync_directory
from roadseal.operate.qkd.store.journal import Record
from roadseal.operate.qkd.store.ledger import BlockKey


class BlockFiles:
    """Files of sealed cells, one a block, with a fingerprint of every cell that ever was in one.

    Args:
        directory: where they are.
        derive: a 32-byte key for a purpose and a salt.
    """

    def __init__(self, directory: Path, derive: Callable[[bytes, bytes], bytes]) -> None:
        self._directory = directory
        self._derive = derive
        self._print_key = derive(b"fingerprint", b"")
        self._files: dict[BlockKey, CellFile] = {}
        self._prints: set[bytes] = set()

    def __contains__(self, key: BlockKey) -> bool:
        return key in self._files

    def prints_of(self, octets: bytes | bytearray) -> list[bytes]:
        """Fingerprints of the cells that `octets` give."""
        return [fingerprint(self._print_key, cell) for cell in whole_cells(octets)]

    def has(self, key: BlockKey, prints: list[bytes]) -> bool:
        """Whether the block is here with these very bits."""
        file = self._files.get(key)
        return file is not None and file.prints == prints

    def has_any(self, prints: list[bytes]) -> bool:
        """Whether one of the cells has been here before, or is there twice."""
        return len(set(prints)) != len(prints) or not self._prints.isdisjoint(prints)

    def write(
        self, key: BlockKey, octets: bytes | bytearray, prints: list[bytes], provenance: str
    ) -> Record:
        """Write a block; on return it is on disk. Returns the record for the journal.

        Raises:
            OSError: the disk is full or failing.
        """
        CellFile.write(self._path(key), memoryview(octets), prints, self._cell_key)
        sync_directory(self._directory)
        check = check_value(whole_cells(octets))
        return {"import": [*key, len(prints)], "check": check, "provenance": provenance}

    def open(self, facts: Record) -> None:
        """Open the block that this record imported.

        Raises:
            RoadsealError: ``qkd-store-corrupted``.
        """
        link, block, cells = facts["import"]
        key = str(link), int(block)
        path = self._path(key)
        try:
            found = CellFile(path, self._cell_key)
        except OSError:
            raise corrupted(path, "it is missing") from None
        self._files[key] = found
        if found.cells != cells:
            raise corrupted(path, "it is another block")
        self._prints.update(found.prints)

    def read(self, span: Span) -> bytearray:
        """Decrypt cells.

        Raises:
            RoadsealError: ``qkd-store-corrupted``: one is erased or altered.
        """
        return self._files[span.link, span.block].read(span.first, span.cells)

    def verify(self, span: Span) -> None:
        """Decrypt cells and forget them; raises as `read`."""
        octets = self.read(span)
        octets[:] = bytes(len(octets))

    def erase(self, span: Span) -> None:
        """Overwrite cells with zeros.

        Raises:
            OSError: the disk fails.
        """
        self._files[span.link, span.block].erase(span.first, span.cells)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def _cell_key(self, salt: bytes) -> bytes:
        return self._derive(b"cells", salt)

    def _path(self, key: BlockKey) -> Path:
        link, block = key
        return self._directory / f"{link.encode().hex()[:120]}-{block:08d}.cells"
