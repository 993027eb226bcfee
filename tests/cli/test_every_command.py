"""Every command that there is: its example, its errors and its JSON, found by walking the tree."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from walk import commands, examples, options

from roadseal.app.cli import main

ALL = {" ".join(words): command for words, command in commands()}
LONG = {
    "pilot run": "a minute",
    "campaign rehearse": "half a minute",
    "qkd bench": "measures",
    "v2x bench": "measures",
}
NO_JSON = {
    *("pki serve", "pki agent run", "qkd kme serve", "scms serve"),  # they run until interrupted
    *("qkd client enc", "qkd client dec"),  # they write nothing but JSON
}
SHORT = [name for name in ALL if name not in LONG]
# Words of examples that have a point or a stroke and are no path.
NO_PATH = re.compile(
    r"[\d.,:%]+|.*://.*|.*:\d+|--.*|.*[.]example|boreal/7[.]0|sf/23384000|cnsa-2[.]0"
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("PKI", "SCMS"):
        monkeypatch.setenv(f"ROADSEAL_{name}_PASSPHRASE", "correct horse")
    monkeypatch.delenv("ROADSEAL_DB", raising=False)
    return folder


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of a call; an exception of any other kind is a fault of the test's subject."""
    monkeypatch.setattr(sys, "argv", ["roadseal", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (None, 0, 1, 2, 3), left.value.code
    return int(left.value.code or 0)


def is_one_sentence_and_one_advice(text: str) -> bool:
    """Also what Typer says of a wrong option: its usage, and a box with the reason."""
    if re.search(r"\[Errno|\w(?:Error|Exception)\b|codec can't", text):
        return False  # words of Python are none of the user's
    told = re.findall(r"^error \[[a-z0-9-]+\] (.+)\n→ (.+)\n", text, re.M)
    return (len(told) == 1 and all(told[0])) or "Usage: roadseal" in text


def paths_in(name: str) -> Iterator[int]:
    words = examples(ALL[name])[0]
    for place in range(len(name.split()), len(words)):
        if re.search("[./]", words[place]) and not NO_PATH.fullmatch(words[place]):
            yield place


HOSTILE = [(name, place) for name in SHORT for place in paths_in(name)]


def test_the_walk_finds_what_there_is() -> None:
    assert len(ALL) > 90
    assert {"scan", "pki agent run", "v2x certificate make", "qkd net plan"} <= ALL.keys()
    assert len(HOSTILE) > 60
    assert LONG.keys() <= ALL.keys()


@pytest.mark.parametrize(
    ("typed", "meant"), [("regster", "register"), ("x590", "x509"), ("qdk", "qkd")]
)
def test_a_mistyped_verb_is_answered_with_the_one_that_was_meant(
    typed: str,
    meant: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([typed], monkeypatch) == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ALL)
def test_its_help_has_an_example_of_itself_with_options_that_it_has(name: str) -> None:
    found = examples(ALL[name])
    assert found
    words = name.split()
    for example in found:
        assert example[: len(words)] == words
        used = {word for word in example if word.startswith("--")}
        assert used <= options(ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_every_option_and_argument_says_what_it_is(name: str) -> None:
    silent = [each.name for each in ALL[name].params if not getattr(each, "help", None)]
    assert silent == []


@pytest.mark.parametrize("name", SHORT)
def test_its_example_in_an_empty_folder_does_its_work_or_says_what_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if run(examples(ALL[name])[0], monkeypatch) == 2:
        assert is_one_sentence_and_one_advice(capsys.readouterr().err)


@pytest.mark.parametrize("kind", ["folder", "empty", "binary"])
@pytest.mark.parametrize(("name", "place"), HOSTILE)
def test_a_path_that_is_not_what_was_expected_is_judged_or_told(
    name: str,
    place: int,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = examples(ALL[name])[0]
    path = Path(words[place].replace("*", "a"))
    assert not path.is_absolute(), "an example's own folder is all that is written to"
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(bytes(range(256)) * 20 if kind == "binary" else b"")
    words[place] = str(path)
    if run(words, monkeypatch) == 2:
        assert is_one_sentence_and_one_advice(capsys.readouterr().err)


def test_every_command_that_ends_has_json_for_programs() -> None:
    assert {name for name in ALL if "--json" not in options(ALL[name])} == NO_JSON


@pytest.mark.parametrize("name", [name for name in SHORT if "--json" in options(ALL[name])])
def test_json_is_all_that_it_writes_to_standard_output(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = examples(ALL[name])[0]
    code = run(words if "--json" in words else [*words, "--json"], monkeypatch)
    out = capsys.readouterr().out
    if code == 2:
        assert out == ""
    else:
        assert documents(out)


@pytest.mark.parametrize("name", [name for name in SHORT if "--db" in options(ALL[name])])
def test_only_what_may_be_the_first_makes_a_database(
    name: str, monkeypatch: pytest.MonkeyPatch, empty_folder: Path
) -> None:
    run(examples(ALL[name])[0], monkeypatch)
    first = {
        *("estate import", "pki init", "pki ceremony", "pki import", "scms init"),
        *("campaign enlist", "campaign simulate"),
        # These look there only if what they are given is no file.
        *("register show", "register explain", "register diff", "register query"),
        "register report",
    }
    assert name in first or not list(empty_folder.glob("*.db"))


def documents(text: str) -> list[Any]:
    """One JSON document, or one a line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]
