"""Every anchor says whose it is and where from, and is of something that is measured."""

import pytest

from accel import boards
from accel.bench.anchors import ANCHORS
from accel.bench.figures import KINDS
from accel.bench.networks import KNOWN


@pytest.mark.parametrize("anchor", ANCHORS, ids=lambda a: f"{a.figure}-{a.network}-{a.who}")
def test_an_anchor_has_a_source_and_can_hold(anchor):
    assert anchor.who and len(anchor.source) > 10
    assert anchor.value > 0
    assert anchor.figure in KINDS
    assert anchor.network is None or anchor.network in KNOWN
    devices = [board.device for board in boards.BOARDS.values()]
    assert any(device.startswith(anchor.devices) for device in devices)
    assert anchor.macs[0] <= anchor.macs[1]


def test_no_anchor_is_there_twice():
    keys = [(a.figure, a.network, a.who, a.devices, a.macs) for a in ANCHORS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("network", KNOWN)
def test_each_known_network_has_the_latencies_of_others(network):
    assert any(a.figure == "latency" and a.network == network and not a.limit for a in ANCHORS)
