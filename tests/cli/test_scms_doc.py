"""Every example of docs/scms.md is run, and says what the page says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadseal.app.cli.scms import app

PAGE = (Path(__file__).parents[2] / "docs/scms.md").read_text("utf-8")


def transcripts() -> list[list[str]]:
    """Commands and what they print; … stands for anything."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)]
    return [part.split("\n", 1) for part in parts if part]


def test_transcripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROADSEAL_SCMS_PASSPHRASE", "correct horse")
    monkeypatch.delenv("ROADSEAL_DB", raising=False)
    assert len(transcripts()) >= 8
    for command, expected in transcripts():
        program, verb, *arguments = shlex.split(command)
        assert (program, verb) == ("roadseal", "scms")
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "160", "TERM": "dumb"})
        assert result.exit_code == 0, result.output
        pattern = re.escape(expected.rstrip()).replace("…", "[^\n]*").replace(r"\ ", " +")
        printed = "\n".join(line.rstrip() for line in result.stdout.rstrip().splitlines())
        assert re.fullmatch(pattern, printed), f"$ {command}\n{printed}"
