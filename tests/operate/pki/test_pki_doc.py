"""The examples of docs/pki.md."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples_run() -> None:
    page = Path(__file__).parents[3] / "docs/pki.md"
    done = doctest.testfile(str(page), module_relative=False)
    assert done.attempted > 5
    assert done.failed == 0
