"""Several authorities behind one EST address.

A label in the path names one (RFC 7030 §3.2.2). Without a label a client that comes with a
certificate is served by the authority that issued it, and everybody else by the first; so units
keep renewing where they are while a campaign moves others. A unit that speaks EST only and is to
move is served by the authority it moves to, and gets the certificates of both.
"""

from __future__ import annotations

from collections.abc import Sequence

from roadseal.net import Request, Response
from roadseal.operate.pki.est.enrolment import issuer_of
from roadseal.operate.pki.est.messages import WELL_KNOWN, certificates_response
from roadseal.operate.pki.est.service import EstService
from roadseal.operate.pki.est.units import Visit, Witness
from roadseal.operate.pki.unit.orders import Enrol
from roadseal.store import Store


class EstDoor:
    """Chooses the authority; `handle` is a `roadseal.net.Handler`.

    Args:
        store: where the authorities keep what they have issued.
        services: of the authorities, the default one first.
        witness: of units that speak EST only.
    """

    def __init__(self, store: Store, services: Sequence[EstService], witness: Witness) -> None:
        self._store = store
        self._services = {one.name: one for one in services}
        self._default = services[0]
        self._witness = witness

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        service = self._service(request)
        visit = self._witness.visit(request.peer.peer_certificate if request.peer else None)
        if visit is not None and isinstance(visit.order.body, Enrol):
            service = self._services.get(visit.order.body.authority, service)
        response = await service.handle(request)
        if visit is not None and response.status == 200:
            operation = request.segments[-1]
            if operation == "cacerts":
                response = self._authorities_for(visit)
            self._witness.saw(visit, operation)
        return response

    def _service(self, request: Request) -> EstService:
        label = request.segments[len(WELL_KNOWN) :][:-1]
        if label:
            return self._services.get(label[0], self._default)
        certificate = request.peer.peer_certificate if request.peer else None
        if certificate is None:
            return self._default
        return self._services.get(issuer_of(self._store, certificate) or "", self._default)

    def _authorities_for(self, visit: Visit) -> Response:
        """Its own authority's certificates first, then those of the others that are served."""
        own = [one for one in self._services.values() if one.name == visit.holder.authority]
        chains = [one.chain for one in (*own, *self._services.values())]
        return certificates_response(list(dict.fromkeys(one for chain in chains for one in chain)))
