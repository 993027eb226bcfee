"""The examples of docs/estates.md run, and its table of rules is the table of rules."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from roadseal.assess.inventory.estate import RULES

PAGE = Path(__file__).parents[2] / "docs/estates.md"


def test_examples_run() -> None:
    done = doctest.testfile(str(PAGE), module_relative=False)
    assert done.attempted > 5
    assert done.failed == 0


def test_every_rule_is_documented_in_its_words() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == RULES
