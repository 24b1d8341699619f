"""For each operator the random models of it alone, collected from the files that draw them."""

from collections.abc import Mapping
from types import MappingProxyType

from hypothesis import strategies as st

from accel.compiler.ir.graph import Graph
from tests.support.networks.tflite import elementwise, operators, shapes, windows

SINGLE_OPERATOR_GRAPHS: Mapping[str, st.SearchStrategy[Graph]] = MappingProxyType(
    {**operators.GRAPHS, **elementwise.GRAPHS, **shapes.GRAPHS, **windows.GRAPHS}
)
