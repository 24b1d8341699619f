"""How TFLite spells our operators: one row of ``SPELLINGS`` for each of its operators."""

from collections.abc import Mapping
from types import MappingProxyType

import tflite

from ...operators.abs import Abs
from ...operators.add import Add
from ...operators.average_pool2d import AveragePool2d
from ...operators.batch_matmul import BatchMatmul
from ...operators.dequantize import Dequantize
from ...operators.div import Div
from ...operators.elu import Elu
from ...operators.hard_swish import HardSwish
from ...operators.leaky_relu import LeakyRelu
from ...operators.log_softmax import LogSoftmax
from ...operators.logistic import Logistic
from ...operators.max_pool2d import MaxPool2d
from ...operators.maximum import Maximum
from ...operators.minimum import Minimum
from ...operators.mul import Mul
from ...operators.prelu import Prelu
from ...operators.quantize import Quantize
from ...operators.relu import Relu
from ...operators.reshape import Reshape
from ...operators.rsqrt import Rsqrt
from ...operators.softmax import Softmax
from ...operators.squared_difference import SquaredDifference
from ...operators.sub import Sub
from ...operators.tanh import Tanh
from . import recurrent, shapes, windows
from .spelling import Spelling, activation


def _plain(operator: str, attributes: type, operands: int = 1, **values: object) -> Spelling:
    """The row of an operator that has no options of interest."""
    return Spelling(operator, None, lambda *_: attributes(**values), operands)


def _fused(operator: str, attributes: type, options: type) -> Spelling:
    """The row of an operator of two operands whose one option is a fused activation."""
    return Spelling(operator, options, lambda o, *_: attributes(activation=activation(o)), 2)


