"""Every example of docs/crypto-agility.md is run."""

import re
import shlex
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from roadseal.app.cli.profile import app
from roadseal.crypto import Status, WaiverStatus, profile_names
from roadseal.crypto.profile_file import read_profile
from roadseal.crypto.toml_source import TomlSource

PAGE = (Path(__file__).parents[2] / "docs/crypto-agility.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_python_examples_run_in_order() -> None:
    namespace: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/crypto-agility.md", "exec"), namespace)  # the page is ours
    assert namespace["refused"].strongest_seen


def test_console_examples_run() -> None:
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) >= 5
    for command in commands:
        prompt, program, verb, *arguments = shlex.split(command)
        assert (prompt, program, verb) == ("$", "roadseal", "profile")
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output


def test_the_example_profile_is_sound() -> None:
    (block,) = blocks("toml")
    profile = read_profile(TomlSource("city-2027.toml", block))
    assert profile.label == "city-2027/1"
    assert profile.status is Status.DRAFT


def test_the_page_names_every_profile_and_verdict() -> None:
    for name in (*profile_names(), *WaiverStatus):
        assert f"`{name}`" in PAGE
