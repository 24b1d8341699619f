"""What `accel datapath check shift3` says, as a test of the package's own."""

from accel.datapath import assert_conforms


def test_the_element_makes_the_formats_products():
    assert_conforms("shift3")
