"""`roadseal pilot radio` as people and programs call it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from roadseal.app.cli.pilot_radio import radio
from roadseal.errors import RoadsealError

app = typer.Typer()
app.command()(radio)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def document(*arguments):
    answer = run(*arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def test_json_for_80211p():
    answer = document(
        *("--access", "11p", "--bytes", "190", "--rate-hz", "10", "--density-per-km", "60"),
        *("--bitrate-mbps", "6", "--power-dbm", "23"),
    )
    assert answer["access"] == "11p"
    assert answer["bytes"] == 190
    assert answer["bitrate_mbps"] == 6
    assert answer["cbr"] == pytest.approx(0.107, abs=0.001)
    assert answer["distance_m"] == [25.0 * step for step in range(21)]
    assert [point["pdr"] for point in answer["points"]] == answer["pdr"]
    assert [point["distance_m"] for point in answer["points"]] == answer["distance_m"]
    assert answer["pdr"][8] == pytest.approx(0.859, abs=0.003)
    assert answer["provenance"] == "modelled"
    assert any("2104.07923" in source for source in answer["sources"])
    assert answer["notes"] == []


def test_json_for_lte_says_that_the_bitrate_is_not_used():
    answer = document("--access", "lte-v2x", "--bytes", "190", "--bitrate-mbps", "6")
    assert answer["mcs"] == 9
    assert answer["bitrate_mbps"] is None
    assert "bitrate is not used" in answer["notes"][0]
    assert any("1807.06508" in source for source in answer["sources"])
    assert document("--access", "lte-v2x", "--bytes", "190")["notes"] == []


def test_json_losses_add_up():
    answer = document("--bytes", "3000", "--reach-m", "100", "--step-m", "50")
    assert answer["fragments"] == 3
    for index, pdr in enumerate(answer["pdr"]):
        lost = sum(loss[index] for loss in answer["losses"].values())
        assert pdr + lost == pytest.approx(1, abs=1e-5)


def test_table_for_people():
    answer = run("--bytes", "820", "--density-per-km", "120", "--step-m", "100")
    assert answer.exit_code == 0
    assert "modelled" in answer.output
    assert "█" in answer.output
    assert "100 m" in answer.output
    assert "congestion control" in answer.output


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (("--bitrate-mbps", "5"), "radio-bitrate", "4.5"),
        (("--access", "wifi"), "radio-access", "lte-v2x"),
        (("--power-dbm", "50"), "radio-power", "33"),
        (("--step-m", "0"), "radio-distance", "2000"),
        (("--reach-m", "nan"), "radio-distance", "2000"),
    ],
)
def test_bad_arguments_are_errors_with_advice(arguments, code, advice):
    answer = run("--bytes", "190", *arguments)
    assert isinstance(answer.exception, RoadsealError)
    assert answer.exception.code == code
    assert advice in answer.exception.advice
