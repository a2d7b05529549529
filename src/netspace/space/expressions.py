"""Conditions that a file may hold, such as `w_m >= 2 and depth <= 40`: parsed, checked, evaluated over arrays.

The text becomes a syntax tree by Python's parser and never runs: only the node types below are evaluated, here, so
that no text can reach an attribute, an item, or a function other than those listed.
"""

import ast
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.errors import ConfigError, short

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": lambda *values: reduce(np.minimum, values),
    "max": lambda *values: reduce(np.maximum, values),
    "sum": lambda *values: reduce(np.add, values),
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
}
_ONE_ARGUMENT = frozenset({"abs", "sqrt", "log"})
_LONGEST = 1000
_LARGEST = 1e300
_VALID = (
    "valid are column names, numbers, + - * / // % **, < <= > >= == !=, and, or, not, parentheses and "
    + ", ".join(f"{name}()" for name in _FUNCTIONS)
)


class Expression:
    """A condition over named columns.

    Attributes:
        text: as written.
        names: the columns it reads.
        words: by column, the words that it is compared with.
        numbers: the columns that are taken for numbers.

    Raises:
        ConfigError: the text is no condition of this little language; the message shows the part that is not.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
            raise ConfigError(f"a condition must be a text of 1 to {_LONGEST} characters, got {short(text)}")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
            if not _is_condition(tree):
                raise ConfigError(f"'{text}' is a number, not a condition: compare it with a value")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"'{text}' cannot be read as a condition; {_VALID}") from None
        self.text: str = text.strip()
        self.names: frozenset[str] = frozenset(
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id not in _FUNCTIONS
        )
        self.words: dict[str, frozenset[str]] = {}
        compared: set[ast.Name] = set()
        for node in ast.walk(tree):
            if (pair := _with_word(node)) is not None:
                self.words[pair[0].id] = self.words.get(pair[0].id, frozenset()) | {pair[1]}
                compared.add(pair[0])
        self.numbers: frozenset[str] = frozenset(
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and node.id in self.names and node not in compared
        )
        self._tree = tree

    def __call__(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return where the condition holds: bool (n,). Arithmetic is in float64; no comparison holds with NaN."""
        with np.errstate(all="ignore"):
            holds = _value(self._tree, columns)
        length = len(next(iter(columns.values())))
        return np.broadcast_to(np.asarray(holds, dtype=np.bool_), (length,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _with_word(node: ast.AST) -> tuple[ast.Name, str] | None:
    """Return the column and the word that a comparison such as `norm == 'batch'` is between; None if it is none."""
    match node:
        case ast.Compare(
            left=ast.Name() as name, ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=str() as word)]
        ):
            return name, word
    return None


def _is_condition(node: ast.expr) -> bool:
    """Return whether `node` is true or false, rather than a number; raise where it is neither, or mixes them up."""
    match node:
        case ast.BoolOp(values=parts):
            return _check_conditions(parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _check_conditions([operand])
        case ast.Compare() if _with_word(node) is not None:
            return True
        case ast.Compare(left=left, ops=operators, comparators=rights):
            if not all(type(operator) in _COMPARISONS for operator in operators):
                raise _not_valid(node)
            _check_numbers([left, *rights])
            return True
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            _check_numbers([left, right])
            return False
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check_numbers([operand])
            return False
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS and arguments:
            if name in _ONE_ARGUMENT and len(arguments) > 1:
                raise ConfigError(f"{name}() takes one value, got '{ast.unparse(node)}'")
            _check_numbers(arguments)
            return False
        case ast.Name(id=name):
            if name in _FUNCTIONS:
                raise ConfigError(f"'{name}' is a function, not a column: write {name}(...)")
            return False
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and value < _LARGEST:
            return False
        case _:
            raise _not_valid(node)


def _check_conditions(nodes: list[ast.expr]) -> bool:
    for node in nodes:
        if not _is_condition(node):
            raise ConfigError(f"'{ast.unparse(node)}' is a number, but a condition is expected here")
    return True


def _check_numbers(nodes: list[ast.expr]) -> None:
    for node in nodes:
        if _is_condition(node):
            raise ConfigError(f"'{ast.unparse(node)}' is a condition, but a number is expected here")


def _not_valid(node: ast.AST) -> ConfigError:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return ConfigError(f"{ast.unparse(node)}: a word stands behind a column and == or !=, as in norm == 'batch'")
    return ConfigError(f"'{ast.unparse(node)}' is not allowed in a condition; {_VALID}")


def _value(node: ast.expr, columns: Mapping[str, NDArray[Any]]) -> Any:
    match node:
        case ast.BoolOp(op=operation, values=parts):
            combine = np.logical_and if isinstance(operation, ast.And) else np.logical_or
            return reduce(combine, [_value(part, columns) for part in parts])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, columns))
        case ast.UnaryOp(op=operation, operand=operand):
            value = _value(operand, columns)
            return -value if isinstance(operation, ast.USub) else value
        case ast.Compare(ops=[operator]) if (pair := _with_word(node)) is not None:
            equal = np.asarray(columns[pair[0].id]) == pair[1]
            return equal if isinstance(operator, ast.Eq) else ~equal
        case ast.Compare(left=left, ops=operators, comparators=rights):
            values = [_value(part, columns) for part in [left, *rights]]
            links = [
                _COMPARISONS[type(operator)](a, b)
                for operator, a, b in zip(operators, values[:-1], values[1:], strict=True)
            ]
            return reduce(np.logical_and, links)
        case ast.BinOp(left=left, op=operation, right=right):
            return _ARITHMETIC[type(operation)](_value(left, columns), _value(right, columns))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*(_value(argument, columns) for argument in arguments))
        case ast.Name(id=name):
            return np.asarray(columns[name], dtype=np.float64)
        case ast.Constant(value=int() | float() as value):
            return np.float64(value)
    raise AssertionError(f"unchecked node {ast.dump(node)}")
