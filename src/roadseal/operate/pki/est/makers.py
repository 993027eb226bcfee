"""Manufacturers whose certificates count as a device's first credential (IDevID, IEEE 802.1AR).

A device comes out of the factory with a certificate that names its serial number. Who trusts the
maker's root lists which serial numbers are ours and what they are called here; a device that is
not listed gets nothing, whatever its maker signed. As a bootstrap secret, an entry is spent on one
key; listing it again renews it.

Source: IEEE 802.1AR (the subject's serialNumber attribute), RFC 7030 §2.2.1 (certificates of third
parties as credentials for the initial enrolment).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.operate.pki.est.enrolment import Enrolled
from roadseal.operate.pki.path.extensions import extension
from roadseal.operate.pki.path.validation import PathRules, validate_path
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.tables import MADE, MAKER
from roadseal.store import Store

_MAX_SERIAL: Final = 64  # ub-serial-number, RFC 5280 appendix A.1


class Makers:
    """The manufacturers that one authority trusts, and the devices it expects from them."""

    def __init__(self, store: Store, authority: str) -> None:
        self._store = store
        self._authority = authority

    def trust(self, root: x509.Certificate, devices: Mapping[str, str]) -> int:
        """Trust a maker's root for devices, serial number to identity; returns how many."""
        maker = _fingerprint(root)
        mine = MADE.c.authority == self._authority
        with self._store.writing() as connection:
            at = (MAKER.c.authority == self._authority) & (MAKER.c.maker == maker)
            connection.execute(MAKER.delete().where(at))
            connection.execute(
                MAKER.insert().values(
                    authority=self._authority, maker=maker, root=root.public_bytes(Encoding.DER)
                )
            )
            for serial, identity in devices.items():
                same = (MADE.c.maker == maker) & (MADE.c.serial == serial)
                connection.execute(
                    MADE.delete().where(mine, sa.or_(same, MADE.c.identity == identity))
                )
                connection.execute(
                    MADE.insert().values(
                        authority=self._authority, maker=maker, serial=serial, identity=identity
                    )
                )
        return len(devices)

    def roots(self) -> list[x509.Certificate]:
        """The roots of every trusted maker."""
        with self._store.reading() as connection:
            found = connection.scalars(
                sa.select(MAKER.c.root).where(MAKER.c.authority == self._authority)
            ).all()
        return [x509.load_der_x509_certificate(one) for one in found]

    def knows(self, chain: Sequence[x509.Certificate]) -> bool:
        """Whether `chain`, leaf first, ends at the root of a trusted maker."""
        return bool(chain) and chain[-1] in self.roots()

    def recognise(self, chain: Sequence[x509.Certificate], key: PublicKey, now: Time64) -> Enrolled:
        """Recognise a device by its maker's certificate, and spend its entry on `key`.

        Raises:
            RoadsealError: ``est-maker``: it does not hold, or its serial number is not listed or
                spent on another key.
        """
        leaf, *between, root = chain
        verdict = validate_path(leaf, between, [root], PathRules(now))
        if not verdict.ok:
            raise _refused(f"it does not hold: {verdict.reason}")
        basic = extension(leaf, x509.BasicConstraints)
        if basic is not None and basic.ca:
            raise _refused("it is an authority's")
        numbers = leaf.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        if len(numbers) != 1:
            raise _refused("its subject has no serial number")
        at = (
            (MADE.c.authority == self._authority)
            & (MADE.c.maker == _fingerprint(root))
            & (MADE.c.serial == str(numbers[0].value))
        )
        with self._store.writing() as connection:
            row = connection.execute(MADE.select().where(at).with_for_update()).first()
            if row is None:
                raise _refused("its serial number is not expected here")
            if row.used_for is None:
                connection.execute(MADE.update().where(at).values(used_for=key.hashes[0]))
            elif row.used_for != key.hashes[0]:
                raise _refused("it has enrolled with another key before")
        return Enrolled(row.identity, f"maker/{row.maker.hex()[:16]}/{row.serial}")


def read_made(text: str, name: str) -> dict[str, str]:
    """Read CSV with the columns serial and identity.

    Raises:
        RoadsealError: ``pki-made``, with the line.
    """
    reader = csv.DictReader(io.StringIO(text))
    found: dict[str, str] = {}
    try:
        if not {"serial", "identity"} <= set(reader.fieldnames or ()):
            raise _unusable(name, 1, "has no columns serial and identity")
        for row in reader:
            serial, identity = ((row[column] or "").strip() for column in ("serial", "identity"))
            if not 0 < len(serial) <= _MAX_SERIAL or not serial.isprintable() or not identity:
                raise _unusable(name, reader.line_num, "is no device")
            if serial in found or identity in found.values():
                raise _unusable(name, reader.line_num, f"names {serial} or {identity} again")
            found[serial] = identity
    except csv.Error as error:
        raise _unusable(name, reader.line_num, f"is no CSV: {error}") from None
    return found


def _fingerprint(root: x509.Certificate) -> bytes:
    return root.fingerprint(hashes.SHA256())


def _refused(why: str) -> RoadsealError:
    return RoadsealError(
        "est-maker",
        f"The manufacturer's certificate is not taken: {why}.",
        advice="List its serial number with `roadseal pki makers`; once for each enrolment.",
    )


def _unusable(name: str, line: int, what: str) -> RoadsealError:
    return RoadsealError("pki-made", f"{name}:{line} {what}.", advice="Correct that line.")
