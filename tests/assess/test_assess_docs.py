"""The examples of the assess pages run."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["policies.md", "register.md", "cbom.md", "scan.md"])
def test_examples_run(page: str) -> None:
    done = doctest.testfile(str(DOCS / page), module_relative=False)
    assert done.attempted > 0
    assert done.failed == 0
