"""The house keeps its own rules: cheap checks over what is committed."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.txt", "requirements-dev.txt")

IN_THE_ROOT = {
    *(".ci", ".gitignore", "benches", "crates", "docs", "scripts", "src", "tests"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
    *("Cargo.lock", "Cargo.toml", "Makefile", "pyproject.toml", "rustfmt.toml", *LOCKS),
}

# Written so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.$}>-])/(?:work|root|home|Users|tmp)/\w")
REGISTRY = re.compile(
    r"pypi[.]org|pythonhosted[.]org|crates[.]io|npmjs[.]org|proxy[.]golang|maven[.]org|debian[.]org"
)


def tracked() -> list[Path]:
    """Committed files and those about to be, as text where they are text."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def offences(pattern: re.Pattern[str], *, besides: tuple[str, ...] = ()) -> Iterator[str]:
    for file in tracked():
        if file.name in besides:
            continue
        for number, line in enumerate(text_of(file).splitlines(), 1):
            if found := pattern.search(line):
                yield f"{file.relative_to(ROOT)}:{number}: {found[0]}"


def test_what_a_tool_left_in_the_root_is_not_committed() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in tracked()} == IN_THE_ROOT


def test_no_path_of_a_machine_is_committed() -> None:
    assert not list(offences(MACHINE_PATH))


def test_no_registry_host_is_committed() -> None:
    # Cargo writes its registry's name into every lock file; there is no other form.
    assert not list(offences(REGISTRY, besides=("Cargo.lock",)))


@pytest.mark.parametrize("line", ['open("/wor' + 'k/main/x")', "see /hom" + "e/me/notes"])
def test_a_machine_path_would_be_found(line: str) -> None:
    assert MACHINE_PATH.search(line)


# --- dependencies ---------------------------------------------------------------------------------


def requirements(lock: str) -> dict[str, str]:
    """Each requirement of a lock by its name, with continuation lines."""
    joined = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    entries = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return {re.split(r"[=; ]", entry, maxsplit=1)[0]: entry for entry in entries}


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_versions_and_hashes_and_no_address(lock: str) -> None:
    entries = requirements(lock)
    assert len(entries) > 20
    for name, entry in entries.items():
        assert re.match(rf"{re.escape(name)}==\S+ ", entry), entry
        assert "--hash=sha256:" in entry, entry
        assert "://" not in entry, entry
        assert not re.search(r"--(?!hash=)", entry), entry


def test_the_small_lock_is_part_of_the_large_one() -> None:
    small, large = (requirements(lock) for lock in LOCKS)
    version = {name: entry.split()[0] for name, entry in large.items()}
    assert {name: entry.split()[0] for name, entry in small.items()}.items() <= version.items()


def named(requirement: str) -> str:
    return re.split(r"[\[<>=~! ;]", requirement, maxsplit=1)[0].lower()


def declared_in_python() -> set[str]:
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *extras.values(), *groups.values()]
    return {named(requirement) for each in lists for requirement in each}


def declared_in_rust() -> set[str]:
    tables = [
        tomllib.loads(manifest.read_text("utf-8"))
        for manifest in sorted((ROOT / "crates").glob("*/Cargo.toml"))
    ]
    assert len(tables) >= 3
    sections = ("dependencies", "dev-dependencies", "build-dependencies")
    return {
        name
        for table in tables
        for section in sections
        for name, how in table.get(section, {}).items()
        if not (isinstance(how, dict) and "path" in how)
    }


def test_every_dependency_has_its_reason() -> None:
    rows = (ROOT / "docs/dependencies.md").read_text("utf-8").splitlines()
    reasoned = {row.split("|")[1].strip().lower() for row in rows if row.startswith("| ")}
    declared = declared_in_python() | declared_in_rust()
    assert declared - reasoned == set()
    headings = {"package", "crate"}
    assert reasoned - declared - headings == set(), "a reason for what is not used"


def test_every_declared_python_package_is_locked() -> None:
    locked = {name.lower() for name in requirements("requirements-dev.txt")}
    assert declared_in_python() - locked == set()


def test_nothing_installed_is_under_the_gpl_alone() -> None:
    alone = {
        name
        for each in metadata.distributions()
        if (name := each.metadata["Name"].lower()) and is_gpl_alone(licence_of(each))
    }
    # Of docutils one file for Emacs, which nothing imports.
    assert alone <= {"docutils"}


