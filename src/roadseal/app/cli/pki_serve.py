"""`roadseal pki serve`: enrolment and revocation over post-quantum TLS."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from roadseal.app.cli.pki_common import (
    DAY_S,
    Database,
    Name,
    ProfileName,
    open_authority,
    open_database,
    tell,
)
from roadseal.errors import RoadsealError


def serve(
    listen: Annotated[str, typer.Option(help="host:port; port 0 takes a free one.")],
    name: Annotated[str, typer.Option(help="DNS name in the server's own certificate.")],
    db: Database = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    days: Annotated[int, typer.Option(help="Validity of enrolled certificates.")] = 30,
    grace_days: Annotated[int, typer.Option(help="An expired one still renews once.")] = 7,
) -> None:
    """Serve EST (RFC 7030), status list, CRL and OCSP until interrupted.

    The server certifies itself at each start. Devices come with a secret of `invite`, then with
    their certificate.

    Example: [bold]roadseal pki serve --listen 0.0.0.0:8443 --name pki.city.example[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.crypto import Purpose
    from roadseal.net import Request, Response, Side, TlsContext, serve_http, tls_profile
    from roadseal.operate.pki.enrolment import Enrolments
    from roadseal.operate.pki.est import EstPolicy, EstService
    from roadseal.operate.pki.status_service import StatusService
    from roadseal.operate.pki.tls_identity import SCHEMES, issue_identity

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise RoadsealError(
            "pki-listen", f"{listen!r} is no address.", advice="Write it as 127.0.0.1:8443."
        )
    clock, store = SystemClock(), open_database(db)
    ca = open_authority(store, authority, profile)
    accepted = [one for one in ca.profile[Purpose.TLS_AUTHENTICATION].accept if one in SCHEMES]
    policy = EstPolicy(life_s=days * DAY_S, grace_s=grace_days * DAY_S)
    est = EstService(ca, Enrolments(store, authority), clock=clock, emit=tell, policy=policy)
    status = StatusService(ca, clock=clock)

    async def handle(request: Request) -> Response:
        handler = est if request.segments[:1] == (".well-known",) else status
        return await handler.handle(request)

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        identities = [
            issue_identity(ca, name, algorithm=one, template="server", life_s=90 * DAY_S)
            for one in accepted
        ]
        context = TlsContext(
            Side.SERVER,
            tls_profile(ca.profile),
            identities,
            ca.chain[-1:],
            anonymous=True,
            leaf_grace_s=policy.grace_s,
        )
        server = await serve_http(
            context, handle, clock=clock, host=host, port=int(port), emit=tell
        )
        typer.echo(f"{authority} serves EST and status on port {server.port} as {name}.", err=True)
        await stop.wait()
        await server.close()

    asyncio.run(run())
