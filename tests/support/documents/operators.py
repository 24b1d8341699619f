"""The table of operators: how file formats spell each, and what computes it."""

from itertools import zip_longest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends import FRONTENDS
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators import OPERATORS, Binary, OnCore, Product
from accel.config import AcceleratorConfig

from .markdown import lines_of
from .markdown import table as markdown

_WIDTH = 48  # characters of a cell
_DOMAINS = {"com.microsoft.": "¹", "qonnx.custom_op.general.": "²"}


def table() -> str:
    rows = []
    for name in OPERATORS:
        spellings = (
            lines_of(
                (_spelled(s) for s, ours in frontend.operators.items() if ours == name), _WIDTH
            )
            for frontend in FRONTENDS.values()
        )
        for first, cells in enumerate(zip_longest(*spellings, fillvalue="")):
            rows.append([f"`{name}`" if not first else "", *cells, "" if first else _runs_on(name)])
    heading = ["operator", *(frontend.name for frontend in FRONTENDS.values()), "runs on"]
    return markdown(heading, rows)


def _spelled(name: str) -> str:
    for domain, mark in _DOMAINS.items():
        if name.startswith(domain):
            return f"`{name.removeprefix(domain)}`{mark}"
    return f"`{name}`"


def _runs_on(name: str) -> str:
    operator = OPERATORS[name]
    places = ["core"] if on_core(name) else []
    places = ["core, free"] if operator.alias else places
    places += ["driver"] if operator.host else []
    return " or ".join(places) or "reference alone"


def on_core(name: str) -> bool:
    """Whether the core computes an operator; of two activations, not only of one and a constant."""
    operator = OPERATORS[name]
    if not isinstance(operator, Binary):
        return isinstance(operator, OnCore | Product)
    quantization = Quantization(scale=(0.5,), zero_point=(0,))
    tensors = [
        Tensor(name=tensor, shape=(1, 2, 2, 4), dtype="int8", quantization=quantization)
        for tensor in ("a", "b", "c")
    ]
    node = Node(
        name=name,
        operator=name,
        inputs=("a", "b"),
        outputs=("c",),
        attributes=operator.attributes(),
    )
    by_name = {tensor.name: tensor for tensor in tensors}
    graph = Graph(name=name, tensors=by_name, nodes=(node,), inputs=("a", "b"), outputs=("c",))
    try:
        compile_graph(graph, AcceleratorConfig())
    except CannotCompile:
        return False
    return True
