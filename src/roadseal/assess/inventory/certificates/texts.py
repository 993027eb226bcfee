"""Texts that hold certificates and keys in another guise: UTF-16, base64 or hexadecimal, mail.

What is unwrapped goes through every collector again, as a member of the text it came from.

Sources: RFC 8551 (S/MIME); RFC 7517 §4.7 (``x5c``); Kubernetes, Secret and kubeconfig (values are
base64, those of certificates of PEM).
"""

from __future__ import annotations

import binascii
import codecs
import email
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from roadseal import _core
from roadseal.assess.inventory.certificates import registry
from roadseal.assess.inventory.certificates.ieee1609 import looks_like_certificate
from roadseal.assess.inventory.collector import Context, Member, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_BEGIN: Final = "-----BEGIN "
_LITTLE, _BIG = _BEGIN.encode("utf-16-le"), _BEGIN.encode("utf-16-be")
_BOMS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_MAX_BYTES: Final = 64 << 20
_MAX_VALUES: Final = 10_000
_MAX_VALUE_BYTES: Final = 8 << 20
_STARTS: Final = (
    b"LS0tLS1CRUdJTi",  # PEM
    b"/u3+7QAAAA",  # a Java keystore
    b"zs7OzgAAAA",  # and that of its cryptography extension
    *(mark + b"MII" for mark in (b'"', b"'", b": ", b">", b"=", b"- ", b",")),  # DER
)
_HEX_STARTS: Final = (  # certificates of IEEE 1609.2, and of X.509 in quotes
    b"800300", b"000300", b"800301", b"000301", b'"3082', b"'3082", b": 3082", b"0x3082",
)  # fmt: skip
_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2}){50,}")
_XML: Final = (b"X509Certificate>", b"<data>")  # XML signatures and metadata; property lists
_BARE: Final = re.compile(rb"MI[A-Za-z0-9+/\s]{98,}={0,2}\s*")
_BARE_START: Final = b"MI"
_VALUE: Final = re.compile(rb"[A-Za-z0-9+/]+(?:(?:\s|\\[rn])+[A-Za-z0-9+/]+)*={0,2}")
_SPACE: Final = re.compile(rb"(?:\s|\\[rn])+")
_KEY: Final = re.compile(rb"([A-Za-z0-9_.-]{1,80})[\"']?\s*[:=]\s*[|>-]*\s*\[?\s*[\"']?$")
_MAIL: Final = (b"application/pkcs7-", b"application/x-pkcs7-")
_MAIL_HEAD: Final = re.compile(rb"(?:From [^\n]*\n)?[A-Za-z][A-Za-z0-9-]*:")
_LEAST_CHARS: Final = 100
_MAX_HEX_CHARS: Final = 1 << 18


