"""Certificates and keys: X.509 and its kin, keystores, OpenSSH, OpenPGP, IEEE 1609.2."""

from roadseal.assess.inventory.certificates.collector import COLLECTOR
from roadseal.assess.inventory.certificates.key_files import KEY_FILES
from roadseal.assess.inventory.certificates.texts import TEXTS

__all__ = ["COLLECTOR", "KEY_FILES", "TEXTS"]
