"""Reasons that say the same are counted, not repeated."""

from accel import boards
from accel.cli.tables.matrix import Answer, show_matrix
from accel.cli.tables.reasons import counted, counted_texts, kinds
from accel.compiler.diagnostics import Reason

from .conftest import MODEL


def too_large(place: str, size: int) -> Reason:
    what = f"its input takes {size:,} bytes, more than the 4,096 of a bank"
    return Reason(place=place, what=what, remedy="use a board with more memory")


REASONS = (
    too_large("conv2d_0", 8_000),
    Reason(place="tanh_1", what="is not supported"),
    too_large("conv2d_2", 16_000),
    too_large("conv2d_3", 16_000),
)


def test_places_and_numbers_alone_make_no_other_reason():
    large, tanh = counted(REASONS)
    assert str(tanh) == "tanh_1: is not supported"
    assert str(large) == f"{REASONS[0]} (and 2 more, such as conv2d_3)"
    assert large.places == ("conv2d_0", "conv2d_2", "conv2d_3")


def test_reasons_without_a_place_are_counted_too():
    (one,) = counted([Reason(place="", what="is wrong")] * 3)
    assert str(one) == "is wrong (3 times)"


def test_reasons_that_are_text_are_the_same():
    texts = [*map(str, REASONS), "the 8x4 core needs 16 DSP"]
    assert [str(one) for one in counted_texts(texts)][:2] == [str(one) for one in counted(REASONS)]
    assert str(counted_texts(texts)[2]) == "the 8x4 core needs 16 DSP"


def test_two_are_alike_only_if_they_have_as_many_of_each_kind():
    assert kinds(REASONS) == kinds((*REASONS[1:], too_large("conv2d_9", 5)))[::-1]
    assert kinds(REASONS) != kinds(REASONS[:3])


def answer(board: str, reasons: tuple[Reason, ...]) -> Answer:
    return Answer(
        model="net.tflite",
        contract="tflm",
        board=board,
        configuration={"rows": 4, "columns": 4, "format": "int8"},
        runs=not reasons,
        cycles=None if reasons else 1_000,
        milliseconds=None if reasons else 0.25,
        latency_ms=None if reasons else 1.75,
        link_ms=None if reasons else 1.5,
        throughput=None if reasons else 600.0,
        memory=None if reasons else 0.5,
        reasons=tuple(map(str, reasons)),
        details=reasons,
    )


def test_boards_with_the_same_reasons_stand_together(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    others = (too_large("conv2d_0", 9_000), *REASONS[1:])
    show_matrix(
        [answer("a", REASONS), answer("b", ()), answer("c", others), answer("d", REASONS[1:2])]
    )
    said = capsys.readouterr().out
    assert "net.tflite does not run on a, c:\n  conv2d_0: its input takes 8,000 bytes" in said
    assert "net.tflite does not run on d:\n  tanh_1: is not supported\n" in said
    assert said.count("its input takes") == 1
    assert "accel check net.tflite --board a\n" in said
    assert "--board d" not in said  # all its reasons are there
    rows = [
        [c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines() if line[0] == "│"
    ]
    assert rows[0] == ["a", "4x4 int8", "4 reasons", "", "", "", ""]
    assert rows[1] == ["b", "4x4 int8", "yes", "1,000", "0.25", "1.5", "600"]


def test_a_network_on_all_boards_is_a_screen(accel):
    code, output, _ = accel("check", MODEL, "--rows", "16", "--cols", "16")
    assert code in (0, 2)
    assert len(output.splitlines()) < 3 * len(boards.BOARDS)
