"""R/qtl2's control files, YAML or JSON: which files make up a cross and how they are to be read.

All values are kept as the text that is written in the file: R and Python take unquoted `no`, `n`, `012`, `1e3` or dates
for different things in YAML, and as alleles, genotype codes or sexes they are meant literally.
"""
from __future__ import annotations

import json
from pathlib import Path

import yaml

from lmmbridge.errors import InputError
from lmmbridge.qtl2.csv_table import read_text

#: The parts of a cross that are tables in files of their own.
TABLES = ("geno", "gmap", "pmap", "pheno", "covar", "phenocovar", "founder_geno")
#: Extensions of control files, the preferred one first.
EXTENSIONS = (".yaml", ".json")
DEFAULTS = {"sep": ",", "na.strings": "NA", "comment.char": "#"}
_TRUE, _FALSE = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")


def read_control_file(path: Path) -> dict:
    """Read a control file.

    Parameters
    ----------
    path : pathlib.Path
        Name ending in .yaml or .json.

    Returns
    -------
    dict
        Field to text, list of text, or dict of text to either; fields without a value are left out, and "sep",
        "na.strings" and "comment.char" filled in.

    Raises
    ------
    InputError
        If the file cannot be read, or a field occurs twice.
    """
    if path.suffix not in EXTENSIONS:
        raise InputError(f"the control file '{path.name}' must have a name that ends in .yaml or .json")
    text = read_text(path)
    try:
        content = yaml.load(text, Loader=_TextLoader) if path.suffix == ".yaml" else json.loads(
            text, parse_int=str, parse_float=str, object_pairs_hook=_pairs)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        raise InputError(f"{path.name}{where}: {getattr(error, 'problem', None) or 'this is not YAML'}; correct the "
                         "control file") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path.name}, line {error.lineno}: this is not JSON ({error.msg}); correct the control "
                         "file") from None
    except _Twice as error:
        raise InputError(f"{path.name}: the field '{error}' occurs twice; keep one of them") from None
    except RecursionError:
        raise InputError(f"{path.name} is nested too deeply for a control file") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name} does not hold fields such as 'crosstype: f2'; see R/qtl2's input file format")
    return DEFAULTS | {field: value for field, value in content.items() if value is not None}


def flag(control: dict, field: str) -> bool:
    """The value of a field that is true or false; false where it is absent."""
    value = control.get(field, "false")
    value = str(value).lower()
    if value not in _TRUE + _FALSE:
        raise InputError(f"control file: {field} is '{control[field]}'; give true or false")
    return value in _TRUE


def texts(control: dict, field: str) -> list[str]:
    """The value of a field that is one text or a list of them."""
    values = control[field] if isinstance(control[field], list) else [control[field]]
    if not values or not all(isinstance(value, str) for value in values):
        raise InputError(f"control file: {field} must be a name or a list of names")
    return values


def text(control: dict, field: str) -> str:
    """The value of a field that is one text."""
    if len(values := texts(control, field)) != 1:
        raise InputError(f"control file: {field} must be one value, not {len(values)}")
    return values[0]


def codes(control: dict, field: str) -> dict[str, str]:
    """The value of a field that pairs what is in the data with its meaning, without the keys "covar" and "file"."""
    pairs = control[field]
    if not isinstance(pairs, dict):
        raise InputError(f"control file: {field} must pair codes with their meaning, such as 'A: 1'")
    pairs = {code: meaning for code, meaning in pairs.items() if code not in ("covar", "file")}
    odd = [code for code, meaning in pairs.items() if not isinstance(meaning, str)]
    if odd:
        raise InputError(f"control file: {field} gives the code '{odd[0]}' no single meaning; write it as "
                         f"'{odd[0]}: 1'")
    return pairs


def data_files(control: dict) -> list[str]:
    """The names of all files a control file names, in order, as written there."""
    files = [name for field in TABLES if field in control for name in texts(control, field)]
    for field in ("sex", "cross_info"):
        value = control.get(field, {})
        if isinstance(value, dict):
            files += texts(value, "file") if "file" in value else []
        else:
            files += texts(control, field)
    return list(dict.fromkeys(files))


class _Twice(Exception):
    """A field that occurs twice; YAML and JSON readers would keep the last."""


def _pairs(pairs: list[tuple]) -> dict:
    result = {}
    for field, value in pairs:
        if field in result:
            raise _Twice(field)
        result[field] = _as_text(value)
    return result


def _as_text(value):
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


class _TextLoader(yaml.BaseLoader):
    """Texts, lists and dicts only; an unquoted null is None, and keys are unique."""

    def construct_scalar(self, node):
        value = super().construct_scalar(node)
        return None if node.style is None and value in ("", "~", "null", "Null", "NULL") else value

    def construct_mapping(self, node, deep=False):
        return _pairs([(self._key(key), self.construct_object(value, deep=True)) for key, value in node.value])

    def _key(self, node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(problem="a key is not a text", problem_mark=node.start_mark)
        return node.value
