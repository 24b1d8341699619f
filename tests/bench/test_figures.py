"""Figures and their ratios."""

import pytest

from accel.bench.figures import KINDS, Anchor, Figure, anchored, median, missing


def an_anchor(figure: str, value: float, **more) -> Anchor:
    return Anchor(figure=figure, value=value, who="somebody", source="somewhere", **more)


def test_a_ratio_is_ours_by_theirs():
    figure = Figure(value=30.0, how="")
    assert figure.ratio(an_anchor("fmax", 20.0)) == 1.5


@pytest.mark.parametrize(("key", "better"), [("fmax", 1.5), ("latency", 1 / 1.5)])
def test_times_better_knows_what_is_better(key, better):
    figure = Figure(value=30.0, how="")
    assert figure.times_better(key, an_anchor(key, 20.0)) == pytest.approx(better)


def test_a_capacity_is_no_contest():
    figure = Figure(value=10, how="")
    assert figure.times_better("logic", an_anchor("logic", 20, limit=True, capacity=True)) is None
    assert figure.times_better("dsp", an_anchor("dsp", 20)) is None


def test_what_was_not_measured_has_neither_ratio_nor_verdict():
    figure = missing("no compiler")
    anchor = an_anchor("cpp", 20.0)
    assert figure.ratio(anchor) is None
    assert figure.times_better("cpp", anchor) is None
    made = anchored("cpp", figure, [anchor]).as_dict("cpp")
    assert (made["value"], made["how"]) == (None, "no compiler")
    assert made["anchors"][0]["ratio"] is None


def test_of_several_measurements_the_median_and_the_range_are_told():
    made = median([3.0, 1.0, 2.0], "thrice").as_dict("machine")
    assert [made[name] for name in ("value", "min", "max", "samples")] == [2.0, 1.0, 3.0, 3]


def test_anchors_hold_only_for_what_they_are_of():
    anchor = an_anchor("latency", 1.0, network="KWS", devices=("iCE40UP5K",), macs=(1, 16))
    subject = {"network": "KWS", "device": "iCE40UP5K-SG48", "macs": 16}

    def found(**changes):
        figure = Figure(value=1.0, how="")
        return anchored("latency", figure, [anchor], **{**subject, **changes}).anchors

    assert found() == (anchor,)
    assert found(network=None) == found(device="LFE5U-25F") == found(macs=17) == ()
    assert anchored("cycles", Figure(value=1.0, how=""), [anchor], **subject).anchors == ()


def test_the_json_of_a_figure_has_its_keys():
    made = Figure(value=2, how="so", anchors=(an_anchor("cycles", 4),)).as_dict("cycles")
    assert list(made) == ["value", "unit", "min", "max", "samples", "how", "anchors"]
    assert made["anchors"] == [
        {
            "value": 4,
            "who": "somebody",
            "source": "somewhere",
            "limit": False,
            "ratio": 0.5,
            "times_better": 2.0,
        }
    ]
    assert made["unit"] == KINDS["cycles"].unit
