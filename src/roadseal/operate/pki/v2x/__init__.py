"""V2X authorities: certificates from profiles, enrolment, tickets, pseudonyms, lists.

`create_eu` and `create_us` make a whole system on a store, `open_eu` and `open_us` open it; both
are state machines, which `http_service` puts on HTTP. `follow_eu` and `retire_eu` renew European
authorities. Stations use `station` (TS 102 941), or `us_device` and `us_answers` (IEEE 1609.2.1),
and judge lists with `read_list`, `TrustAnchors` and `read_crl`.
"""

from roadseal.operate.pki.v2x.eu_rotation import create_eu, follow_eu, retire_eu
from roadseal.operate.pki.v2x.eu_system import EuSystem, open_eu
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Ledger, Station
from roadseal.operate.pki.v2x.lists import ListVerdict, read_list
from roadseal.operate.pki.v2x.outcome import Outcome
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.operate.pki.v2x.trust_anchors import TrustAnchors
from roadseal.operate.pki.v2x.trust_state import TrustState
from roadseal.operate.pki.v2x.us_crl import CrlVerdict, read_crl
from roadseal.operate.pki.v2x.us_system import UsSystem, create_us, open_us

__all__ = [
    "SCHEMA",
    "CrlVerdict",
    "EuSystem",
    "Keyring",
    "Ledger",
    "ListVerdict",
    "Outcome",
    "Station",
    "TrustAnchors",
    "TrustState",
    "UsSystem",
    "create_eu",
    "create_us",
    "follow_eu",
    "open_eu",
    "open_us",
    "read_crl",
    "read_list",
    "retire_eu",
]
