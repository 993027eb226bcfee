"""A worker as a process of its own: `python -m roadseal.pilot.fleet.worker`.

It reads lines of JSON, each with the simulated time and the port of the EST server, works until
nothing is due, and answers with what it has done. The passphrase comes by environment.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from roadseal.clock import ManualClock, SystemClock, Time64
from roadseal.crypto import load_profile
from roadseal.events import unheard
from roadseal.fleet import Campaign, work
from roadseal.net import TlsProfile, tls_profile
from roadseal.operate.pki.rotation import rotation_change
from roadseal.pilot.fleet.site import EST_NAME, NEW_PROFILE, PASSPHRASE_VARIABLE, open_site


def main() -> None:
    """Work as told on standard input, until it ends."""
    url, name, est_share = sys.argv[1:4]
    clock = ManualClock(Time64(0))
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    clock.time = Time64(told["time"])
    site = open_site(url, os.environ[PASSPHRASE_VARIABLE].encode(), clock, unheard)
    campaign = Campaign.open(site.store, name, rotation_change(), clock=clock, emit=unheard)

    def est() -> tuple[str, int, TlsProfile]:
        return EST_NAME, told["est_port"], tls_profile(load_profile(NEW_PROFILE))

    executor = site.executor(est, float(est_share))
    while True:
        begun_s = SystemClock().cpu_s()
        print(json.dumps({"begun": True}), flush=True)
        done = 0
        while count := work(campaign, executor, clock):
            done += count
        answer = {"done": done, "cpu_s": SystemClock().cpu_s() - begun_s}
        print(json.dumps(answer), flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        told = json.loads(line)
        clock.time = Time64(told["time"])


if __name__ == "__main__":
    main()
