"""What differs between two runs."""

from __future__ import annotations

from dataclasses import dataclass

from roadseal.pilot.measures import Figure, Results

_ASKED = (
    *("scenario", "network", "seed", "duration_s", "step_s"),
    *("access", "power_dbm", "bitrate_mbps", "sumo", "roadseal"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure whose value is not the same in two runs; `None` where a run does not have it."""

    measure: str
    label: str
    approach: str
    a: float | None
    b: float | None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Both values and their difference, for a table."""
        a, b = ("–" if value is None else f"{value:.6g}" for value in (self.a, self.b))
        if self.a is None or self.b is None:
            return a, b, ""
        relative = f" ({(self.b - self.a) / self.a:+.1%})" if self.a else ""
        return a, b, f"{self.b - self.a:+.6g}{relative}"


def differences(a: Results, b: Results) -> list[Difference]:
    """Every figure that two runs do not share, those of drills too, in the order of the first."""
    left, right = _figures(a), _figures(b)
    labels = _labels(b) | _labels(a)
    keys = [*left, *(key for key in right if key not in left)]
    return [
        Difference(measure, labels[measure], approach, left.get(key), right.get(key))
        for key in keys
        for measure, approach in [key]
        if left.get(key) != right.get(key)
    ]


def settings(a: Results, b: Results) -> list[str]:
    """In what the runs themselves are not alike, as `seed: 1, 2`; the figures then differ too."""
    asked = [name for name in _ASKED if a.about.get(name) != b.about.get(name)]
    return [f"{name}: {a.about.get(name)}, {b.about.get(name)}" for name in asked]


def _figures(results: Results) -> dict[tuple[str, str], float | None]:
    def value(figure: Figure | None) -> float | None:
        return None if figure is None else figure.value

    measured = {
        (measure.id, approach): value(figure)
        for measure in results.measures
        for approach, figure in measure.values.items()
    }
    for drill in results.drills:
        held = None if drill.held is None else float(drill.held)
        measured[f"{drill.drill}.held", drill.approach] = held
        for name, found in drill.figures.items():
            measured[f"{drill.drill}.{name}", drill.approach] = found
    return measured


def _labels(results: Results) -> dict[str, str]:
    labels = {measure.id: measure.label for measure in results.measures}
    for drill in results.drills:
        for name in ("held", *drill.figures):
            labels[f"{drill.drill}.{name}"] = f"{drill.title}: {name.replace('_', ' ')}"
    return labels
