"""A DMA transfer has a layout of its own that a layer's descriptor can be told from."""

import pytest

from accel.config import AcceleratorConfig
from accel.isa import Isa

CONFIGS = [
    AcceleratorConfig(rows=rows, columns=columns, flash_lanes=4, bank_words=words)
    for rows, columns, words in ((2, 2, 256), (4, 4, 16384), (8, 16, 22528))
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.rows}x{c.columns}")
def test_a_transfer_has_the_fields_that_it_needs_and_no_two_share_a_bit(config):
    isa = Isa(config)
    fields = {name: field for name, field in isa.dma_descriptor}
    assert isa.dma_descriptor.size == isa.descriptor.size
    assert fields["next"] == isa.descriptor["next"]  # both are followed alike
    assert fields["dma"] == isa.descriptor["dma"]  # by this bit they are told apart
    assert fields["bank"].width == 1
    # Up to a whole bank may be written from any word on.
    assert fields["address"].width == fields["words_less_one"].width == isa.address_bits
    taken = [bit for f in fields.values() for bit in range(f.offset, f.offset + f.width)]
    assert len(taken) == len(set(taken))


def test_layouts_are_made_once_for_each_configuration():
    config = AcceleratorConfig(flash_lanes=4)
    same = AcceleratorConfig(flash_lanes=4)
    assert Isa(config).dma_descriptor is Isa(same).dma_descriptor
    assert Isa(config).descriptor is not Isa(config.replace(bank_words=256)).descriptor
