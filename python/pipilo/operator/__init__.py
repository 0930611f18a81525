"""What operators written in Python are made from."""

from .base import NNOperator, Operator, OperatorFlag, PyOperator, SharedType

__all__ = ["NNOperator", "Operator", "OperatorFlag", "PyOperator", "SharedType"]
