"""CRL series of the CAMP proof of concept: which list a certificate would be revoked on."""

from __future__ import annotations

from typing import Final

ENROLMENT_SERIES: Final = 4
PSEUDONYM_SERIES: Final = 1
APPLICATION_SERIES: Final = 3
