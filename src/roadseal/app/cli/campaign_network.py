"""A campaign's executor for units on the network: they fetch their orders from `pki serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadseal.app.cli.pki_common import open_authority
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki.rotation import RotationExecutor
    from roadseal.operate.pki.rotation_plan import Rotation
    from roadseal.store import Store


def named_rotation(
    old: str, old_profile: str, new: str, new_profile: str, algorithm: str | None
) -> Rotation:
    """The rotation that `plan` was asked for; without an algorithm the profile's first."""
    from roadseal.crypto import Purpose, load_profile
    from roadseal.operate.pki.rotation_plan import Rotation

    load_profile(old_profile)
    preferred = load_profile(new_profile)[Purpose.TLS_AUTHENTICATION].produce
    return Rotation(old, old_profile, new, new_profile, algorithm or preferred[0])


def check_rotation(store: Store, rotation: Rotation) -> None:
    """Refuse a rotation that no worker could perform.

    Raises:
        RoadsealError: ``pki-unknown``, ``pki-passphrase``, ``pki-key-profile``.
    """
    from roadseal.crypto import Purpose

    open_authority(store, rotation.old, rotation.old_profile)
    new = open_authority(store, rotation.new, rotation.new_profile)
    accepted = new.profile[Purpose.TLS_AUTHENTICATION].accept
    if rotation.algorithm not in accepted:
        raise RoadsealError(
            "pki-key-profile",
            f"{rotation.new_profile} does not accept keys of {rotation.algorithm}.",
            advice=f"Use {' or '.join(accepted)}.",
        )


def network_executor(
    store: Store, campaign: str, *, answer_s: float, lease_s: float
) -> RotationExecutor:
    """The executor of a campaign that was planned with `--to`.

    Raises:
        RoadsealError: ``campaign-units``; ``campaign-lease``: a worker would wait beyond its lease.
    """
    from roadseal.clock import SystemClock
    from roadseal.crypto import load_profile
    from roadseal.operate.pki.rotation import Reach, RotationExecutor
    from roadseal.operate.pki.rotation_plan import recorded_rotation
    from roadseal.operate.pki.unit.mailbox import Patience, Post

    found, nonce_key = recorded_rotation(store, campaign)
    if lease_s < 2 * answer_s:  # an order may take two exchanges
        raise RoadsealError(
            "campaign-lease",
            f"To wait {answer_s:g} s twice outlasts a lease of {lease_s:g} s: no report counts.",
            advice="Wait shorter with --answer, or plan with a longer --lease.",
        )
    clock = SystemClock()
    post = Post(store, campaign, nonce_key, clock, patience=Patience(answer_s, 2 * answer_s))
    return RotationExecutor(
        old=open_authority(store, found.old, found.old_profile),
        new=open_authority(store, found.new, found.new_profile),
        store=store,
        reach=Reach(
            send=post.send,
            # A move to another authority goes over EST; with one authority its certificates say
            # nothing of the round they are from, so the worker brings them.
            over_est=lambda _device: found.old != found.new,
            by_permit=True,
            nonce=post.nonce,
        ),
        clock=clock,
        algorithm=found.algorithm,
        profile=load_profile(found.new_profile),
        cpu_s=clock.cpu_s,
    )
