"""`roadseal pki serve`: enrolment, revocation and orders over post-quantum TLS."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from roadseal.app.cli.database import PkiDatabase
from roadseal.app.cli.output import tell
from roadseal.app.cli.pki_common import DAY_S, Name, ProfileName, open_authority
from roadseal.errors import RoadsealError

_CONNECTIONS = 900  # below what a process may have open by default


def serve(
    listen: Annotated[str, typer.Option(help="host:port; port 0 takes a free one.")],
    name: Annotated[str, typer.Option(help="DNS name in the server's own certificate.")],
    db: PkiDatabase = "pki.db",
    authority: Name = "issuing",
    profile: ProfileName = "hybrid-2026",
    days: Annotated[int, typer.Option(help="Validity of enrolled certificates.")] = 30,
    grace_days: Annotated[int, typer.Option(help="An expired one still renews once.")] = 7,
    also: Annotated[
        list[str] | None, typer.Option(help="Another authority, as NAME=PROFILE; repeat it.")
    ] = None,
) -> None:
    """Serve EST (RFC 7030), status list, CRL, OCSP and campaigns' orders until interrupted.

    The server certifies itself at each start, by --authority. Devices come with a secret of
    `invite`, then with their certificate. With --also it takes what any of the profiles accepts.

    Example: [bold]roadseal pki serve --listen 0.0.0.0:8443 --name pki.city.example[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.crypto import Purpose
    from roadseal.fleet import SCHEMA as FLEET
    from roadseal.net import (
        Request,
        Response,
        Side,
        StreamLimits,
        TlsContext,
        serve_http,
        tls_profile,
        widened,
    )
    from roadseal.operate.pki import SCHEMA
    from roadseal.operate.pki.est.door import EstDoor
    from roadseal.operate.pki.est.enrolment import Enrolments
    from roadseal.operate.pki.est.makers import Makers
    from roadseal.operate.pki.est.service import EstPolicy, EstService
    from roadseal.operate.pki.est.units import Witness
    from roadseal.operate.pki.status_service import StatusService, answer_in_turn
    from roadseal.operate.pki.tls_identity import SCHEMES, issue_identity
    from roadseal.operate.pki.unit.order_service import ORDERS, OrderService
    from roadseal.store import open_store

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise RoadsealError(
            "pki-listen", f"{listen!r} is no address.", advice="Write it as 127.0.0.1:8443."
        )
    clock, store = SystemClock(), open_store(db, SCHEMA, FLEET)
    ca, *others = (
        open_authority(store, one, its_profile)
        for one, its_profile in [(authority, profile), *map(_also, also or ())]
    )
    accepted = [one for one in ca.profile[Purpose.TLS_AUTHENTICATION].accept if one in SCHEMES]
    policy = EstPolicy(life_s=days * DAY_S, grace_s=grace_days * DAY_S)
    est = EstDoor(
        store,
        [
            EstService(
                one,
                Enrolments(store, one.name),
                clock=clock,
                emit=tell,
                policy=policy,
                makers=Makers(store, one.name),
            )
            for one in (ca, *others)
        ],
        Witness(store, clock),
    )
    statuses = [StatusService(one, clock=clock) for one in (ca, *others)]
    orders = OrderService(store, clock=clock, emit=tell)

    async def handle(request: Request) -> Response:
        if request.segments[:1] == (".well-known",):
            return await est.handle(request)
        if request.segments[: len(ORDERS)] == ORDERS:
            return await orders.handle(request)
        return await answer_in_turn(statuses, request)

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
            widened(*(tls_profile(one.profile) for one in (ca, *others))),
            identities,
            {
                root
                for one in (ca, *others)
                for root in (one.chain[-1], *Makers(store, one.name).roots())
            },
            anonymous=True,
            leaf_grace_s=policy.grace_s,
        )
        server = await serve_http(
            context,
            handle,
            clock=clock,
            host=host,
            port=int(port),
            emit=tell,
            stream_limits=StreamLimits(max_connections=_CONNECTIONS),
        )
        looking = asyncio.create_task(orders.run())
        typer.echo(f"{authority} serves EST and status on port {server.port} as {name}.", err=True)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([looking, stopped], return_when=asyncio.FIRST_COMPLETED)
        await server.close()
        if looking.done():
            looking.result()  # the database is gone: say so
        looking.cancel()

    asyncio.run(run())


def _also(text: str) -> tuple[str, str]:
    name, equals, profile = text.partition("=")
    if not name or not equals or not profile:
        raise RoadsealError(
            "pki-also",
            f"{text!r} names no authority with its profile.",
            advice="Write it as issuing-pqc=pqc-2030.",
        )
    return name, profile
