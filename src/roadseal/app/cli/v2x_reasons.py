"""What each reason means, and what to do about it: for people who did not write the standard."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from roadseal.v2x import Reason


class Explanation(NamedTuple):
    """A reason in plain words."""

    meaning: str
    advice: str

    def print(self, console: Console, reason: Reason, place: str) -> None:
        """Print it under the reason and the place where it was found."""
        console.print(f"\n[bold red]{reason}[/]  {escape(place)}", soft_wrap=True, highlight=False)
        for line in (self.meaning, f"[bold]→[/] {self.advice}"):
            console.print(Padding(line, (0, 0, 0, 2), expand=False), highlight=False)


EXPLANATIONS: Mapping[Reason, Explanation] = MappingProxyType(
    {
        Reason.OK: Explanation(
            "Signature, certificates, permissions and times hold.",
            "Nothing to do.",
        ),
        Reason.MALFORMED: Explanation(
            "The bytes are not what they claim to be.",
            "Run 'roadseal v2x inspect' on the file: it shows where they break. If all of a "
            "sender's messages break, its encoder is wrong; if few do, the recording is damaged.",
        ),
        Reason.UNSUPPORTED_ALGORITHM: Explanation(
            "It needs an algorithm, a format or a key that is not at hand here: encrypted "
            "messages, protocol version 2 and SM2 are among them.",
            "Decide without it, or ask the sender's operator for the algorithms of IEEE 1609.2.",
        ),
        Reason.BAD_SIGNATURE: Explanation(
            "The signature does not hold: the message was changed, or somebody else's key "
            "signed it.",
            "Do not act on it. If every message of a signer fails, compare its certificate or "
            "the key in --signer-keys with what its authority issued.",
        ),
        Reason.UNKNOWN_SIGNER: Explanation(
            "The message names its signer by digest, and no certificate with it is at hand.",
            "Add a recording in which the station sends its certificate, or put the certificate "
            "into the --trust directory.",
        ),
        Reason.UNKNOWN_ISSUER: Explanation(
            "The signer's certificate is there, the certificate of who issued it is not.",
            "Put the certificates of the authorities into the --trust directory, or give the "
            "signer's key with --signer-keys.",
        ),
        Reason.UNTRUSTED_ROOT: Explanation(
            "The certificates lead to a root that nobody told Roadseal to trust.",
            "If you trust that root, give it with --root or put it into the --trust directory.",
        ),
        Reason.HASH_MISMATCH: Explanation(
            "The hash that is named is not the one of the signer's key.",
            "The sender's software is at fault: SHA-384 goes with 384-bit curves and ML-DSA-65, "
            "SHA-256 with the others (IEEE 1609.2 clause 5.3.1).",
        ),
        Reason.EXPIRED: Explanation(
            "The certificate, one above it, or the message itself had ended.",
            "The station needs a new certificate. For old recordings judge with --at message.",
        ),
        Reason.NOT_YET_VALID: Explanation(
            "The certificate, or one above it, had not begun.",
            "Compare the sender's clock with its certificate: one of them is ahead.",
        ),
        Reason.PSID_NOT_PERMITTED: Explanation(
            "The certificate, or one that issued it, does not permit this service.",
            "Do not act on it. The station's operator has to ask for the service.",
        ),
        Reason.SSP_MISMATCH: Explanation(
            "The certificate permits the service, but not this within it (SSP).",
            "Do not act on it. Compare the SSP with what its authority may give: "
            "'roadseal v2x certificate show'.",
        ),
        Reason.OUTSIDE_REGION: Explanation(
            "The certificate does not hold at that place, or claims more than its issuer's region.",
            "Do not act on it. A station far from home needs a certificate for where it is.",
        ),
        Reason.STALE: Explanation(
            "The message is too old for its service.",
            "If this is a recording, judge with --at message; on the air, do not act on it.",
        ),
        Reason.FUTURE: Explanation(
            "The message is from a time that has not come.",
            "Compare the clocks of sender and receiver.",
        ),
        Reason.REPLAY: Explanation(
            "The same message was there before.",
            "On the air, do not act on it. Recordings made by two receivers repeat messages: "
            "leave out --replay.",
        ),
        Reason.REVOKED: Explanation(
            "The certificate, or one that issued it, is revoked.",
            "Do not act on it, and find out why the station still sends.",
        ),
        Reason.POLICY_DOWNGRADE: Explanation(
            "It is protected less than the profile asks, or than its signer can.",
            "Do not act on it. If the sender is one you expect, widen what the profile accepts "
            "until it has moved: 'roadseal profile steps'.",
        ),
        Reason.TOO_LARGE: Explanation(
            "It is larger than any message may be.",
            "Do not act on it: nothing on the road needs 64 KiB.",
        ),
        Reason.TOO_DEEP: Explanation(
            "Messages are nested, or certificates chained, deeper than is followed.",
            "Do not act on it: the standards need neither.",
        ),
    }
)

UNSIGNED = Explanation(
    "The message is not signed: anybody could have sent it.",
    "Do not act on it. If the sender should sign, its security is switched off.",
)

CUT = Explanation(
    "The capture kept only the beginning of the frame: nothing is known of the sender.",
    "Capture whole frames: 'tcpdump -s 0', or no limit of packets' length in Wireshark.",
)
