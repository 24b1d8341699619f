"""Statements come after what they must come after, and if possible after what they rather do."""

import random

from accel.sim.rtl2cpp.order import ordered


def test_all_come_once_and_after_what_they_must():
    source = random.Random(1)
    items = list(range(200))
    after = {item: source.sample(range(item), min(item, 3)) for item in items}
    rather = {item: source.sample(items, 2) for item in items}
    mixed = source.sample(items, len(items))
    order = ordered(mixed, after.__getitem__, rather.__getitem__)
    assert sorted(order) == items
    places = {item: place for place, item in enumerate(order)}
    assert all(places[other] < places[item] for item in items for other in after[item])


def test_wishes_that_contradict_nothing_are_all_fulfilled():
    chain = list(range(50))  # as registers of a pipeline, each written after it has been read
    order = ordered(chain, lambda item: (), lambda item: chain[item + 1 : item + 2])
    assert order == chain[::-1]


def test_of_a_ring_of_wishes_one_is_not_fulfilled():
    ring = list(range(5))
    order = ordered(ring, lambda item: (), lambda item: [(item + 1) % 5])
    places = {item: place for place, item in enumerate(order)}
    assert sum(places[(item + 1) % 5] > places[item] for item in ring) == 1
