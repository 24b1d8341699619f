"""The page of the instruction set is made from it."""

from pathlib import Path

from accel.core import isa_page
from accel.isa import Isa

PAGE = Path(isa_page.__file__).with_name("ISA.md")


def test_the_page_is_as_it_would_be_made_now(request):
    if request.config.getoption("--update-golden"):
        PAGE.write_text(isa_page.page())
    assert PAGE.read_text() == isa_page.page(), "make it anew with --update-golden"


def test_every_field_is_shown_with_its_widths_and_what_it_means():
    text = isa_page.page()
    widths = {
        name: {field: shape.width for field, shape in Isa(config).descriptor}
        for name, config in isa_page.CORES.items()
    }
    for field in set().union(*widths.values()):
        cells = " | ".join(str(width.get(field, "")) for width in widths.values())
        row = next(
            line for line in text.splitlines() if line.startswith(f"| `{field}` | {cells} | ")
        )
        assert len(row.split("|")[-2].strip()) > 3, f"say in accel/isa.py what {field} means"


def test_another_core_has_other_widths():
    larger = {name: config.replace(bank_words=65536) for name, config in isa_page.CORES.items()}
    assert isa_page.page(larger) != isa_page.page()
