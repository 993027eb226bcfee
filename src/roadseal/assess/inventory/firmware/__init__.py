"""Firmware and binaries: boot images, signature lists, programs, and what archives hold."""

from roadseal.assess.inventory.firmware.archives import ARCHIVES
from roadseal.assess.inventory.firmware.images import IMAGES
from roadseal.assess.inventory.firmware.programs import PROGRAMS

__all__ = ["ARCHIVES", "IMAGES", "PROGRAMS"]
