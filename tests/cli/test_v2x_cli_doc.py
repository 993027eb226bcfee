"""Every example of docs/v2x-cli.md is run, and says what the page says."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from roadseal.app.cli.v2x import app
from roadseal.app.cli.v2x_findings import Finding
from roadseal.v2x import Reason

PAGE = (Path(__file__).parents[2] / "docs/v2x-cli.md").read_text("utf-8")
ENVIRONMENT = {"COLUMNS": "120", "TERM": "dumb"}


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found


def transcripts() -> list[tuple[str, str]]:
    """Commands and what they print; … stands for anything, a line of it for any lines."""
    parts = [part for block in blocks("console") for part in re.split(r"^\$ ", block, flags=re.M)]
    return [tuple(part.split("\n", 1)) for part in parts if part]  # type: ignore[misc]  # pairs


def pattern(expected: str) -> str:
    lines = []
    for line in expected.splitlines():
        written = re.escape(line.rstrip()).replace("…", "[^\n]*")
        lines.append(r"(?:[^\n]*\n)*?" if line == "…" else written + r" *\n")
    return "".join(lines)


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/v2x-cli.md", "exec"), namespace)  # the page is ours
    return tmp_path


def test_transcripts(drive: Path) -> None:
    assert len(transcripts()) >= 10
    for command, expected in transcripts():
        program, *arguments = shlex.split(command)
        if program == "cat":
            printed = (drive / arguments[0]).read_text() + "\n"
        else:
            assert (program, arguments.pop(0)) == ("roadseal", "v2x")
            result = CliRunner().invoke(app, arguments, env=ENVIRONMENT)
            assert result.exit_code in {0, 1, 3}, result.output
            printed = result.stdout
        assert re.fullmatch(pattern(expected), printed), f"$ {command}\n{printed}"


def test_exit_codes_of_the_examples(drive: Path) -> None:
    codes = {
        "verify drive.log --trust trust": 0,
        "verify drive.log --signer-keys keys.json": 0,
        "verify drive.log --trust trust --profile pqc-2030": 1,
        "verify drive.jsonl --trust trust --json": 1,
        "verify drive.log": 3,
        "inspect cut.spdu": 1,
    }
    for command, code in codes.items():
        assert f"$ roadseal v2x {command}\n" in PAGE
        result = CliRunner().invoke(app, shlex.split(command), env=ENVIRONMENT)
        assert result.exit_code == code, command


def test_the_page_names_every_field_and_option() -> None:
    for name in Finding.__dataclass_fields__:
        assert f"`{name}`" in PAGE
    for option in ("--trust", "--root", "--signer-keys", "--profile", "--at", "--replay"):
        assert f"`{option}" in PAGE or f"{option} " in PAGE
    for reason in Reason:
        if reason.is_missing_evidence:
            assert f"`{reason}`" in PAGE
