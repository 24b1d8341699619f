"""Colours of the pages: of what things are, and one of its own for each board."""

from collections.abc import Iterable

from accel.boards import BOARDS

# Of colours that people with any colour vision tell apart (Okabe and Ito).
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a9199"
INK = "#1c2733"  # of the text
SKY, LIGHT_BLUE, LIGHT_GREEN, PURPLE = "#56b4e9", "#9fc9e6", "#8fd6b8", "#cc79a7"

# Of as many boards as there are, none can be told from its neighbours by less than hue and
# lightness; the names beside them say the rest.
_OF_BOARDS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7b3f98",
    "#8c6d31",
    "#17a2b8",
    "#b5121b",
    "#5b8c00",
    "#f08c8c",
    "#3b3b98",
    "#a05a2c",
    "#00a36c",
    "#c2185b",
    "#607d8b",
    "#b59f00",
    "#4fc3a1",
    "#9575cd",
    "#1b5e20",
    "#ff7043",
    "#006d77",
    "#6a1b9a",
    "#4e342e",
    "#827717",
    "#0d47a1",
    "#d81b60",
)


def board_colors(names: Iterable[str]) -> dict[str, str]:
    """A colour for each board, the same in every chart and on every page.

    Boards of a platform given as module:Class take what no board of ours has.
    """
    ours = list(BOARDS)
    others = sorted({name for name in names if name not in BOARDS})
    return {
        name: _OF_BOARDS[index % len(_OF_BOARDS)] for index, name in enumerate([*ours, *others])
    }
