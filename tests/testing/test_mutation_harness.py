"""The harness that runs the tests on mutants (tests/mutation, run by `make mutants`), itself on a toy module."""
import ast
from pathlib import Path

import pytest

TOY = '''
"""A module with a docstring: 1 + 1."""

def total(values: list[float]) -> float:
    """Sum by a loop, 0 + 1 + 2."""
    i, result = 0, 0.0
    while i < len(values):
        result += values[i]
        i += 1
    return result


def larger(a, b):
    if a is None:
        raise ValueError(f"{1 + 1} is not None")
    return a if a >= b else b       # of equal ones either will do
'''
TEST = """
import pytest
from toy import larger, total

def test_total():
    assert total([3.0, 4.0]) == 7.0

def test_larger():
    assert larger(1, 2) == 2 and larger(2, 1) == 2
    with pytest.raises(ValueError):
        larger(None, 1)
"""


@pytest.fixture
def harness(monkeypatch):
    """The modules of tests/mutation."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "mutation"))
    import mutants
    import score_table
    import workshop
    return mutants, workshop, score_table


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text(TEST)
    return tmp_path


def named(harness, source=TOY):
    return {mutant.name: mutant for mutant in harness[0].mutants("toy", source)}


def test_mutants_of_the_toy(harness):
    found = named(harness)
    assert set(found) >= {
        "total: while i «< → <=» len(values):", "total: while i «< → >=» len(values):",
        "total: while «i < len(values) → False»:", "total: result «+= → -=» values[i]", "total: i += «1 → 2»",
        "total: «result += values[i] → pass»", "total: i += «1 → 0»", "total: «i += 1 → pass»",
        "total: return «result → None»", "larger: return a if a «>= → >» b else b",
        "larger: return a« if a >= b else b → »", "larger: if a is « → not »None:",
        "larger: «raise ValueError(f'{1 + 1} is not None') → pass»", "larger: if «a is None → True»:",
    }
    assert all(mutant.name.startswith(("total: ", "larger: ")) for mutant in found.values())     # no docstring


def test_every_mutant_is_another_program(harness):
    found = named(harness)
    programs = {ast.dump(ast.parse(mutant.source)) for mutant in found.values()}
    assert len(programs) == len(found) == len({mutant.key for mutant in found.values()})
    assert ast.dump(ast.parse(TOY)) not in programs


def test_texts_annotations_and_imports_are_left_alone(harness):
    source = ('from math import pi\n__all__ = ["f", "g"]\n\n\n'
              '@cache(1)\ndef f(x: int = pi) -> A[1]:\n    """1 + 1"""\n    g(f"{1}")\n')
    assert set(named(harness, source)) == {"f: «g(f'{1}') → pass»"}


@pytest.mark.parametrize("line, expected", [
    ("a = x.T @ y", {"«x.T @ y → y @ x.T»", "x«.T → » @ y"}),
    ("a = x[1:, ::-1]", {"x[«1 → 2»:, ::-1]", "x[«1 → 0»:, ::-1]", "x[1:« → -1», ::-1]", "x[1:, ::«- → »1]"}),
    ("a = sqrt(x)", {"«sqrt(x) → x»"}),
    ("a = f(x, y, axis=0)", {"f(«x, y → y, x», axis=0)", "f(x, y«, axis=0 → »)", "f(x, y, axis=«0 → 1»)"}),
    ("a = max(x, y)", {"«max → min»(x, y)"}),
    ("a = not b and c", {"not b «and → or» c", "«not b and  → »c", "«not  → »b and c", "not b« and c → »"}),
    ("a = 1e-05", {"«1e-05 → 2e-05»", "«1e-05 → 1.00001»", "« → -»1e-05"}),
    ("a = [x for x in b if x > 0]", {"[x for x in b« if x > 0 → »]", "[x for x in b if x «> → >=» 0]"}),
    ("return x, y", {"return («x, y → y, x»)"}),
    ("f(n, p)", {"f(«n → p», p)", "f(n, «p → n»)", "f(«n, p → p, n»)"}),
    ("f(p, n)", {"f(p, «n → p»)"}),
])
def test_faults(harness, line, expected):
    start = "a = " if line.startswith("a = ") else ""
    assert {f"g: {start}{change}" for change in expected} <= set(named(harness, f"def g():\n    {line}\n"))


def test_neither_comments_nor_layout_make_another_mutant(harness):
    again = named(harness, TOY.replace("# of equal ones either will do", "").replace("i += 1", "i   += 1"))
    assert [mutant.key for mutant in again.values()] == [mutant.key for mutant in named(harness).values()]
    changed = named(harness, TOY.replace("result = 0, 0.0", "result = 0, 0.5"))
    name = "total: «i += 1 → pass»"
    assert changed[name].key != named(harness)[name].key


def test_one_is_killed_one_survives_one_never_ends(harness, toy):
    found = named(harness)
    with harness[1].Workshop(toy, ["toy.py", "test_toy.py"]) as workshop:
        copy = workshop.path / "toy.py"
        assert workshop.unharmed(["test_toy.py"]) > 0.0

        def result(name):
            return workshop.trial("toy.py", found[name].source, ["test_toy.py"], timeout=4.0)

        assert result("total: i += «1 → 2»") == ("killed", "test_toy.py::test_total")
        assert result("larger: return a if a «>= → >» b else b") == ("survived", None)
        assert result("total: «i += 1 → pass»") == ("timed out", None)
        assert workshop.trial("toy.py", "import nothing_of_this_name", ["test_toy.py"], timeout=4.0) == (
            "killed", "test_toy.py")
        assert copy.read_text() == TOY
    assert not copy.exists()
    assert (toy / "toy.py").read_text() == TOY


def test_tests_that_fail_without_any_mutation_are_refused(harness, toy):
    (toy / "test_toy.py").write_text("def test_nothing():\n    assert False\n")
    with harness[1].Workshop(toy, ["toy.py", "test_toy.py"]) as workshop:
        with pytest.raises(RuntimeError, match="without any mutation: test_toy.py::test_nothing"):
            workshop.unharmed(["test_toy.py"])


def test_survivors_are_listed_with_their_reason(harness):
    found = harness[0].mutants("toy", TOY)
    equal = "larger: return a if a «>= → >» b else b"
    results = {"toy": [(mutant, {"result": "survived" if mutant.name == equal else "killed"}) for mutant in found]}
    text, missing, stale = harness[2].rendered(results, [{"reason": "equal is equal", "mutants": [f"toy.{equal}"]}])
    n = len(found)
    assert f"| `toy` | {n} | {n - 1} | 0 | 1 | {100.0 * (n - 1) / n:.1f} % |" in text
    assert f"## Survivors\n\nequal is equal\n\n- `toy.{equal}`" in text
    assert (missing, stale) == ([], [])
    other = [{"reason": "another", "mutants": ["toy.total: of long ago"]}]
    assert harness[2].rendered(results, other)[1:] == ([f"toy.{equal}"], ["toy.total: of long ago"])
