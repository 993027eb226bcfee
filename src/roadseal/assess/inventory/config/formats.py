"""Every configuration language that is known by its directives.

A directive that no format names says nothing of interest.
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.config.devices import DEVICES
from roadseal.assess.inventory.config.servers import SERVERS
from roadseal.assess.inventory.config.snmp import SNMP
from roadseal.assess.inventory.config.tunnels import TUNNELS

FORMATS: Final = (*SERVERS, *TUNNELS, *SNMP, *DEVICES)
"""In the order in which the earlier wins where two fit equally well."""
