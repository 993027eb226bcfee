"""What a store does when it is opened: look at what may still leave, erase what never may."""

from __future__ import annotations

from roadseal.operate.qkd.store.blocks import BlockFiles
from roadseal.operate.qkd.store.cells import Span
from roadseal.operate.qkd.store.ledger import BlockKey, Ledger


def verify(ledger: Ledger, blocks: BlockFiles) -> None:
    """Refuse a store in which a cell that may still leave is not what was imported.

    Raises:
        RoadsealError: ``qkd-store-corrupted``.
    """
    for link in {name for name, _ in ledger.facts}:
        for own, marks in ((True, ledger.marks), (False, ledger.seen)):
            for key, (start, end) in ledger.halves(link, own=own):
                first = max(start, marks.get(key, start))
                blocks.verify(Span(*key, first, max(0, end - first)))
    for part in ledger.parts():
        blocks.verify(part.span)


def sweep(ledger: Ledger, blocks: BlockFiles) -> None:
    """Erase what a crash left behind: cells that were leased and wait for nobody."""
    kept: dict[BlockKey, list[Span]] = {}
    for part in ledger.parts():
        kept.setdefault((part.span.link, part.span.block), []).append(part.span)
    for own, marks in ((True, ledger.marks), (False, ledger.seen)):
        for key, end in marks.items():
            at, last = ledger.half(key, own=own)
            spans = [span for span in kept.get(key, []) if at <= span.first < last]
            for span in sorted(spans, key=lambda span: span.first):
                blocks.erase(Span(*key, at, span.first - at))
                at = span.end
            blocks.erase(Span(*key, at, end - at))
