"""Mutants of a Python module: the same program with one small fault, made on its syntax tree.

A test suite that stays green on a mutant does not look at what the mutant changed, or the change makes no difference.
Docstrings, annotations, decorators, imports and the texts of messages are left alone.
"""
from __future__ import annotations

import ast
import copy
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

#: Operators that take each other's place.
OTHER_OPERATOR = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd], ast.And: [ast.Or], ast.Or: [ast.And],
    # The boundary moved, and the opposite.
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE], ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
def _both_ways(*pairs: tuple[str, str]) -> dict[str, str]:
    return {name: other for pair in pairs for name, other in (pair, pair[::-1])}


#: Functions that could be taken for each other; attributes; variables, where a function has both.
OTHER_FUNCTION = _both_ways(("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"),
                            ("zeros", "ones"), ("sum", "mean"))
OTHER_ATTRIBUTE = _both_ways(("logdet_W", "logdet_XtX"), ("hsq", "loglik")) | {"nan": "pi", "inf": "pi"}
OTHER_VARIABLE = _both_ways(("n", "p"), ("k", "b"), ("low", "high"), ("lower", "upper"), ("score_low", "score_high"))
#: Functions f whose call f(x, …) or x.f() may become x.
DROPPED_FUNCTIONS = {"sqrt", "abs", "log", "sorted", "swapaxes", "squeeze", "copy"}
#: Fields of syntax tree nodes in which nothing is changed.
LEFT_ALONE = {"decorator_list", "annotation", "returns", "exc", "bases"}
#: Numbers, names, operators.
TOKENS = re.compile(r"\d[\w.]*(?:(?<=e)[-+]\d+)?|\w+|\s+|[<>=!&|*/+-]=|\*\*|[^\w\s]")


@dataclass(frozen=True)
class Mutant:
    """One fault in one module.

    Attributes
    ----------
    module : str
    name : str
        Function and changed line, the change as «before → after»; unique in the module, free of line numbers.
    source : str
        The whole mutated module.
    """

    module: str
    name: str
    source: str

    @property
    def key(self) -> str:
        """Digest of module and mutation; comments and layout of the module do not matter."""
        return hashlib.sha256(f"{self.module}\n{self.source}".encode()).hexdigest()[:16]


def mutants(module: str, source: str) -> list[Mutant]:
    """All mutants of a module, none twice."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    found, seen, names = [], {original}, Counter()
    for function, holder, place, node in _places(tree):
        for replacement in _faults(node, place):
            _put(holder, place, replacement)
            mutated = ast.unparse(ast.fix_missing_locations(tree))
            _put(holder, place, node)
            if mutated not in seen:
                seen.add(mutated)
                name = f"{function}: {_change(original, mutated)}"
                names[name] += 1
                found.append(Mutant(module, name if names[name] == 1 else f"{name} ({names[name]})", mutated))
    return found


# ------------------------------------------------------------------ the syntax tree

def _places(node: ast.AST, function: str = "module") -> Iterator[tuple[str, ast.AST, tuple, ast.AST]]:
    """(function, holder, (field, index), node) of every node that may be changed."""
    for field, value in ast.iter_fields(node):
        if field in LEFT_ALONE or isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            inside = child.name if isinstance(child, (ast.FunctionDef, ast.ClassDef)) else function
            yield inside, node, (field, index if isinstance(value, list) else None), child
            yield from _places(child, inside)


def _is_text(node: ast.AST) -> bool:
    """Docstrings, and lists of names."""
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            or isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")


def _put(holder: ast.AST, place: tuple, node: ast.AST) -> None:
    field, index = place
    if index is None:
        setattr(holder, field, node)
    else:
        getattr(holder, field)[index] = node


def _change(original: str, mutated: str) -> str:
    """The one line that differs, with what is common left and right of the change cut to a few words."""
    before, after = next((a, b) for a, b in zip(original.splitlines(), mutated.splitlines()) if a != b)
    before, after = before.strip(), after.strip()
    a, b = (TOKENS.findall(line) for line in (before, after))
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    left, right = "".join(a[:start]), "".join(a[len(a) - end:])
    old, new = "".join(a[start:len(a) - end]), "".join(b[start:len(b) - end])
    left = left if len(left) <= 50 else "…" + left[-50:]
    right = right if len(right) <= 40 else right[:40] + "…"
    return f"{left}«{old} → {new}»{right}"


# ------------------------------------------------------------------ the faults

def _faults(node: ast.AST, place: tuple) -> Iterator[ast.AST]:
    """What may stand in the node's place."""
    for kind, faults in FAULTS.items():
        if isinstance(node, kind):
            yield from faults(node, place)


def _changed(node: ast.AST, **fields) -> ast.AST:
    other = copy.deepcopy(node)
    for field, value in fields.items():
        setattr(other, field, value)
    return other


def _operator(node: ast.BinOp | ast.BoolOp | ast.AugAssign, _) -> Iterator[ast.AST]:
    for other in OTHER_OPERATOR.get(type(node.op), []):
        yield _changed(node, op=other())


def _operands(node: ast.BinOp, _) -> Iterator[ast.AST]:
    """One operand for both; the factors of a matrix product the other way round."""
    if isinstance(node.op, ast.MatMult):
        yield _changed(node, left=node.right, right=node.left)
    else:
        yield node.left
        yield node.right


