"""The device's side of EST, over `roadseal.net.HttpClient`."""

from __future__ import annotations

from base64 import b64encode

from cryptography import x509

from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Response
from roadseal.operate.pki.est.messages import (
    REQUEST,
    WELL_KNOWN,
    encode_body,
    read_certificates_body,
    read_csr_attributes,
)


class EstClient:
    """Speaks to one EST server.

    Args:
        http: a client of the server; its TLS identity is the device's present certificate, if any.
        label: name of the authority, where the server has several.
    """

    def __init__(self, http: HttpClient, label: str | None = None) -> None:
        self._http = http
        self._base = "/" + "/".join((*WELL_KNOWN, *([label] if label else ())))

    def at(self, label: str) -> EstClient:
        """The same session, for the authority called `label`."""
        return EstClient(self._http, label)

    async def authorities(self) -> list[x509.Certificate]:
        """The authority's certificates, up to its root.

        Raises:
            RoadsealError: ``est-refused``, ``est-forbidden``, ``est-body``.
            TlsRefusedError: no session.
        """
        response = await self._http.request("GET", f"{self._base}/cacerts")
        return read_certificates_body(_accepted(response).body)

    async def accepted_keys(self) -> list[str]:
        """Registry ids of the keys that the authority certifies, the preferred one first.

        Raises:
            RoadsealError: as `authorities`.
        """
        response = await self._http.request("GET", f"{self._base}/csrattrs")
        return read_csr_attributes(_accepted(response).body)

    async def enrol(self, csr: bytes, identity: str, secret: str) -> x509.Certificate:
        """Get a first certificate for a bootstrap secret; `csr` is DER.

        Raises:
            RoadsealError: as `authorities`.
        """
        credential = b64encode(f"{identity}:{secret}".encode()).decode()
        return await self._ask("simpleenroll", csr, {"authorization": f"Basic {credential}"})

    async def renew(self, csr: bytes) -> x509.Certificate:
        """Get the next certificate by means of the present one; `csr` is DER.

        Raises:
            RoadsealError: as `authorities`.
        """
        return await self._ask("simplereenroll", csr, {})

    async def _ask(self, operation: str, csr: bytes, headers: dict[str, str]) -> x509.Certificate:
        response = await self._http.request(
            "POST",
            f"{self._base}/{operation}",
            body=encode_body(csr),
            headers={"content-type": REQUEST, **headers},
        )
        found = read_certificates_body(_accepted(response).body)
        if len(found) != 1:
            raise RoadsealError(
                "est-body",
                f"The server gave {len(found)} certificates for one request.",
                advice="Tell its operator; RFC 7030 §4.2.3 wants one.",
            )
        return found[0]


def _accepted(response: Response) -> Response:
    if response.status != 200:
        text = response.body[:300].decode(errors="replace").strip()
        raise RoadsealError(
            "est-forbidden" if response.status in (401, 403) else "est-refused",
            f"The server answered {response.status}: {text or 'no reason given'}",
            advice="Do what it says; 202 and 503 mean: try again later.",
        )
    return response
