"""The operators of the representation, one file each; the file's name is the operator's name."""

import sys
from collections.abc import Mapping

from ...discovery import discover
from ._operator import Operator, UnsupportedOperator, place_of

__all__ = ["OPERATORS", "Operator", "UnsupportedOperator", "place_of"]

OPERATORS: Mapping[str, Operator] = discover(sys.modules[__name__], "OPERATOR")
