"""Tables of the terminal: names in them are never broken over lines, so that they can be copied."""

from typing import Any

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from accel.text import escaped

_BORDER, _PADDING = 1, 2  # columns of a screen for each column of a table


class Listing(Table):
    """A table whose cells are lines of text, whatever names they have.

    Lines are broken between words alone; a cell that is made by `name` is not broken at all.
    """

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        shown = (escaped(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, **options)

    def fit(self, screen: Console) -> int:
        """Choose widths of the columns for a screen; return the characters that they take together.

        The widest columns of text are narrowed first, then those of numbers, none below its longest
        word. That may be more than the screen has.
        """
        words, lines = zip(
            *(self._range(index, screen) for index in range(len(self.columns))), strict=True
        )
        widths = list(lines)
        room = screen.width - len(widths) * (_BORDER + _PADDING) - _BORDER
        while sum(widths) > room:
            spare = [index for index, width in enumerate(widths) if width > words[index]]
            if not spare:
                break
            texts = [index for index in spare if self.columns[index].justify == "left"]
            widths[max(texts or spare, key=widths.__getitem__)] -= 1
        for column, width in zip(self.columns, widths, strict=True):
            column.width = width
        return sum(widths) + len(widths) * (_BORDER + _PADDING) + _BORDER

    def _range(self, index: int, screen: Console) -> tuple[int, int]:
        """The longest word, and the longest line, of a column."""
        column = self.columns[index]
        cells = [column.header, *column.cells, column.footer]
        found = [_measured(cell, screen) for cell in cells]
        return max(least for least, _ in found), max(most for _, most in found)


def _measured(cell: RenderableType, screen: Console) -> tuple[int, int]:
    wide = screen.options.update(width=10_000)
    measured = Measurement.get(screen, wide, cell)
    unbroken = isinstance(cell, Text) and cell.no_wrap
    return (measured.maximum if unbroken else measured.minimum), measured.maximum


def table(*columns: str, title: str | None = None) -> Listing:
    """A table whose columns are right-aligned where their heading begins with ``>``."""
    title = None if title is None else escaped(title)
    made = Listing(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        right = column.startswith(">")
        made.add_column(
            escaped(column.removeprefix(">")), justify="right" if right else "left", overflow="fold"
        )
    return made


def name(text: str) -> Text:
    """A cell that must stay in one piece although it may have spaces: the name of a file."""
    return Text(escaped(text), no_wrap=True)
