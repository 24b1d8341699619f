"""Live answers of the ``tflm`` contract's oracle: TFLite Micro's own interpreter."""

import numpy as np
import tflite
from tflite_micro.python.tflite_micro.runtime import Interpreter, InterpreterConfig

ARENA_BYTES = 2**21


def tflm(
    model: bytes, inputs: np.ndarray, all_tensors: bool = False
) -> np.ndarray | dict[str, np.ndarray]:
    """Run a model with one input on ``[N, ...]`` and return its one output, ``[N, ...]``.

    With ``all_tensors``, return every tensor that an operator writes, by the file's names.
    """
    config = InterpreterConfig.kPreserveAllTensors if all_tensors else None
    interpreter = Interpreter.from_bytes(
        model,
        arena_size=ARENA_BYTES,
        intrepreter_config=config or InterpreterConfig.kAllocationRecording,
    )
    written = _written_tensors(model) if all_tensors else {}
    outputs, layers = [], {name: [] for name in written}
    for sample in inputs:
        interpreter.set_input(sample[np.newaxis], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0))
        for name, index in written.items():
            layers[name].append(interpreter.GetTensor(index, 0)["tensor_data"].copy())
    if all_tensors:
        return {name: np.concatenate(pieces) for name, pieces in layers.items()}
    return np.concatenate(outputs)


def _written_tensors(model: bytes) -> dict[str, int]:
    graph = tflite.Model.GetRootAs(model, 0).Subgraphs(0)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    indices = [int(index) for op in operators for index in op.OutputsAsNumpy()]
    return {graph.Tensors(index).Name().decode(): index for index in indices}
