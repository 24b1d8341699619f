"""Live answers of the ``tflm`` contract's oracle: TFLite Micro's own interpreter."""

from collections.abc import Mapping

import numpy as np
import pytest
import tflite

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
Interpreter, InterpreterConfig = runtime.Interpreter, runtime.InterpreterConfig
ARENA_BYTES = 2**21


def tflm(
    model: bytes, inputs: np.ndarray | Mapping[str, np.ndarray], all_tensors: bool = False
) -> np.ndarray | dict[str, np.ndarray]:
    """Run a model on ``[N, ...]``, by name where it has several inputs, and return its one output.

    Of a model with several outputs return all, and with ``all_tensors`` every tensor that an
    operator writes; ``[N, ...]`` each, by the file's names.
    """
    config = InterpreterConfig.kPreserveAllTensors if all_tensors else None
    interpreter = Interpreter.from_bytes(
        model,
        arena_size=ARENA_BYTES,
        intrepreter_config=config or InterpreterConfig.kAllocationRecording,
    )
    graph = tflite.Model.GetRootAs(model, 0).Subgraphs(0)
    sources = [_name(graph, index) for index in graph.InputsAsNumpy()]
    results = [_name(graph, index) for index in graph.OutputsAsNumpy()]
    named = inputs if isinstance(inputs, Mapping) else {sources[0]: inputs}
    written = _written_tensors(graph) if all_tensors else {}
    found = {name: [] for name in (written if all_tensors else results)}
    for sample in range(len(named[sources[0]])):
        for index, name in enumerate(sources):
            interpreter.set_input(named[name][sample : sample + 1], index)
        interpreter.invoke()
        for name, index in written.items():
            found[name].append(interpreter.GetTensor(index, 0)["tensor_data"].copy())
        for index, name in enumerate(() if all_tensors else results):
            found[name].append(interpreter.get_output(index))
    answers = {name: np.concatenate(pieces) for name, pieces in found.items()}
    return answers if all_tensors or len(results) > 1 else answers[results[0]]


def _name(graph: tflite.SubGraph, index: int) -> str:
    return graph.Tensors(int(index)).Name().decode()


def _written_tensors(graph: tflite.SubGraph) -> dict[str, int]:
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    indices = [int(op.Outputs(k)) for op in operators for k in range(op.OutputsLength())]
    values = [i for i in indices if graph.Tensors(i).Type() != tflite.TensorType.RESOURCE]
    return {_name(graph, index): index for index in values}