def _comparison(node: ast.Compare, _) -> Iterator[ast.AST]:
    for i, operator in enumerate(node.ops):
        for other in OTHER_OPERATOR[type(operator)]:
            yield _changed(node, ops=[*node.ops[:i], other(), *node.ops[i + 1:]])


def _one_condition_less(node: ast.BoolOp, _) -> Iterator[ast.AST]:
    for i in range(len(node.values)):
        rest = node.values[:i] + node.values[i + 1:]
        yield rest[0] if len(rest) == 1 else _changed(node, values=rest)


def _operand(node: ast.UnaryOp, _) -> Iterator[ast.AST]:
    yield node.operand


def _constant(node: ast.Constant, place: tuple) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, float):
        changed = [2.0 * value, value + 1.0, -value] + ([value - 1.0] if value.is_integer() else [])
        for other in changed:
            if other != value:
                yield ast.Constant(other)


def _branch(node: ast.IfExp, _) -> Iterator[ast.AST]:
    yield node.body
    yield node.orelse


def _condition(node: ast.If | ast.While, _) -> Iterator[ast.AST]:
    yield _changed(node, test=ast.Constant(False))
    if isinstance(node, ast.If):
        yield _changed(node, test=ast.Constant(True))


def _call(node: ast.Call, _) -> Iterator[ast.AST]:
    """Two arguments swapped; another function; f(x) → x; an option left to its default."""
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if len(node.args) == 2 and function not in ("min", "max", "minimum", "maximum"):
        yield _changed(node, args=node.args[::-1])
    if function in OTHER_FUNCTION:
        field = "attr" if isinstance(node.func, ast.Attribute) else "id"
        yield _changed(node, func=_changed(node.func, **{field: OTHER_FUNCTION[function]}))
    if function in DROPPED_FUNCTIONS:
        # A method of an object, or a function of a library.
        method = not node.args and isinstance(node.func, ast.Attribute)
        yield node.func.value if method else node.args[0]
    if function[:1].islower():
        for i in range(len(node.keywords)):
            yield _changed(node, keywords=node.keywords[:i] + node.keywords[i + 1:])


def _attribute(node: ast.Attribute, _) -> Iterator[ast.AST]:
    if node.attr == "T":
        yield node.value
    if node.attr in OTHER_ATTRIBUTE:
        yield _changed(node, attr=OTHER_ATTRIBUTE[node.attr])


def _function(node: ast.FunctionDef, _) -> Iterator[ast.AST]:
    """One use of a variable replaced by another variable of the function."""
    uses = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)]
    names = {inner.id for inner in uses}
    for use in uses:
        name = use.id
        if OTHER_VARIABLE.get(name) in names:
            use.id = OTHER_VARIABLE[name]
            yield node
            use.id = name


def _slice(node: ast.Slice, _) -> Iterator[ast.AST]:
    """One element less at either end, or the element beyond."""
    one = ast.Constant(1)
    if node.lower is None:
        yield _changed(node, lower=one)
    elif not isinstance(node.lower, ast.Constant):
        yield _changed(node, lower=ast.BinOp(node.lower, ast.Add(), one))
    if node.upper is None:
        yield _changed(node, upper=ast.UnaryOp(ast.USub(), one))
    elif not isinstance(node.upper, ast.Constant):
        yield _changed(node, upper=ast.BinOp(node.upper, ast.Sub(), one))


def _tuple(node: ast.Tuple, place: tuple) -> Iterator[ast.AST]:
    """The first two values the other way round."""
    if isinstance(node.ctx, ast.Load) and len(node.elts) >= 2 and place[0] not in ("slice", "iter", "comparators"):
        yield _changed(node, elts=[node.elts[1], node.elts[0], *node.elts[2:]])


def _return(node: ast.Return, _) -> Iterator[ast.AST]:
    if node.value is not None and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))


def _no_statement(node: ast.stmt, _) -> Iterator[ast.AST]:
    """Left out; not where a name gets a value, as every test would stop at the next use."""
    named = isinstance(node, ast.Assign) and all(isinstance(target, (ast.Name, ast.Tuple)) for target in node.targets)
    if not named:
        yield ast.Pass()


def _filter(node: ast.comprehension, _) -> Iterator[ast.AST]:
    for i in range(len(node.ifs)):
        yield _changed(node, ifs=node.ifs[:i] + node.ifs[i + 1:])


def _in_turn(*faults):
    def all_of_them(node, place):
        for one in faults:
            yield from one(node, place)
    return all_of_them


FAULTS = {
    ast.BinOp: _in_turn(_operator, _operands),
    ast.BoolOp: _in_turn(_operator, _one_condition_less),
    ast.AugAssign: _in_turn(_operator, _no_statement),
    ast.Compare: _comparison,
    ast.UnaryOp: _operand,
    ast.Constant: _constant,
    ast.IfExp: _branch,
    (ast.If, ast.While): _condition,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.FunctionDef: _function,
    ast.Slice: _slice,
    ast.Tuple: _tuple,
    ast.Return: _return,
    (ast.Assign, ast.Expr, ast.Raise): _no_statement,
    ast.comprehension: _filter,
}
