"""Files of published points, as people write them."""

from __future__ import annotations

import os
import random

import pytest

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.points_file import Point, read_points

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))
TWO = (Point(7.0, 2.2e6), Point(10.0, 1.09e6))


@pytest.mark.parametrize(
    "text",
    [
        "loss_db,rate_bps\n7,2.2e6\n10,1090000\n",
        "\ufeffLoss (dB),Secret key rate (Mbit/s)\n7,2.2\n10,1.09\n",
        "attenuation [dB];SKR [kb/s]\n7,0;2200\n10,0;1090,0\n",
        "Distance\tLoss\tSKR (Mbps)\tQBER\n35\t7\t2.2\t3%\n50\t10\t1.09\t3%\n",
        "# T12\n\nlink,channel_loss dB, secure_key_rate Mbps\n a, 7, 2.2\n b, 10, 1.09\n",
        '"loss","rate","use"\n"7","2.2e6","fit"\n"10","1.09e6",""\n',
        "Total loss (db),Key rate (bit s^-1)\n7,2200000\n10,1090000\n",
        "loss_db,skr_mbps,clock_ghz\n7,2.2,\n10,1.09,1\n",
        "loss_db,rate_bps,clock (GHz)\n7,2.2e6,1\n10,1.09e6,1.0\n",
        "loss_db,secret_key_rate_kbit_s\n7,2200\n10,1090\n",
        "A [dB],R [Mbit/s],f [GHz],sifted rate [Mbit/s]\n7,2.2,1,9\n10,1.09,1,9\n",
    ],
)
def test_usual_heads_and_units_are_understood(text) -> None:
    for found, point in zip(read_points(text.splitlines()), TWO, strict=True):
        assert (found.loss_db, found.clock_hz, found.fitted) == (point.loss_db, 1e9, True)
        assert found.rate_bps == pytest.approx(point.rate_bps)


def test_lengths_need_the_attenuation() -> None:
    text = "Distance (km),SKR (bps)\n35,2200000\n50,1090000\n".splitlines()
    assert [point.loss_db for point in read_points(text, db_per_km=0.2)] == [7.0, 10.0]
    with pytest.raises(RoadsealError, match="dB a kilometre"):
        read_points(text)


def test_points_to_predict_and_another_clock_are_kept() -> None:
    text = "loss_db,rate_bps,clock_mhz,use\n7,2,625,Predict\n"
    (point,) = read_points(text.splitlines())
    assert point == Point(7.0, 2.0, 625e6, fitted=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "loss_db,rate_bps\n",
        "loss_db,qber\n7,0.02\n",
        "loss_db,rate (furlongs)\n7,1\n",
        "loss (m),rate_bps\n7,1\n",
        "loss_db,sifted rate (bit/s)\n7,1\n",
        "loss_db,R1 (bit/s),R2 (bit/s)\n7,1,2\n",
        "loss_db,rate_bps\n7\n",
        "loss_db,rate_bps\n7,0\n",
        "loss_db,rate_bps\n-1,5\n",
        "loss_db,rate_bps\nnan,5\n",
        "loss_db,rate_bps\n7,inf\n",
        "loss_db,rate_bps,use\n7,5,perhaps\n",
        'loss_db,rate_bps\n"7,5\n',
        "loss_db,rate_bps\n7,5\n" + "7,5\n" * 10_001,
    ],
)
def test_what_is_no_table_of_points_is_refused_with_advice(text) -> None:
    with pytest.raises(RoadsealError) as raised:
        read_points(text.splitlines())
    assert raised.value.code == "qkd-fit-points"
    assert "loss_db and rate_bps" in raised.value.advice


def test_mutants_are_points_or_refused() -> None:
    draw = random.Random(8)
    good = "loss (dB);SKR [kbit/s];clock_GHz;use\n7,5;2200;1;fit\n10;1090;;predict\n"
    for _ in range(MUTANTS):
        text = list(good)
        for _ in range(draw.randrange(1, 5)):
            at = draw.randrange(len(text))
            odd = (";", ",", '"', "\n", "\0", "e9", "(", "9" * 400, "²", "")
            text[at : at + draw.randrange(3)] = draw.choice(odd)
        try:
            points = read_points("".join(text).splitlines(), db_per_km=0.2)
        except RoadsealError as error:
            assert error.code == "qkd-fit-points"  # noqa: PT017 - most are refused, not all
        else:
            assert all(0 <= p.loss_db < 300 and 0 < p.rate_bps < 1e12 for p in points)
