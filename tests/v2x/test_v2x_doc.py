"""The examples of docs/v2x.md and of the modules run."""

from __future__ import annotations

import doctest

import pytest
from v2x_material import ROOT

from roadseal.v2x import Reason, delivery, fragment

PAGE = ROOT / "docs" / "v2x.md"


def test_the_page_runs() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert (failed, tried > 15) == (0, True)


@pytest.mark.parametrize("module", [delivery, fragment])
def test_the_modules_examples_run(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]  # a module
    assert (failed, tried > 2) == (0, True)


def test_every_reason_is_explained() -> None:
    text = PAGE.read_text("utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []
