"""The score: from uses to a distribution of risk in each lane, and a tier. See docs/score.md.

Assets whose uses, exposure, update path and age agree have the same score: it is computed once for
each such case. All draws come from one Sobol sequence with a fixed seed, so that the same estate
gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadseal.assess.register.columns import Columns, Ints, leaving, split_class
from roadseal.assess.register.crqc import CrqcProfile, CrqcTable, Floats
from roadseal.assess.register.model import ScoreModel, Three
from roadseal.assess.register.use import QUANTUM_LANES, Lane, lane_of

UNASSESSED: Final = -1
"""Case of an asset of which no use is known."""
QUANTILES: Final = (0.1, 0.5, 0.9)
_CHUNK: Final = 4_096


@dataclass(frozen=True, slots=True)
class ClassScore:
    """A use under given circumstances.

    Args:
        use: index of the use.
        exposure: the worst of the asset's.
        update_path: the asset's.
        leaves: when the asset leaves, as `columns.leaving` reads it.
        lane: where its risk runs.
        quantiles: P10, P50, P90 of its own risk; of `Lane.BROKEN` the impact times the reach.
        secrecy_years: how long its flow has to stay secret, likeliest.
        migration_years: until it is gone, median.
    """

    use: int
    exposure: str
    update_path: str
    leaves: int
    lane: Lane
    quantiles: tuple[float, float, float]
    secrecy_years: float
    migration_years: float


@dataclass(frozen=True, slots=True)
class Scores:
    """The score of an estate.

    Args:
        case: index of the case, one an asset; `UNASSESSED` where no use is known.
        lanes: P10, P50, P90 by case and lane of `QUANTUM_LANES`: (cases, 3, 3).
        tiers: tier and its words, one a case.
        classes: what cases are made of.
        members: indices in `classes`, one tuple a case.
    """

    case: Ints
    lanes: Floats
    tiers: tuple[tuple[str, str], ...]
    classes: tuple[ClassScore, ...]
    members: tuple[tuple[int, ...], ...]

    @property
    def headline(self) -> Floats:
        """The median of the worst quantum lane, one a case."""
        worst: Floats = self.lanes[:, :, 1].max(axis=1, initial=0.0)
        return worst


def score(
    columns: Columns,
    model: ScoreModel,
    profile: CrqcProfile,
    as_of: float,
    *,
    shared: Ints | None = None,
) -> Scores:
    """Score an estate.

    Args:
        columns: the estate.
        model: the numbers.
        profile: the opinion on the quantum computer.
        as_of: day of the register, as a decimal year.
        shared: on how many assets each use's anchor stands, where `columns` is only a part.
    """
    keys, class_of = columns.classes()
    shared = columns.shared() if shared is None else shared
    risk, classes = _score_classes(keys, columns, model, CrqcTable(profile, as_of), as_of, shared)
    case, first = _cases(columns, class_of)
    members = [class_of[start:end] for start, end in first]
    lane_of_class = np.array([_LANE_INDEX.get(each.lane, -1) for each in classes], np.int64)
    lanes = _lanes(members, risk, lane_of_class)
    tiers = tuple(
        _tier(model, lanes[number], {classes[index].update_path for index in each})
        for number, each in enumerate(members)
    )
    return Scores(case, lanes, tiers, classes, tuple(tuple(each.tolist()) for each in members))


_LANE_INDEX: Final = {lane: number for number, lane in enumerate(QUANTUM_LANES)}


@cache
def _draws(log2: int, seed: int) -> Floats:
    """Points of a scrambled Sobol sequence: opinion, reach, secrecy, migration, lifetime."""
    from scipy.stats import qmc

    points: Floats = qmc.Sobol(5, scramble=True, seed=seed).random_base2(log2)
    return points


def _score_classes(
    keys: Ints,
    columns: Columns,
    model: ScoreModel,
    table: CrqcTable,
    as_of: float,
    shared: Ints,
) -> tuple[NDArray[np.float32], tuple[ClassScore, ...]]:
    opinion, u_reach, u_secrecy, u_migration, u_left = _draws(model.draws_log2, model.seed).T
    risk = np.zeros((len(keys), len(opinion)), np.float32)
    classes = []
    for number, key in enumerate(keys.tolist()):
        index, exposure, update, leaves = split_class(key)
        use = columns.uses[index]
        flow, lane = model.flow(use.flow), lane_of(use.role, use.algorithm, update)
        reach = _triangular(model.reach[exposure], u_reach)
        migration = _migration(model, update, leaves, as_of, u_migration, u_left)
        secrecy = _triangular(flow.secrecy_years, u_secrecy)
        confidential, integral = model.impact[flow.c], model.impact[flow.i]
        match lane:
            case Lane.CONFIDENTIALITY:
                harvested = table.mean_over(secrecy, secrecy + migration, opinion)
                drawn = reach * harvested * confidential
            case Lane.FORGERY:
                drawn = reach * table.by(migration, opinion) * integral
            case Lane.ANCHOR:
                at_least = np.maximum(reach, model.anchor_reach_floor)
                spread = 1 - (1 - integral) ** (1 + np.log10(float(shared[index])))
                drawn = at_least * table.by(migration, opinion) * spread
            case Lane.BROKEN:
                drawn = reach * max(confidential, integral)
            case Lane.NONE:
                drawn = np.zeros_like(opinion)
        if lane in _LANE_INDEX:
            risk[number] = drawn
        low, middle, high = np.quantile(drawn, QUANTILES).tolist()
        classes.append(
            ClassScore(
                index,
                exposure,
                update,
                leaves,
                lane,
                (low, middle, high),
                flow.secrecy_years[1],
                float(np.median(migration)),
            )
        )
    return risk, tuple(classes)


def _migration(
    model: ScoreModel, update: str, leaves: int, as_of: float, u: Floats, u_left: Floats
) -> Floats:
    """Years until the last old use is gone; what cannot be changed goes with the device."""
    if update != "none":
        return _triangular(model.migration_years[update], u)
    known, year = leaving(leaves)
    if known == "unknown":
        return _triangular(model.unknown_left_years, u_left)
    if known == "end-of-life":
        return np.full_like(u, max(year + 1 - as_of, 0.0))  # it leaves by the end of that year
    left = year + 0.5 + _triangular(model.lifetime_years, u_left) - as_of
    return np.maximum(left, model.left_at_least_years)


def _triangular(three: Three, u: Floats) -> Floats:
    """The inverse distribution function of a triangular distribution."""
    least, likeliest, most = three
    width = most - least
    if width == 0:
        return np.full_like(u, least)
    peak = (likeliest - least) / width
    rising = least + np.sqrt(u * width * (likeliest - least))
    falling = most - np.sqrt((1 - u) * width * (most - likeliest))
    return np.where(u < peak, rising, falling)


def _cases(columns: Columns, class_of: Ints) -> tuple[Ints, list[tuple[int, int]]]:
    """The case of each asset, and of each case the dependencies of its first asset."""
    case = np.full(len(columns.exposure), UNASSESSED, np.int64)
    if not len(columns.asset):
        return case, []
    starts = np.flatnonzero(np.diff(columns.asset, prepend=columns.asset[0] - 1))
    ends = np.append(starts[1:], len(columns.asset))
    # The sum of random marks does not depend on the order of an asset's uses; that two different
    # sets of classes have the same sum has a chance of about cases² / 2^64.
    marks = np.random.default_rng(1609).integers(0, 2**63, class_of.max() + 1, np.uint64)
    sums = np.add.reduceat(marks[class_of], starts)
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")  # cases in the order of their first asset
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    case[columns.asset[starts]] = rank[inverse]
    chosen = first[order]
    return case, list(zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True))


def _lanes(members: Sequence[Ints], risk: NDArray[np.float32], lane_of_class: Ints) -> Floats:
    """Quantiles of the worst use in each draw, by case and lane.

    All uses in a lane fall to the same machine on the same day: to multiply them as if they were
    independent would punish whoever looks closely and finds more.
    """
    result = np.zeros((len(members), len(QUANTUM_LANES), len(QUANTILES)))
    for start in range(0, len(members), _CHUNK):
        chunk = members[start : start + _CHUNK]
        flat = np.concatenate(chunk)
        owner = np.repeat(np.arange(len(chunk)), [len(each) for each in chunk])
        for lane in range(len(QUANTUM_LANES)):
            here = lane_of_class[flat] == lane
            if not here.any():
                continue
            rows = owner[here]
            begins = np.flatnonzero(np.diff(rows, prepend=-1))
            drawn = np.maximum.reduceat(risk[flat[here]], begins, axis=0)
            result[start + rows[begins], lane] = np.quantile(drawn, QUANTILES, axis=1).T
    return result


def _tier(model: ScoreModel, lanes: Floats, updates: set[str]) -> tuple[str, str]:
    p50, p90 = float(lanes[:, 1].max()), float(lanes[:, 2].max())
    anchor = float(lanes[_LANE_INDEX[Lane.ANCHOR], 1])
    for rule in model.tiers:
        if (
            (rule.any_p50 is None or p50 >= rule.any_p50)
            and (rule.any_p90 is None or p90 >= rule.any_p90)
            and (rule.anchor_p50 is None or anchor >= rule.anchor_p50)
            and (rule.update_path is None or rule.update_path in updates)
        ):
            return rule.tier, rule.says
    return model.tiers[-1].tier, model.tiers[-1].says


def rank_stability(headlines: Sequence[Floats], weights: Ints) -> float:
    """Share of pairs of assets whose order is the same under every profile.

    Args:
        headlines: by profile, one number a case.
        weights: how many assets each case has.
    """
    stacked = np.array(headlines)
    total, stable = 0.0, 0.0
    for number in range(stacked.shape[1] - 1):
        signs = np.sign(np.round(stacked[:, number + 1 :] - stacked[:, [number]], 9))
        pairs = weights[number] * weights[number + 1 :].astype(np.float64)
        total += pairs.sum()
        stable += pairs[(signs == signs[0]).all(axis=0)].sum()
    return float(stable / total) if total else 1.0
