"""The examples of docs/campaigns.md."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples_run() -> None:
    page = Path(__file__).parents[2] / "docs/campaigns.md"
    done = doctest.testfile(str(page), module_relative=False)
    assert done.attempted > 6
    assert done.failed == 0
