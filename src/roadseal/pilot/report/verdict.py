"""The verdict: one paragraph in plain words, each sentence computed from the results.

A sentence whose figures are missing is left out; nothing is claimed that this run did not find.
"""

from __future__ import annotations

from collections.abc import Mapping

from roadseal.pilot.corridor import Corridor
from roadseal.pilot.measures import Figure, Measure, Results
from roadseal.pilot.report.drawing import listed
from roadseal.pilot.report.trips import NO_PRIORITY, mean_travel_times_s
from roadseal.pilot.table import is_finite, number


def verdict(results: Results, corridor: Corridor) -> list[str]:
    """The sentences, in the order in which a reader asks."""
    measures = {measure.id: measure for measure in results.measures}
    sentences = [
        _scope(results, corridor),
        _attack(results, measures.get("forged-granted"), "Forged priority requests were granted"),
        _attack(results, measures.get("sessions-opened"), "Recorded backhaul sessions were opened"),
        _drills(results),
        _price(results, measures.get("cam-mean-bytes"), "A CAM takes on average", "bytes"),
        _price(results, measures.get("pdr-200m"), "At 200 m there arrive", "of the messages"),
        _emergency(results),
        _missing(results),
    ]
    return [sentence for sentence in sentences if sentence]


def _scope(results: Results, corridor: Corridor) -> str:
    count = len(results.approaches)
    met = "One approach met" if count == 1 else f"{count} approaches met the same"
    seconds = results.about.get("duration_s")
    time = f" for {number(seconds)} s" if isinstance(seconds, int | float) else ""
    return f"{met} traffic at {signals_in_words(corridor)}{time}."


def signals_in_words(corridor: Corridor) -> str:
    """How many signals there are, as a sentence has it."""
    count = len(corridor.signals)
    return "one signal" if count == 1 else f"{count} signals"


def _attack(results: Results, measure: Measure | None, what: str) -> str:
    """Under which approaches the attacker got something, and under which nothing."""
    figures = _figures(results, measure)
    if not figures:
        return ""
    got = [f"{name} ({_of(figure)})" for name, figure in figures.items() if figure.value]
    safe = [name for name, figure in figures.items() if not figure.value]
    if not got:
        return f"{what} under none of {listed(safe)}." if len(safe) > 1 else f"{what}: none."
    rest = f" and not under {listed(safe)}" if safe else ""
    return f"{what} under {listed(got)}{rest}."


def _drills(results: Results) -> str:
    """How many of the drills that apply each approach held."""
    groups: dict[tuple[int, int, str], list[str]] = {}
    for name in results.approaches:
        decided = [d for d in results.drills if d.approach == name and d.held is not None]
        if decided:
            failed = [d.title for d in decided if not d.held]
            key = (len(decided) - len(failed), len(decided), listed(failed) if failed else "")
            groups.setdefault(key, []).append(name)
    if not groups:
        return ""
    told = [
        f"{listed(names)} held {held} of {of}" + (f" (not {failed})" if failed else "")
        for (held, of, failed), names in sorted(
            groups.items(), key=lambda g: (-g[0][0] / g[0][1], -g[0][1])
        )
    ]
    return f"Of the drills that apply, {'; '.join(told)}."


def _price(results: Results, measure: Measure | None, before: str, after: str) -> str:
    """One figure an approach; those whose intervals overlap the first's are told together."""
    groups: list[tuple[Figure, list[str]]] = []
    for name, figure in _figures(results, measure).items():
        for first, names in groups:
            uncertain = first.is_uncertain or figure.is_uncertain
            if uncertain or (first.low <= figure.high and figure.low <= first.high):
                names.append(name)
                break
        else:
            groups.append((figure, [name]))
    if not groups:
        return ""
    is_share = after.startswith("of ")
    amounts = [
        f"{number(100 * f.value)} %" if is_share else number(float(f"{f.value:.3g}"))
        for f, _ in groups
    ]
    told = [
        f"{amount} under {listed(names)}"
        for amount, (_, names) in zip(amounts, groups, strict=True)
    ]
    told[0] = told[0].replace(" under ", f" {after} under ", 1)
    return f"{before} {', '.join(told)}."


def _emergency(results: Results) -> str:
    times = mean_travel_times_s(results)
    without = times.get(NO_PRIORITY)
    driven = {name: times[name] for name in results.approaches if name in times}
    if without is None or not driven:
        return ""
    fast, slow = (choose(driven, key=driven.__getitem__) for choose in (min, max))
    low, high = (number(round(driven[name])) for name in (fast, slow))
    told = f"{low} s" if low == high else f"{low} s ({fast}) to {high} s ({slow})"
    return (
        f"Emergency vehicles took {number(round(without))} s on average without priority "
        f"and {told} with it."
    )


def _missing(results: Results) -> str:
    """How much of the table is open, and where."""
    missing: dict[str, int] = {}
    for measure in results.measures:
        for name in results.approaches:
            if name in measure.values and measure.values[name] is None:
                missing[name] = missing.get(name, 0) + 1
    if not missing:
        return ""
    total = sum(name in m.values for m in results.measures for name in results.approaches)
    where = listed([f"{name} {count}" for name, count in missing.items()])
    return f"Not measured yet: {sum(missing.values())} of {total} figures ({where})."


def _of(figure: Figure) -> str:
    """How often it happened: `12 of 12`; a share says how many tries it rests on."""
    counted = figure.value == int(figure.value) and 1 <= figure.value <= figure.n
    if counted and (figure.value != 1 or figure.n == 1):
        return f"{number(figure.value)} of {number(figure.n)}"
    return f"{number(figure.value)}, n = {number(figure.n)}"


def _figures(results: Results, measure: Measure | None) -> Mapping[str, Figure]:
    if measure is None:
        return {}
    found = ((name, measure.values.get(name)) for name in results.approaches)
    return {name: figure for name, figure in found if figure is not None and is_finite(figure)}
