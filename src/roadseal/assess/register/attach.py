"""Which asset a finding belongs to, and which use it is evidence of."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roadseal.assess.inventory.estate import Asset, Kind
from roadseal.assess.inventory.finding import Basis, Finding, Role
from roadseal.assess.inventory.template import Template, declared_uses
from roadseal.assess.register.use import Use, is_symmetric

_LOOKED_AT = (Basis.OBSERVED, Basis.CONFIGURED)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Findings by asset, and those that belong to none.

    Args:
        by_asset: asset id → its findings.
        loose: findings of no asset: a gap, shown.
    """

    by_asset: Mapping[str, tuple[Finding, ...]]
    loose: tuple[Finding, ...]


def attach(
    assets: Sequence[Asset], findings: Iterable[Finding], rules: Mapping[str, str] | None = None
) -> Attachment:
    """Join findings to assets.

    By `rules` first; then by a folder of the location that is named like the asset: by its whole
    id, its reference or its address; then by address, of the location or of the endpoint that was
    seen in it. A reference or address that several assets bear joins nothing.

    Args:
        assets: the estate.
        findings: of any scan.
        rules: pattern of locations, with ``*``, → asset id.
    """
    by_address = _one_each((asset.address, asset.id) for asset in assets)
    by_reference = _one_each((asset.id.split("/", 1)[1], asset.id) for asset in assets)
    known = {asset.id for asset in assets}
    found: dict[str, list[Finding]] = {}
    loose: list[Finding] = []
    for finding in findings:
        uri = finding.location.uri
        target = next(
            (
                asset
                for pattern, asset in (rules or {}).items()
                if fnmatch.fnmatchcase(uri, pattern)
            ),
            None,
        )
        parts = uri.split("/")
        target = target or next(
            (each for each in map("/".join, pairwise(parts)) if each in known), None
        )
        for names in (by_reference, by_address):
            target = target or next((names[part] for part in parts if part in names), None)
        for place in (uri, str(finding.facts.get("endpoint", ""))):
            target = target or by_address.get(place.rsplit(":", 1)[0].strip("[]"))
        if target in known:
            found.setdefault(target or "", []).append(finding)
        else:
            loose.append(finding)
    return Attachment({key: tuple(each) for key, each in found.items()}, tuple(loose))


def _one_each(names: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """Name → asset, without the names that two assets bear: a finding is not guessed onto one."""
    found: dict[str, str] = {}
    several: set[str] = set()
    for name, asset in names:
        if name and found.setdefault(name, asset) != asset:
            several.add(name)
    return {name: asset for name, asset in found.items() if name not in several}


def uses_of(
    asset: Asset, templates: Sequence[Template], findings: Sequence[Finding] = ()
) -> tuple[Use, ...]:
    """What an asset uses: found first, declared where nothing was found in that role.

    What was seen does not replace what is configured: one session, or another service of the same
    asset, says nothing against what a configuration still offers.
    """
    found = [use for finding in findings for use in _found_uses(asset, finding)]
    firmest: dict[tuple[Role, bool], int] = {}
    for use in found:
        firmest[_place(use)] = min(_rank(use), firmest.get(_place(use), _rank(use)))
    seen = {(use.role, use.algorithm) for use in found if use.basis is Basis.OBSERVED}
    uses = [
        use
        for use in found
        if _rank(use) == firmest[_place(use)]
        and (use.basis is Basis.OBSERVED or (use.role, use.algorithm) not in seen)
    ]
    uses += [
        Use(
            each.role,
            each.algorithm,
            _flow(each.flow, asset),
            each.basis,
            f"template {template.id}: {each.source or template.source}",
            each.says,
            each.anchor,
        )
        for template, each in declared_uses(asset, templates)
        if (each.role, is_symmetric(each.algorithm)) not in firmest
    ]
    return tuple(dict.fromkeys(uses))


def uses_by_kind(
    templates: Sequence[Template],
) -> Callable[[Asset, Sequence[Finding]], tuple[Use, ...]]:
    """`uses_of` for many assets: those that nobody looked at and that agree are asked once."""
    known: dict[tuple[object, ...], tuple[Use, ...]] = {}

    def uses(asset: Asset, findings: Sequence[Finding]) -> tuple[Use, ...]:
        if findings:
            return uses_of(asset, templates, findings)
        # Everything of an asset that templates and `_flow` look at.
        key = (asset.kind, asset.vendor, asset.model, asset.exposure, asset.services)
        if key not in known:
            known[key] = uses_of(asset, templates)
        return known[key]

    return uses


def _rank(use: Use) -> int:
    """How firmly it is known, firmest first; whatever was looked at is alike."""
    return 0 if use.basis in _LOOKED_AT else tuple(Basis).index(use.basis)


def _place(use: Use) -> tuple[Role, bool]:
    """What a use takes the place of: a channel's cipher says nothing about its public keys."""
    return use.role, is_symmetric(use.algorithm)


def _found_uses(asset: Asset, finding: Finding) -> Iterable[Use]:
    place = finding.location
    where = place.uri
    for name, number in (("line", place.line), ("offset", place.offset), ("frame", place.frame)):
        if number is not None:
            where += f" {name} {number}"
    for each in finding.algorithms:
        if not each.preferred:
            continue
        anchor = None
        if each.role is Role.TRUST_ANCHOR:
            anchor = str(finding.facts.get("sha256") or finding.title)
        yield Use(
            each.role,
            each.name,
            _flow_of(each.role, each.name, asset),
            finding.basis,
            f"{finding.collector} at {where}",
            finding.title,
            anchor,
        )


def _flow_of(role: Role, algorithm: str, asset: Asset) -> str:
    """What a found use protects, as far as role and kind tell."""
    match role, asset.kind:
        case Role.FIRMWARE_SIGNATURE, _:
            return "firmware"
        case Role.TRUST_ANCHOR, _:
            return "pki"
        case Role.MESSAGE_SIGNATURE, _:
            return "broadcast"
        case Role.STORAGE, _:
            return "archive"
        case Role.ENCRYPTION, Kind.RSU | Kind.VEHICLE if not is_symmetric(algorithm):
            return "v2x-provisioning"
        case _, Kind.RSU:
            return "rsu-management"
        case Role.PLAINTEXT, Kind.SIGNAL | Kind.PEDESTRIAN_SIGNAL | Kind.RAMP_METER | Kind.SIGN:
            return _flow("signal-control", asset)
        case _, Kind.SIGNAL | Kind.PEDESTRIAN_SIGNAL | Kind.RAMP_METER | Kind.LINK:
            return _flow("signal-control-backhaul", asset)
        case _:
            return "management"


def _flow(flow: str, asset: Asset) -> str:
    """A signal that yields to emergency vehicles or trains does more harm when it is commanded."""
    if flow.startswith("signal-control") and "preemption" in asset.services:
        return "signal-control-preemption"
    return flow
