"""How an approach looks: one colour, one dash and one shape, the same in every table and chart.

Colours are CSS variables, so that the page chooses them for light, dark and print. They are told
apart by readers with any colour vision, and never alone: dash, shape or name says it as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

_LIGHT = ("#0067a8", "#c2410c", "#047857", "#a3357f", "#8a6100", "#4b5bd1", "#2f7d8a", "#7a4a2b")
_DARK = ("#56b4e9", "#ff9154", "#34d399", "#ef8fcf", "#f0c94a", "#9aa5ff", "#6fd0de", "#d9a583")
_DASHES = ((1, 0), (7, 3), (2, 3), (9, 3, 2, 3), (5, 2), (12, 4), (3, 1, 1, 1), (1, 1))
_SHAPES = (
    "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z",  # circle
    "M-.9,-.9L.9,-.9L.9,.9L-.9,.9Z",  # square
    "M0,-1.1L1.1,.9L-1.1,.9Z",  # triangle
    "M0,-1.25L1.25,0L0,1.25L-1.25,0Z",  # diamond
    "M-.4,-1.1L.4,-1.1L.4,-.4L1.1,-.4L1.1,.4L.4,.4L.4,1.1L-.4,1.1L-.4,.4L-1.1,.4L-1.1,-.4L-.4,-.4Z",
    "M0,1.1L1.1,-.9L-1.1,-.9Z",  # triangle, point down
    "M-1.2,-.6L1.2,-.6L1.2,.6L-1.2,.6Z",  # lying bar
    "M-.6,-1.2L.6,-1.2L.6,1.2L-.6,1.2Z",  # standing bar
)


@dataclass(frozen=True, slots=True)
class ApproachStyle:
    """An approach's look.

    Args:
        id: of the approach, the short name on axes.
        title: for people.
        colour: a CSS value.
        dash: of its lines, lengths on and off.
        shape: SVG path of its mark, within −1.25 … 1.25.
    """

    id: str
    title: str
    colour: str
    dash: tuple[int, ...]
    shape: str

    @property
    def swatch(self) -> Markup:
        """Line and mark as they are drawn, for keys and column heads."""
        return Markup(
            '<svg class="swatch" viewBox="0 0 34 14" aria-hidden="true"><path d="M0 7H34"'
            ' stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/><path d="{shape}"'
            ' fill="{colour}" transform="translate(17 7) scale(4.6)"/></svg>'
        ).format(colour=self.colour, dash=" ".join(map(str, self.dash)), shape=self.shape)


def approach_styles(approaches: Mapping[str, str]) -> Mapping[str, ApproachStyle]:
    """A style an approach, by place in the table; after eight they repeat with another dash."""
    styles = {}
    for place, (name, title) in enumerate(approaches.items()):
        slot, turn = place % len(_LIGHT), place // len(_LIGHT)
        styles[name] = ApproachStyle(
            id=name,
            title=title,
            colour=f"var(--approach-{slot})",
            dash=_DASHES[(slot + turn) % len(_DASHES)],
            shape=_SHAPES[(slot + turn) % len(_SHAPES)],
        )
    return styles


def colour_variables(*, dark: bool) -> str:
    """The approaches' colours as CSS declarations."""
    colours = _DARK if dark else _LIGHT
    return "".join(f"--approach-{place}:{colour};" for place, colour in enumerate(colours))
