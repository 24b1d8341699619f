"""What can be changed in a source: operators, constants and conditions, one at a time.

Annotations, decorators, formatted texts and what stands for types only are left alone: no test
could, or should, notice them.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.Pow: ast.Mult,
}
# Arguments whose value no test can see: what says how long to wait (tests are not timed), what
# guards against a fault that does not happen, and whether a register that needs no reset has one.
_UNSEEN_ARGUMENTS = {"timeout", "strict", "reset_less"}


@dataclass(frozen=True)
class Mutant:
    """One change: the bytes from ``begin`` to ``end`` of a file become ``after``."""

    path: str
    line: int
    scope: str  # the function or class around it, "Class.method"
    begin: int
    end: int
    before: str
    after: str
    ordinal: int  # 1 for the first such change in its scope

    @property
    def name(self) -> str:
        """What it is, wherever in the file it moves."""
        return f"{self.path} {self.scope} {self.ordinal}: {self.before} -> {self.after}"

    def applied(self, data: bytes) -> bytes:
        return data[: self.begin] + self.after.encode() + data[self.end :]


def mutants_of(path: str, text: str) -> Iterator[Mutant]:
    """All changes of a file, in the order of the syntax tree."""
    data, starts = text.encode(), [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    seen: Counter[tuple[str, str, str]] = Counter()
    for scope, node, changed in _changes(ast.parse(text)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        after = ast.unparse(changed)
        after = after if isinstance(changed, ast.stmt) else f"({after})"
        before = data[begin:end].decode()
        seen[scope, before, after] += 1
        count = seen[scope, before, after]
        yield Mutant(path, node.lineno, scope, begin, end, before, after, count)


def _changes(tree: ast.AST) -> Iterator[tuple[str, ast.expr | ast.stmt, ast.AST]]:
    """Scopes, expressions in them, and what each could become."""
    for scope, node in _walk(tree, ""):
        for place, changed in _of_node(node):
            yield scope or "module", place, changed


def _of_node(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST]]:
    match node:
        case ast.Compare():
            for i, operation in enumerate(node.ops):
                other = _COMPARISONS[type(operation)]()
                ops = [*node.ops[:i], other, *node.ops[i + 1 :]]
                yield node, ast.Compare(node.left, ops, node.comparators)
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not _is_other(node):
            yield node, ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.AugAssign() if type(node.op) in _ARITHMETIC and not _is_hardware(node):
            yield node, ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
        case ast.BoolOp():
            yield (
                node,
                ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values),
            )
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield node, node.operand
        case ast.IfExp() if not _is_changed_itself(node.test):
            yield node, ast.IfExp(_negated(node.test), node.body, node.orelse)
        case ast.Constant(value=bool()):
            yield node, ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield node, ast.Constant(node.value + 1)
        case ast.comprehension():
            for test in node.ifs:
                if not _is_changed_itself(test):
                    yield test, _negated(test)
        case ast.If() | ast.While() if not _is_changed_itself(node.test):
            yield node.test, _negated(node.test)


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is_changed_itself(test: ast.expr) -> bool:
    """Whether the expression has a change of its own that turns it round."""
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Constant():
            return True
        case ast.Compare(
            ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() | ast.Is() | ast.IsNot()]
        ):
            return True
    return False


def _walk(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    """All nodes that may change, each with its scope."""
    yield scope, node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope = f"{scope}.{node.name}".lstrip(".")
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield from _walk(child, scope)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr():
            return True
        case ast.keyword(arg=name):
            return name in _UNSEEN_ARGUMENTS
        case ast.Call(func=ast.Name(id="In" | "Out"), args=[ast.Constant()]):
            return True  # the type of a port, whose numbers a wider one holds as well
        case ast.If():
            return ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
    return False


def _is_other(node: ast.BinOp) -> bool:
    """Whether an operation is none of numbers or bits: of texts, lists or types."""
    if isinstance(node.op, ast.BitOr) and any(map(_is_type, (node.left, node.right))):
        return True
    return _is_text(node.left) or _is_text(node.right)


def _is_type(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(op=ast.BitOr()):
            return _is_type(node.left) or _is_type(node.right)
        case ast.Constant(value=None):
            return True
        case ast.Subscript():
            return _is_type(node.value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in _BUILTIN_TYPES or (name[:1].isupper() and not name.isupper())
    return False


_BUILTIN_TYPES = {"str", "int", "float", "bool", "bytes", "dict", "list", "tuple", "set", "type"}


def _is_text(node: ast.expr) -> bool:
    """Whether an operand is a text or a list, which can only be added."""
    match node:
        case ast.Constant():
            return isinstance(node.value, str | bytes)
        case ast.BinOp():
            return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp)


def _is_hardware(node: ast.AugAssign) -> bool:
    """Whether it adds statements or submodules to a module, which nothing else can do."""
    return ast.unparse(node.target).startswith(("m.d.", "m.submodules", "m.d["))
