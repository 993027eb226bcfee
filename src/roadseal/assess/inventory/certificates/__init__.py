"""Certificates and keys: X.509 and its kin, keystores, OpenSSH, OpenPGP, IEEE 1609.2."""

from roadseal.assess.inventory.certificates.collector import COLLECTOR

__all__ = ["COLLECTOR"]
