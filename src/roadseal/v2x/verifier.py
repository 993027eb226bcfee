"""Deciding whether messages may be believed."""

from __future__ import annotations

from roadseal._core import CertificateVerdict, Verdict, Verifier

__all__ = ["CertificateVerdict", "Verdict", "Verifier"]
