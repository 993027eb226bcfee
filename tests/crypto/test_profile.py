"""Profiles: what ships is sound, and what is unsound is refused at its line."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.crypto import (
    Choice,
    Profile,
    Purpose,
    Status,
    algorithm,
    load_profile,
    profile_names,
)
from roadseal.crypto.profile_file import read_profile
from roadseal.crypto.toml_source import MAX_TOML_CHARS, TomlSource
from roadseal.errors import RoadsealError

OWN = """\
name = "own"
version = "3"
status = "standard"
summary = "A profile of one's own."

[message]
produce = ["ecdsa-p256"]
accept = ["ecdsa-p256",
    # a comment, and the list goes on
    "ecdsa-p384"]

[certificate]
produce = ["ecdsa-p256"]
accept = ["ecdsa-p256"]

[tls-key-exchange]
produce = ["x25519", "p256"]
accept = ["x25519", "p256", "ml-kem-768"]

[tls-authentication]
produce = ["ecdsa-p256"]
accept = ["ecdsa-p256", "ml-dsa-65"]

[firmware]
produce = ['ml-dsa-87']
accept = ["ml-dsa-87"]

[backhaul]
produce = ["x25519"]
accept = ["x25519"]

[storage]
produce = ["aes-256-gcm"]
accept = ["aes-256-gcm"]
"""


def test_shipped_profiles() -> None:
    assert {"classical-2016", "hybrid-2026", "pqc-2030", "pqc-2030-ml-dsa-44"} <= set(
        profile_names()
    )
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name
        assert set(profile.choices) == set(Purpose)


def test_what_the_project_chose() -> None:
    classical, hybrid, pqc = map(load_profile, ("classical-2016", "hybrid-2026", "pqc-2030"))
    assert classical.status is Status.STANDARD
    assert classical[Purpose.MESSAGE].preferred == "ecdsa-p256"
    assert set(classical[Purpose.MESSAGE].accept) == {
        "ecdsa-p256",
        "ecdsa-p384",
        "ecdsa-brainpoolp256r1",
        "ecdsa-brainpoolp384r1",
    }
    assert hybrid[Purpose.MESSAGE].produce == ("ecdsa-p256+fn-dsa-512/pre1",)
    assert hybrid[Purpose.MESSAGE].accepts("ecdsa-p256")
    assert set(hybrid[Purpose.CERTIFICATE].accept) == {"fn-dsa-512/pre1", "ml-dsa-44", "ml-dsa-65"}
    assert hybrid[Purpose.TLS_KEY_EXCHANGE].preferred == "x25519mlkem768"
    assert hybrid[Purpose.TLS_AUTHENTICATION].produce == ("ml-dsa-65", "ecdsa-p256")
    assert pqc[Purpose.MESSAGE].produce == ("fn-dsa-512/pre1",)


@pytest.mark.parametrize("name", ["pqc-2030", "pqc-2030-ml-dsa-44"])
def test_pqc_profiles_accept_nothing_a_quantum_computer_breaks(name: str) -> None:
    profile = load_profile(name)
    accepted = [algorithm(id_) for choice in profile.choices.values() for id_ in choice.accept]
    assert accepted
    assert all(row.quantum_safe for row in accepted)


def test_experimental_profiles_are_marked_and_name_versions() -> None:
    marked = {name for name in profile_names() if load_profile(name).status is Status.EXPERIMENTAL}
    assert marked == set(profile_names()) - {"classical-2016"}
    assert load_profile("hybrid-2026").label == "hybrid-2026/1"


def test_a_profile_of_ones_own_is_read_by_path(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN, "utf-8")
    profile = load_profile(file)
    assert profile.label == "own/3"
    assert load_profile(str(file)) == profile
    assert profile[Purpose.TLS_KEY_EXCHANGE].accept == ("x25519", "p256", "ml-kem-768")


@pytest.mark.parametrize("name", ["no-such", "", ".", "no/such.toml", "nul\0"])
def test_an_unknown_profile_says_what_there_is(name: str) -> None:
    with pytest.raises(RoadsealError) as caught:
        load_profile(name)
    assert caught.value.code == "unknown-profile"
    assert "hybrid-2026" in caught.value.advice


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ('"ecdsa-p384"]', '"ecdsa-p348"]', "unknown-algorithm", 10),
        ('"ecdsa-p384"]', '"ml-kem-768"]', "profile-wrong-kind", 10),
        ('"ecdsa-p384"]', '"sm2"]', "profile-not-usable", 10),
        ('"ecdsa-p384"]', '"ml-dsa-87"]', "profile-not-usable", 10),
        ('"ecdsa-p384"]', '"fn-dsa-512/pre1"]', "profile-too-firm", 10),
        ('"ecdsa-p384"]', '"ml-dsa-44"]', "profile-too-firm", 10),
        ('"ecdsa-p384"]', '"ecdsa-p256"]', "profile-malformed", 8),
        ('accept = ["ml-dsa-87"]', 'accept = ["ml-dsa-65"]', "profile-produce-not-accepted", 25),
        ("produce = ['ml-dsa-87']", 'produce = ["ml-dsa-87", "x"]', "profile-several-produced", 25),
        ('"ml-kem-768"]', '"x25519mlkem768"]', "profile-too-firm", 18),
        ("[storage]", "[storage]\nprefer = 1", "profile-malformed", 33),
        ('produce = ["aes-256-gcm"]', 'produce = "aes-256-gcm"', "profile-malformed", 33),
        ('produce = ["aes-256-gcm"]', "produce = []", "profile-malformed", 33),
        ('produce = ["aes-256-gcm"]', "produce = [7]", "profile-malformed", 33),
        ('status = "standard"', 'status = "certified"', "profile-malformed", 3),
        ('name = "own"', 'name = "[red]own"', "profile-malformed", 1),
        ("[storage]", "[storage", "toml-syntax", 32),
    ],
)
def test_an_unsound_profile_is_refused_at_its_line(
    old: str, new: str, code: str, line: int
) -> None:
    assert OWN.count(old) == 1
    with pytest.raises(RoadsealError) as caught:
        read_profile(TomlSource("own.toml", OWN.replace(old, new)))
    assert caught.value.code == code
    named = re.search(r":(\d+):|line (\d+)", caught.value.message)
    assert named
    assert int(named[1] or named[2]) == line
    assert caught.value.advice


def test_a_missing_purpose_is_named() -> None:
    with pytest.raises(RoadsealError, match=r"^own.toml: storage is missing") as caught:
        read_profile(TomlSource("own.toml", OWN.replace("[storage]", "[storing]")))
    assert caught.value.advice == "Add storage."


def test_a_standard_profile_may_hold_standards_only() -> None:
    for id_, status in [("fn-dsa-512/pre1", Status.STANDARD), ("fn-dsa-512/pre1", Status.DRAFT)]:
        with pytest.raises(RoadsealError) as caught:
            _with_message(id_, status)
        assert caught.value.code == "profile-too-firm"
        assert "experimental" in caught.value.advice
    assert _with_message("fn-dsa-512/pre1", Status.EXPERIMENTAL)


def test_a_profile_made_by_hand_is_checked_too() -> None:
    base = load_profile("classical-2016")
    for choice in (
        Choice((), ()),
        Choice(("ecdsa-p256",), ()),
        Choice(("aes-128-gcm",), ("aes-128-gcm",)),
    ):
        with pytest.raises(RoadsealError):
            Profile("x", "1", base.status, "x", {**base.choices, Purpose.MESSAGE: choice})
    some: dict[Purpose, Choice] = dict(base.choices)
    del some[Purpose.STORAGE]
    with pytest.raises(RoadsealError, match="storage is missing"):
        Profile("x", "1", base.status, "x", some)


def test_who_hears_whom() -> None:
    classical, hybrid = load_profile("classical-2016"), load_profile("hybrid-2026")
    mine, theirs = classical[Purpose.MESSAGE], hybrid[Purpose.MESSAGE]
    assert mine.agreed_with(theirs) == "ecdsa-p256"
    assert theirs.agreed_with(mine) is None
    assert not classical.talks_to(hybrid, Purpose.MESSAGE)
    # The twin: a server that prefers ML-DSA-65 still has something for a classical client.
    assert classical.talks_to(hybrid, Purpose.TLS_AUTHENTICATION)
    assert (
        hybrid[Purpose.TLS_AUTHENTICATION].agreed_with(classical[Purpose.TLS_AUTHENTICATION])
        == "ecdsa-p256"
    )


def test_limits_of_a_file() -> None:
    for text in ("#" * (MAX_TOML_CHARS + 1), "a = " + "[" * 20_000, "a = 1979-13-45"):
        with pytest.raises(RoadsealError):
            read_profile(TomlSource("big.toml", text))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mutated_profile_is_a_profile_or_a_roadseal_error(data: st.DataObject) -> None:
    text = OWN
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        insert = data.draw(
            st.one_of(
                st.text(max_size=6),
                st.sampled_from(["[", "]", '"', "=", "\n", "[[", ".", "{", "}", "'''", '"""']),
            )
        )
        text = text[:at] + insert + text[at + length :]
    with suppress(RoadsealError):  # and nothing else
        assert set(read_profile(TomlSource("mutant.toml", text)).choices) == set(Purpose)


@given(st.text(max_size=300))
def test_the_line_finder_never_raises(text: str) -> None:
    TomlSource("any.toml", text).line_of(("a", "b", 0), "c")


def test_the_line_finder_knows_tables_in_arrays_and_dotted_keys() -> None:
    source = TomlSource("x", 'a.b = 1\n[[link]]\nloss_db = 1\n[[link]]\n"loss db" = 2\n[t."u/1"]\n')
    assert source.line_of(("a", "b")) == 1
    assert source.line_of(("link", 0, "loss_db")) == 3
    assert source.line_of(("link", 1, "loss db")) == 5
    assert source.line_of(("link", 1, "absent")) == 4
    assert source.line_of(("t", "u/1", "absent")) == 6
    assert source.line_of(("absent",)) is None


def _with_message(id_: str, status: Status) -> Profile:
    base = load_profile("classical-2016")
    choices = {**base.choices, Purpose.MESSAGE: Choice((id_,), (id_,))}
    return Profile("x", "1", status, "x", choices)
