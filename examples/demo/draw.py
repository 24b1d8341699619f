"""Draw what ``accel demo`` prints, as the front page shows it: demo.svg beside this file.

    python examples/demo/draw.py

Runs the demo as it is, with its build, which takes some minutes, and keeps the sections that a
picture has room for.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
COLUMNS = 78
_CYAN = 6  # of a terminal's colours
SHOWN = {  # sections, and which of their lines
    "Run and compare": "",
    "An answer, as RTL gives it": "",
    "What it takes": "layer .*mode|one inference|The cycle model says",
    "Build the bitstream": "resource|LC|Clock|of one seed|Bitstream",
}
# Rich's own drawing of a terminal, less its fonts from the web.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
{lines}
</defs>
<rect fill="#292929" width="{width}" height="{height}" rx="8"/>
<g transform="translate({terminal_x}, 16)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def demo(*options: str, folder: str) -> str:
    """What the demo prints to a terminal of our size."""
    environment = {
        **os.environ,
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
        "TERM": "xterm-256color",
    }
    command = [sys.executable, "-m", "accel", "demo", *options]
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout


def sections(printed: str) -> dict[str, list[Text]]:
    """The demo's sections by title, as lines without the empty ones at their ends."""
    found: dict[str, list[Text]] = {}
    lines = found.setdefault("", [])
    for line in Text.from_ansi(printed).split("\n", allow_blank=True):
        if _title(line):
            lines = found.setdefault(line.plain.strip(), [])
        lines.append(line)
    return found


def _title(line: Text) -> bool:
    """Whether a line is bold and cyan, as titles are."""
    styles = [Style.parse(str(span.style)) for span in line.spans]
    return any(style.bold and style.color and style.color.number == _CYAN for style in styles)


def picture(printed: str) -> str:
    """The SVG of the sections that are shown; what of them is left out stands as three dots."""
    found = sections(printed)
    screen = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    screen.print(Text.assemble(("$ ", "dim"), ("accel demo", "bold")))
    for title, wanted in SHOWN.items():
        lines = found.get(title, [])
        while lines and not lines[-1].plain.strip():
            lines.pop()
        kept = [line for line in lines[1:] if re.search(wanted, line.plain)]
        if len(kept) < len(lines) - 1:
            kept.insert(0, Text("  ..."))
        for line in [Text(), lines[0], *kept] if lines else []:
            screen.print(line, no_wrap=True, crop=True)
    return screen.export_svg(code_format=FORMAT, unique_id="demo")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        drawn = picture(demo(folder=folder))
    written = PICTURE.with_suffix(".new")
    written.write_text(re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE))
    written.replace(PICTURE)


if __name__ == "__main__":
    main()
