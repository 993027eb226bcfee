"""The models against what was published about them."""

import numpy as np
import pytest

from roadseal.pilot.radio import RadioConfig, evaluate

DISTANCES_M = [0, 100, 200, 300]

# 60 stations/km, 10 Hz, 6 Mb/s, 23 dBm. Simulation and model of Sepulcre et al. (arXiv 2104.07923),
# read from the data and the program that the authors publish with it.
SIMULATED = {
    190: ([0.983, 0.963, 0.852, 0.297], 0.103),
    500: ([0.967, 0.920, 0.725, 0.229], 0.231),
}
PUBLISHED_MODEL = {
    190: ([0.987, 0.970, 0.859, 0.294], 0.107),
    500: ([0.970, 0.935, 0.738, 0.227], 0.226),
}


@pytest.mark.parametrize("size", SIMULATED)
def test_80211p_is_close_to_the_published_simulation(size):
    pdr, cbr = SIMULATED[size]
    result = evaluate(RadioConfig(bytes=size), DISTANCES_M)
    assert np.abs(result.pdr - pdr).mean() <= 0.03
    assert result.cbr == pytest.approx(cbr, abs=0.01)


@pytest.mark.parametrize("size", PUBLISHED_MODEL)
def test_80211p_is_the_published_model(size):
    pdr, cbr = PUBLISHED_MODEL[size]
    result = evaluate(RadioConfig(bytes=size), DISTANCES_M)
    assert result.pdr == pytest.approx(pdr, abs=0.006)
    assert result.cbr == pytest.approx(cbr, abs=0.0006)


@pytest.mark.parametrize(
    ("size", "density", "cbr", "pdr_100_m"),
    [
        (215, 60, 0.117, 0.967),
        (820, 60, 0.337, 0.897),
        (970, 60, 0.386, 0.878),
        (1400, 60, 0.511, 0.820),
        (215, 120, 0.222, 0.934),
        (820, 120, 0.587, 0.775),
    ],
)
def test_80211p_repeats_the_published_program_at_other_sizes(size, density, cbr, pdr_100_m):
    config = RadioConfig(bytes=size, density_per_km=density, implementation_loss=None)
    result = evaluate(config, [100])
    assert result.cbr == pytest.approx(cbr, abs=0.0006)
    assert result.pdr[0] == pytest.approx(pdr_100_m, abs=0.001)


# The equations of both papers evaluated term by term on grids of 0.1 dB, one interferer at a time:
# no code in common with the matrix form under test.
TERM_BY_TERM_80211P = [
    # stations/km, Hz, dBm, bytes, Mb/s, CBR, PDR
    (60, 10, 23, 190, 18, 0.0474, [0.994, 0.981, 0.769, 0.189]),
    (60, 10, 23, 190, 27, 0.0372, [0.995, 0.981, 0.670, 0.120]),
    (120, 25, 23, 190, 6, 0.4525, [0.926, 0.836, 0.496, 0.120]),
    (60, 10, 15, 190, 6, 0.0698, [0.992, 0.953, 0.224, 0.001]),
    (60, 10, 30, 190, 6, 0.1559, [0.981, 0.970, 0.925, 0.811]),
    (120, 25, 30, 190, 6, 0.6123, [0.878, 0.813, 0.609, 0.334]),
    (120, 25, 23, 500, 6, 0.7737, [0.799, 0.615, 0.173, 0.024]),
    (120, 25, 23, 500, 18, 0.3869, [0.940, 0.828, 0.368, 0.061]),
]
TERM_BY_TERM_MODE_4 = [
    # stations/km, Hz, dBm, sub-channels, CBR, PDR
    (100, 10, 20, 4, 0.2292, [0.990, 0.977, 0.954, 0.888]),
    (200, 10, 20, 4, 0.4395, [0.989, 0.954, 0.901, 0.765]),
    (300, 10, 20, 4, 0.6162, [0.988, 0.933, 0.844, 0.653]),
    (300, 10, 23, 4, 0.6934, [0.988, 0.929, 0.872, 0.701]),
    (100, 20, 20, 4, 0.4374, [0.980, 0.962, 0.916, 0.780]),
    (300, 20, 20, 4, 0.8567, [0.978, 0.910, 0.759, 0.437]),
    (100, 10, 20, 2, 0.4374, [0.990, 0.961, 0.922, 0.801]),
    (300, 10, 20, 2, 0.8567, [0.987, 0.879, 0.752, 0.460]),
]


@pytest.mark.parametrize(
    ("density", "rate", "power", "size", "bitrate", "cbr", "pdr"), TERM_BY_TERM_80211P
)
def test_80211p_in_matrix_form_is_the_model_term_by_term(
    density, rate, power, size, bitrate, cbr, pdr
):
    config = RadioConfig(
        bytes=size, rate_hz=rate, density_per_km=density, bitrate_mbps=bitrate, power_dbm=power
    )
    result = evaluate(config, DISTANCES_M)
    assert result.cbr == pytest.approx(cbr, abs=1e-4)
    assert result.pdr == pytest.approx(pdr, abs=0.0025)


@pytest.mark.parametrize(
    ("density", "rate", "power", "subchannels", "cbr", "pdr"), TERM_BY_TERM_MODE_4
)
def test_mode_4_in_matrix_form_is_the_model_term_by_term(
    density, rate, power, subchannels, cbr, pdr
):
    config = RadioConfig(
        access="lte-v2x",
        bytes=190,
        rate_hz=rate,
        density_per_km=density,
        power_dbm=power,
        subchannels=subchannels,
    )
    result = evaluate(config, DISTANCES_M)
    assert result.cbr == pytest.approx(cbr, abs=1e-4)
    assert result.pdr == pytest.approx(pdr, abs=0.0015)
