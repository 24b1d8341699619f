"""The classes that a network decided for, as tables."""

from typing import TYPE_CHECKING

from accel.cli._output import say, show
from accel.cli.tables.listing import name, table

if TYPE_CHECKING:
    from accel.pictures.answers import Answers

_MANY = 20  # classes in a table


def show_answers(answers: "Answers") -> None:
    """The best classes of the first samples and, with true ones, how many are right."""
    from accel.pictures.answers import SHOWN, TOP

    samples = len(answers.chosen)
    ranks = [f"{rank}." for rank in range(1, min(TOP, answers.classes) + 1)]
    true = ["true"] if answers.labels is not None else []
    title = "Top classes" + (f" of the first {SHOWN} of {samples:,} samples" * (samples > SHOWN))
    listing = table(">sample", *true, *ranks, title=title)
    for sample in range(min(SHOWN, samples)):
        best = [f"{answers.name(index)} ({value:.3g})" for index, value in answers.top(sample)]
        own = [] if answers.labels is None else [answers.name(int(answers.labels[sample]))]
        wrong = answers.labels is not None and answers.labels[sample] != answers.chosen[sample]
        listing.add_row(str(sample), *map(name, own + best), style="red" if wrong else None)
    show(listing)
    if answers.right is None or answers.accuracy is None:
        return
    more = ""
    if answers.classes > 2 * TOP:
        more = f"; among the first {TOP}: {100 * (answers.within(TOP) or 0):.2f} %"
    say(f"Accuracy: {answers.right:,} of {samples:,} right, {100 * answers.accuracy:.2f} %{more}")
    wrong_classes = [row for row in answers.of_each_class() if row[1] != row[2]]
    worst = sorted(wrong_classes, key=lambda row: row[2] / row[1])[:_MANY]
    if worst:
        listing = table("class", ">samples", ">right", ">share", title="Classes that have mistakes")
        for index, count, right in worst:
            share = f"{100 * right / count:.1f} %"
            listing.add_row(name(answers.name(index)), f"{count:,}", f"{right:,}", share)
        show(listing)
