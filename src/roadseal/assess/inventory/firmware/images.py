"""The collector of boot images, updates and signature lists; what lies in raw images is carved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from roadseal.assess.inventory.certificates import bouncy_castle, nss
from roadseal.assess.inventory.certificates.keybox import is_keybox
from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.finding import Finding
from roadseal.assess.inventory.firmware import (
    avb,
    disk_encryption,
    esp32,
    imx,
    kernel_module,
    mcuboot,
    outside,
    rauc,
    uboot,
    uefi,
    windows,
)
from roadseal.assess.inventory.firmware.carving import ANCHORS, carve

_Read = Callable[[Source, int, Context], Iterator[Output]]
"""Shown a source and where in it a magic number stands."""

_ANYWHERE: Final[Mapping[bytes, _Read]] = {
    mcuboot.MAGIC: mcuboot.mcuboot,
    uboot.UIMAGE: uboot.uimage,
    uboot.FIT: uboot.fit,
    avb.MAGIC: avb.verified_boot,
    disk_encryption.LUKS: disk_encryption.luks,
    disk_encryption.VERITY: disk_encryption.verity,
    kernel_module.MARK: kernel_module.module,
    **dict.fromkeys(imx.TABLES, imx.boot_image),
    uefi.X509: uefi.signature_list,
    uefi.SHA256: uefi.signature_list,
}
_AT_START: Final[Mapping[bytes, _Read]] = {
    windows.MAGIC: windows.program,
    esp32.MAGIC: esp32.signature_blocks,
    outside.SQUASHFS: rauc.bundle,
}
_BY_NAME: Final[Mapping[str, _Read]] = {"*.raucb": rauc.bundle}

_READ_ELSEWHERE: Final = (
    *bouncy_castle.STARTS,
    *map(bytes.fromhex, ("30", "feedfeed", "cececece", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1",
                         "a1b23c4d", "0a0d0d0a")),
)  # fmt: skip
_MAX_IMAGES: Final = 64


@dataclass(frozen=True)
class ImageCollector:
    """Reads boot images, updates, signature lists, and what lies in raw images."""

    name: str = "firmware"
    signatures: Sequence[Signature] = (
        *map(Signature, _ANYWHERE),
        *(Signature(magic, 0) for magic in _AT_START),
        *map(Signature, ANCHORS),
    )
    names: Sequence[str] = tuple(_BY_NAME)

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`."""
        told: set[object] = set()
        for output in _images(source, context):
            if isinstance(output, Finding):
                told.add(output.facts.get("sha256"))
            yield output
        # other collectors read these to their end
        if not _is_read_elsewhere(source):
            for output in carve(source, context):
                if not (isinstance(output, Finding) and output.facts.get("sha256", "") in told):
                    yield output


def _is_read_elsewhere(source: Source) -> bool:
    head = source.data[:8]
    return (
        head.startswith(_READ_ELSEWHERE) or is_keybox(source.data) or nss.is_database(source.data)
    )


def _images(source: Source, context: Context) -> Iterator[Output]:
    for magic, read in _ANYWHERE.items():
        for offset in source.hits.get(magic, ())[:_MAX_IMAGES]:
            yield from read(source, offset, context)
    for magic, read in _AT_START.items():
        if source.data[: len(magic)] == magic:
            yield from read(source, 0, context)
            return
    for pattern, read in _BY_NAME.items():
        if fnmatch(source.name.lower(), pattern):
            yield from read(source, 0, context)


IMAGES: Final = ImageCollector()
"""Reads firmware images."""
