"""For each operator the random models of it alone, collected from the files that draw them."""

from collections.abc import Mapping
from types import MappingProxyType

from hypothesis import strategies as st

from accel.compiler.ir import Graph
from tests import models, models_elementwise, models_shapes, models_windows

SINGLE_OPERATOR_GRAPHS: Mapping[str, st.SearchStrategy[Graph]] = MappingProxyType(
    {**models.GRAPHS, **models_elementwise.GRAPHS, **models_shapes.GRAPHS, **models_windows.GRAPHS}
)
