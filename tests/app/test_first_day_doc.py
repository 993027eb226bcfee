"""Every command of docs/first-day.md is run in one folder, and exits as the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/first-day.md").read_text("utf-8")
LEFT_BEHIND = ("register.html", "cbom.json", "rsu-1.pem", "out/pilot/report.html")


def commands() -> list[str]:
    """Each command with the lines of its here-document."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M) if part]


def script() -> str:
    """A shell script that stops at the first command with another exit code than the page says."""
    steps = []
    for command in commands():
        said = re.search(r"# exit code (\d)", command)
        steps.append(f"{command}\ncode=$?; [ $code -eq {said[1] if said else 0} ] || exit 9$code\n")
    return "set -x\n" + "".join(steps)


def test_the_first_day_goes_as_the_page_says(tmp_path: Path) -> None:
    assert len([each for each in commands() if each.startswith("roadseal")]) > 12
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment.pop("ROADSEAL_DB", None)
    done = subprocess.run(
        ["bash", "-c", script()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "cbom.json: valid" in done.stdout
    for name in LEFT_BEHIND:
        assert (tmp_path / name).stat().st_size