@dataclass(frozen=True)
class TextCollector:
    """Unwraps texts; what is in them is for the others to say."""

    name: str = "text"
    signatures: Sequence[Signature] = (
        *(Signature(bom, 0) for bom in _BOMS),
        Signature(_BARE_START, 0),
        *(Signature(start, 0) for start in registry.STARTS),
        *map(Signature, (_LITTLE, _BIG, *_XML, *_STARTS, *_HEX_STARTS, *_MAIL)),
    )
    names: Sequence[str] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is wrapped in `source`."""
        yield from _wide(source)
        if source.data[:2] == _BARE_START:
            yield from _bare(source)
        if source.data[:40].startswith(registry.STARTS):
            yield from registry.exported_values(source)
        if any(start in source.hits for start in (*_STARTS, *_XML)):
            yield from _values(source)
        if any(start in source.hits for start in _HEX_STARTS):
            yield from _hexadecimal(source)
        if any(kind in source.hits for kind in _MAIL):
            yield from _mail(source)


def is_wrapped(head: bytes) -> bool:
    """Whether a file begins as one that this collector unwraps whole: base64, mail, UTF-16."""
    return head[:2] in _BOMS or bool(_BARE.match(head) or _MAIL_HEAD.match(head))


def _bare(source: Source) -> Iterator[Output]:
    """A file that is the base64 of DER, and nothing else."""
    if len(source.data) > _MAX_VALUE_BYTES or not _BARE.fullmatch(source.data[:]):
        return
    try:
        data = binascii.a2b_base64(_SPACE.sub(b"", source.data[:]))
    except binascii.Error:
        return
    yield Member(source.name, data, contained=False)


def _wide(source: Source) -> Iterator[Output]:
    """UTF-16, by its byte order mark or by a PEM block in it."""
    bom = source.data[:2]
    encoding = _BOMS.get(bom)
    start = 2
    if encoding is None:
        offsets = [
            (source.hits[mark][0], name)
            for mark, name in ((_LITTLE, "utf-16-le"), (_BIG, "utf-16-be"))
            if mark in source.hits
        ]
        if not offsets:
            return
        start, encoding = min(offsets)
    text = source.data[start : start + _MAX_BYTES].decode(encoding, "replace")
    if bom in _BOMS and ("\0" in text[:4096] or text[:4096].count("\ufffd") > 40):
        return  # two octets that happen to stand there
    if len(source.data) - start > _MAX_BYTES:
        detail = f"UTF-16 of more than {_MAX_BYTES} octets."
        yield Gap(Location(source.uri), Cause.TRUNCATED, detail)
    yield Member(source.name, text.encode("utf-8", "replace"), contained=bom in _BOMS)


def _values(source: Source) -> Iterator[Output]:
    offsets = [at + _skipped(start) for start in _STARTS for at in source.every(start)]
    offsets += [at + len(element) for element in _XML for at in source.every(element)]
    seen = 0
    for count, offset in enumerate(sorted(offsets)):
        if count >= _MAX_VALUES:
            detail = f"More than {_MAX_VALUES} values of base64."
            yield Gap(Location(source.uri, offset=offset), Cause.TRUNCATED, detail)
            return
        if offset < seen:
            continue
        chunk = source.data[offset : offset + _MAX_VALUE_BYTES].lstrip()
        match = _VALUE.match(chunk)
        if match is None or len(match[0]) < _LEAST_CHARS:
            continue
        seen = offset + len(match[0])
        text = _SPACE.sub(b"", match[0]).rstrip(b"=")
        text = text[: len(text) - (len(text) % 4 == 1)]
        try:
            data = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
        yield Member(f"{_key(source, offset) or 'base64'}@{offset}", data, contained=False)


def _hexadecimal(source: Source) -> Iterator[Output]:
    """Certificates in hexadecimal digits; what is none of them after all is passed over."""
    seen = 0
    for start in _HEX_STARTS:
        for at in source.every(start):
            offset = at + (start.index(b"3082") if start.endswith(b"3082") else 0)
            before = source.data[max(0, offset - 1) : offset]
            if before.isalnum() and before != b"x":
                continue  # in the middle of other digits
            match = _HEX.match(source.data[offset : offset + _MAX_HEX_CHARS])
            if match is None:
                continue
            data = bytes.fromhex(match[0].decode("ascii"))
            if not (looks_like_certificate(data) or _core.certificate_outline(data)):
                continue
            seen += 1
            if seen > _MAX_VALUES:
                detail = f"More than {_MAX_VALUES} values of hexadecimal digits."
                yield Gap(Location(source.uri, offset=offset), Cause.TRUNCATED, detail)
                return
            yield Member(f"{_key(source, offset) or 'hex'}@{offset}", data, contained=False)


def _key(source: Source, offset: int) -> str:
    key = _KEY.search(source.data[max(0, offset - 120) : offset])
    return key[1].decode("ascii") if key else ""


def _skipped(start: bytes) -> int:
    """What stands before the base64 in a mark of its beginning."""
    return start.index(b"MII") if start.endswith(b"MII") else 0


def _mail(source: Source) -> Iterator[Output]:
    data = source.data[:_MAX_BYTES]
    if not _MAIL_HEAD.match(data):
        return
    for number, part in enumerate(email.message_from_bytes(data).walk()):
        if number >= 1000:
            detail = "A mail of more than 1,000 parts."
            yield Gap(Location(source.uri), Cause.TRUNCATED, detail)
            return
        if not part.get_content_type().startswith(tuple(mark.decode() for mark in _MAIL)):
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload:
            suffix = "p7s" if part.get_content_type().endswith("signature") else "p7m"
            yield Member(f"part-{number}.{suffix}", payload, contained=False)


TEXTS: Final = TextCollector()
"""Unwraps UTF-16, base64 and mail."""