def licence_of(package: metadata.Distribution) -> str:
    classifiers = package.metadata.get_all("Classifier") or []
    named = [each for each in classifiers if each.startswith("License ::")]
    return str(package.metadata.get("License-Expression") or "; ".join(named))


def is_gpl_alone(licence: str) -> bool:
    """Whether a GPL or AGPL is asked that is neither the LGPL nor one of several to choose from."""
    choices = licence.split(" OR ")
    return all(re.search(r"(?<!L)GPL|(?<!Lesser )General Public", each) for each in choices)


@pytest.mark.parametrize(
    ("licence", "alone"),
    [
        ("GPL-3.0-only", True),
        ("License :: OSI Approved :: GNU Affero General Public License v3", True),
        ("EPL-2.0 OR GPL-2.0-or-later", False),
        ("LGPL-3.0-only", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MIT", False),
        ("", False),
    ],
)
def test_a_gpl_would_be_found(licence: str, alone: bool) -> None:
    assert is_gpl_alone(licence) is alone


def test_the_product_imports_no_test_oracle() -> None:
    oracles = re.compile(r"^\s*(?:import|from) (?:pycrate|asn1tools|py_fn_dsa)", re.MULTILINE)
    sources = list((ROOT / "src").rglob("*.py"))
    assert sources
    assert [file.name for file in sources if oracles.search(text_of(file))] == []


# --- what is written is true ----------------------------------------------------------------------


def console_commands(page: str) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def test_make_targets_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.M))
    pages = (text_of(ROOT / page) for page in ("README.md", "CONTRIBUTING.md", ".ci/run"))
    named_targets = set(re.findall(r"(?:^|`|\$ |    )make ([a-z]+)", "\n".join(pages), re.M))
    assert {"demo", "test", "lint"} <= named_targets
    assert named_targets <= targets


@pytest.mark.parametrize(
    "command", [each for each in console_commands("README.md") if each.startswith("roadseal ")]
)
def test_first_commands_of_the_readme_run(command: str) -> None:
    program = [sys.executable, "-c", "from roadseal.app.cli import main; main()"]
    done = subprocess.run(
        [*program, *shlex.split(command)[1:]], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_contributing_names_every_room_and_crate() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = "".join(re.findall(r"^    .*\n", page, re.M))
    rooms = {file.parent.name for file in (ROOT / "src/roadseal").glob("*/__init__.py")}
    crates = {file.parent.name for file in (ROOT / "crates").glob("*/Cargo.toml")}
    assert len(rooms) > 7
    assert len(crates) > 4
    assert {room for room in rooms if not re.search(rf"\b{room}\b", drawn)} == set()
    assert {crate for crate in crates if f"`crates/{crate}`" not in page} == set()


def test_every_toml_file_parses() -> None:
    files = [file for file in tracked() if file.suffix == ".toml"]
    assert len(files) > 5
    for file in files:
        assert tomllib.loads(file.read_text("utf-8")), file


def test_every_link_of_a_document_leads_to_a_file() -> None:
    pages = [file for file in tracked() if file.suffix == ".md"]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", text_of(page))
        if "://" not in target
    ]
    assert len(links) > 20
    assert [pair for pair in links if not (pair[0].parent / pair[1]).exists()] == []


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", index, re.M | re.S)
    entries = [line for tree in trees for line in tree.splitlines() if line and line[0] != ":"]
    pages = [
        str(file.relative_to(ROOT / "docs").with_suffix(""))
        for file in tracked()
        if file.suffix == ".md" and ROOT / "docs" in file.parents and file.name != "index.md"
    ]
    assert len(pages) > 5
    # As in Sphinx, a star does not cross a folder.
    for page in pages:
        assert any(
            fnmatch(page, entry) and page.count("/") == entry.count("/") for entry in entries
        ), page


@pytest.mark.parametrize(
    "script", ["scripts/check-tools", "scripts/debian", "scripts/lock", ".ci/run"]
)
def test_scripts_can_be_run(script: str) -> None:
    file = ROOT / script
    assert file.stat().st_mode & 0o111
    assert text_of(file).startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", file], check=True)


def test_a_missing_cargo_is_one_sentence_with_its_remedy(tmp_path: Path) -> None:
    for tool in ("bash", "env"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    done = subprocess.run(
        [ROOT / "scripts/check-tools", sys.executable],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "rustup" in done.stderr
