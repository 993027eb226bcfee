"""What an authority works with."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from roadseal.clock import Clock
from roadseal.events import Emit
from roadseal.operate.pki.ledger import Ledger
from roadseal.operate.pki.signer import Signer
from roadseal.store import Store


@dataclass(frozen=True, slots=True)
class Office:
    """The rows, the key and the certificate of one authority, and whom it tells.

    Args:
        store: the database.
        name: of the authority.
        certificate: its own.
        signer: its key.
        clock: for validity and audit.
        emit: hears what changes trust.
        ledger: its row, numbers and audit chain.
    """

    store: Store
    name: str
    certificate: x509.Certificate
    signer: Signer
    clock: Clock
    emit: Emit
    ledger: Ledger
