"""Distillation: two ends turn what their detectors saw into one secret key, in public messages.

Sans-I/O: give each end what the other sent, send what it returns. Sifting, estimation on the test
basis, Cascade, verification, privacy amplification; one tag each over everything that was said. A
key leaves an end only after the other's tag held. Whatever the peer sends, the outcome is a key or
an abort with its reason, and an abort is said to the peer under a tag.

The rates that the test basis shows bound what an eavesdropper can know (`finitekey`); every bit
that is said about the key is counted, parities and the verification hash alike.
"""

from __future__ import annotations

from roadseal.operate.qkd.distil.outcome import Abort, AbortReason, Distilled, Settings
from roadseal.operate.qkd.distil.receiver import Receiver
from roadseal.operate.qkd.distil.sender import Sender

__all__ = ["Abort", "AbortReason", "Distilled", "Receiver", "Sender", "Settings", "distil"]


def distil(sender: Sender, receiver: Receiver) -> tuple[Distilled | Abort, Distilled | Abort]:
    """Run two ends against each other in one process; returns what each came to."""
    to_sender = receiver.start()
    while to_sender:
        to_receiver = [reply for said in to_sender for reply in sender.receive(said)]
        to_sender = [reply for said in to_receiver for reply in receiver.receive(said)]
    lost = Abort(AbortReason.PROTOCOL, "the conversation broke off")
    return sender.outcome or lost, receiver.outcome or lost