SPELLINGS: Mapping[str, Spelling] = MappingProxyType(
    {
        # Weights and windows
        "CONV_2D": Spelling("conv2d", tflite.Conv2DOptions, windows.conv2d, 3, 1),
        "DEPTHWISE_CONV_2D": Spelling(
            "depthwise_conv2d", tflite.DepthwiseConv2DOptions, windows.depthwise_conv2d, 3, 1
        ),
        "TRANSPOSE_CONV": Spelling(
            "transpose_conv2d",
            tflite.TransposeConvOptions,
            windows.transpose_conv2d,
            operands=3,
            optional=1,
            first=1,
            constants=(1,),
            order=(1, 0, 2),
        ),
        "FULLY_CONNECTED": Spelling(
            "fully_connected", tflite.FullyConnectedOptions, windows.fully_connected, 3, 1
        ),
        "BATCH_MATMUL": Spelling(
            "batch_matmul",
            tflite.BatchMatMulOptions,
            lambda o, *_: BatchMatmul(transpose_first=o.AdjX(), transpose_second=o.AdjY()),
            2,
        ),
        "AVERAGE_POOL_2D": Spelling(
            "average_pool2d",
            tflite.Pool2DOptions,
            lambda options, *ends: windows.pool2d(AveragePool2d, options, *ends),
        ),
        "MAX_POOL_2D": Spelling(
            "max_pool2d",
            tflite.Pool2DOptions,
            lambda options, *ends: windows.pool2d(MaxPool2d, options, *ends),
        ),
        "MEAN": Spelling("mean", tflite.ReducerOptions, shapes.mean, constants=(1,)),
        "SUM": Spelling("sum", tflite.ReducerOptions, shapes.sum_, constants=(1,)),
        "REDUCE_MAX": Spelling(
            "reduce_max",
            tflite.ReducerOptions,
            lambda *operands: shapes.reduce_max(False, *operands),
            constants=(1,),
        ),
        "REDUCE_MIN": Spelling(
            "reduce_max",
            tflite.ReducerOptions,
            lambda *operands: shapes.reduce_max(True, *operands),
            constants=(1,),
        ),
        # Pairs of codes
        "ADD": _fused("add", Add, tflite.AddOptions),
        "SUB": _fused("sub", Sub, tflite.SubOptions),
        "MUL": _fused("mul", Mul, tflite.MulOptions),
        "DIV": _fused("div", Div, tflite.DivOptions),
        "SQUARED_DIFFERENCE": _plain("squared_difference", SquaredDifference, 2),
        "MINIMUM": _plain("minimum", Minimum, 2),
        "MAXIMUM": _plain("maximum", Maximum, 2),
        # Single codes
        "RELU": _plain("relu", Relu, activation="relu"),
        "RELU6": _plain("relu", Relu, activation="relu6", rescales=False),
        "RELU_N1_TO_1": _plain("relu", Relu, activation="relu_n1_to_1"),
        "PRELU": _plain("prelu", Prelu, 2),
        "LEAKY_RELU": Spelling(
            "leaky_relu", tflite.LeakyReluOptions, lambda o, *_: LeakyRelu(alpha=o.Alpha())
        ),
        "LOGISTIC": _plain("logistic", Logistic),
        "TANH": _plain("tanh", Tanh),
        "HARD_SWISH": _plain("hard_swish", HardSwish),
        "ELU": _plain("elu", Elu),
        "ABS": _plain("abs", Abs),
        "RSQRT": _plain("rsqrt", Rsqrt),
        "QUANTIZE": _plain("quantize", Quantize),
        "DEQUANTIZE": _plain("dequantize", Dequantize),
        # Rows of codes
        "SOFTMAX": Spelling("softmax", tflite.SoftmaxOptions, lambda o, *_: Softmax(beta=o.Beta())),
        "LOG_SOFTMAX": _plain("log_softmax", LogSoftmax),
        "ARG_MAX": Spelling(
            "arg_max",
            tflite.ArgMaxOptions,
            lambda *operands: shapes.arg_max(False, *operands),
            constants=(1,),
        ),
        "ARG_MIN": Spelling(
            "arg_max",
            tflite.ArgMinOptions,
            lambda *operands: shapes.arg_max(True, *operands),
            constants=(1,),
        ),
        # States
        "UNIDIRECTIONAL_SEQUENCE_LSTM": Spelling(
            "lstm",
            tflite.UnidirectionalSequenceLSTMOptions,
            recurrent.lstm,
            operands=recurrent.LSTM_INPUTS,
            chosen=recurrent.LSTM_OWN,
            variables=recurrent.LSTM_STATES,
        ),
        "SVDF": Spelling(
            "svdf", tflite.SVDFOptions, recurrent.svdf, 5, chosen=tuple(range(5)), variables=(4,)
        ),
        # Moves
        "RESHAPE": Spelling("reshape", None, lambda *_: Reshape(), constants=(0, 1)),
        "EXPAND_DIMS": Spelling("reshape", None, shapes.expand_dims, constants=(1,)),
        "SQUEEZE": Spelling("reshape", tflite.SqueezeOptions, shapes.squeeze),
        "TRANSPOSE": Spelling("transpose", None, shapes.transpose, constants=(1,)),
        "PAD": Spelling("pad", None, shapes.pad, constants=(1, 2)),
        "PADV2": Spelling("pad", None, shapes.pad, constants=(1, 2)),
        "MIRROR_PAD": Spelling(
            "mirror_pad", tflite.MirrorPadOptions, shapes.mirror_pad, constants=(1,)
        ),
        "SLICE": Spelling("slice", None, shapes.slice_, constants=(2,)),
        "STRIDED_SLICE": Spelling(
            "slice", tflite.StridedSliceOptions, shapes.strided_slice, constants=(3,)
        ),
        "SPLIT": Spelling("split", None, shapes.split, first=1, constants=(1,), outputs=None),
        "SPLIT_V": Spelling("split", None, shapes.split_v, constants=(2,), outputs=None),
        "GATHER": Spelling("gather", tflite.GatherOptions, shapes.gather, constants=(1,)),
        "PACK": Spelling("pack", tflite.PackOptions, shapes.pack, None),
        "UNPACK": Spelling("unpack", tflite.UnpackOptions, shapes.unpack, outputs=None),
        "SPACE_TO_DEPTH": Spelling(
            "space_to_depth",
            tflite.SpaceToDepthOptions,
            shapes.space_to_depth,
        ),
        "DEPTH_TO_SPACE": Spelling(
            "depth_to_space",
            tflite.DepthToSpaceOptions,
            shapes.depth_to_space,
        ),
        "RESIZE_NEAREST_NEIGHBOR": Spelling(
            "resize_nearest",
            tflite.ResizeNearestNeighborOptions,
            shapes.resize_nearest,
            constants=(1,),
        ),
        "RESIZE_BILINEAR": Spelling(
            "resize_bilinear", tflite.ResizeBilinearOptions, shapes.resize_bilinear, constants=(1,)
        ),
        "CUMSUM": Spelling("cumsum", tflite.CumsumOptions, shapes.cumsum, constants=(1,)),
        "CONCATENATION": Spelling(
            "concatenation", tflite.ConcatenationOptions, shapes.concatenation, None
        ),
    }
)
