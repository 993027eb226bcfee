"""The EST server of a rehearsal, as a process that can be killed: real TLS on loopback.

`python -m roadseal.pilot.fleet.est_process` reads simulated times on standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys

from roadseal.clock import ManualClock, Time64
from roadseal.events import unheard
from roadseal.net import Side, TlsContext, serve_http, tls_profile
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.est.service import EstService
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.tls_identity import issue_identity
from roadseal.pilot.fleet.site import EST_NAME, NEW_ALGORITHM, PASSPHRASE_VARIABLE, open_site


async def _serve(url: str, passphrase: bytes) -> None:
    clock = ManualClock(Time64(int(sys.stdin.readline())))
    site = open_site(url, passphrase, clock, unheard)
    server = issue_identity(
        site.new, EST_NAME, algorithm=NEW_ALGORITHM, template="server", life_s=90 * DAY_S
    )
    service = EstService(site.new, Enrolments(site.store, site.new.name), clock=clock, emit=unheard)
    profile = tls_profile(site.new.profile)
    roots = site.new.chain[-1:]
    context = TlsContext(Side.SERVER, profile, [server], roots, anonymous=True)
    running = await serve_http(context, service.handle, clock=clock, emit=unheard)
    print(running.port, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        clock.time = Time64(int(line))
    await running.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], os.environ[PASSPHRASE_VARIABLE].encode()))
