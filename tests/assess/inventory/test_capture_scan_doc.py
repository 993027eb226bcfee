"""The examples of docs/capture-scan.md and of the modules run."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from roadseal.assess.inventory.imports import algorithm_names, recognise
from roadseal.assess.inventory.probe import target
from roadseal.assess.inventory.wire import tls

PAGE = Path(__file__).parents[3] / "docs" / "capture-scan.md"


def test_the_page_runs() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert (failed, tried > 15) == (0, True)


@pytest.mark.parametrize("module", [algorithm_names, recognise, target, tls])
def test_the_modules_examples_run(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]  # a module
    assert (failed, tried > 0) == (0, True)
