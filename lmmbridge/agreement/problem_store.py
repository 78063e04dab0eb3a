"""Problems and answers as files: names and small arrays as JSON, large arrays once each, by the hash of their content.

JSON holds doubles to the last bit; what JSON has no number for stands as "nan", "inf" or "-inf".
"""
from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.errors import InputError
from lmmbridge.inputs import Data
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan_data import ScanData

#: Arrays with more numbers have a file of their own.
SMALL = 1000


class ArrayStore:
    """Arrays in a folder, each once.

    Parameters
    ----------
    folder : Path
        Made where an array is put.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, array: np.ndarray) -> dict[str, Any]:
        """What stands for the array in JSON."""
        array = np.asarray(array, dtype=float)
        if array.size <= SMALL:
            return {"shape": list(array.shape), "numbers": [_plain(value) for value in array.ravel().tolist()]}
        key = _hash(array)
        path = self.folder / f"{key}.npz"
        if not path.exists():
            self.folder.mkdir(exist_ok=True)
            symmetric = array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, array.T)
            numbers = array[np.tril_indices(len(array))] if symmetric else array
            with open(path, "wb") as file:
                np.savez_compressed(file, symmetric=symmetric, numbers=numbers)
        return {"shape": list(array.shape), "file": key}

    def get(self, entry: dict[str, Any]) -> np.ndarray:
        """The array that such an entry stands for.

        Raises
        ------
        InputError
            Where its file is not there, or does not hold what it held when it was written.
        """
        if "numbers" in entry:
            return np.array([float(value) for value in entry["numbers"]]).reshape(entry["shape"])
        path = self.folder / f"{entry['file']}.npz"
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as content:
                numbers, symmetric = content["numbers"], bool(content["symmetric"])
        except OSError:
            raise InputError(f"--recorded: {path} is not there or cannot be read; the recording is not whole") from None
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"--recorded: {path} is not what was recorded ({error})") from None
        array = numbers
        if symmetric:
            n = entry["shape"][0]
            array = np.empty((n, n))
            array[np.tril_indices(n)] = numbers
            array.T[np.tril_indices(n)] = numbers
        if _hash(array) != entry["file"]:
            raise InputError(f"--recorded: {path} is not what was recorded (its hash differs)")
        return array


def _hash(array: np.ndarray) -> str:
    content = np.ascontiguousarray(array, dtype="<f8").tobytes()
    return hashlib.sha256(repr(array.shape).encode() + content).hexdigest()[:24]


def _plain(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def frame_to_plain(frame: pd.DataFrame | pd.Series, store: ArrayStore) -> dict[str, Any]:
    """A table of numbers, or a series, as plain data."""
    plain = {"index": list(map(str, frame.index)), "values": store.put(frame.to_numpy(dtype=float))}
    if isinstance(frame, pd.DataFrame):
        return plain | {"columns": list(map(str, frame.columns))}
    return plain


def frame_from_plain(plain: dict[str, Any], store: ArrayStore) -> pd.DataFrame | pd.Series:
    """The reverse of `frame_to_plain`."""
    values = store.get(plain["values"])
    if "columns" in plain:
        return pd.DataFrame(values, plain["index"], plain["columns"])
    return pd.Series(values, plain["index"])


def data_to_plain(data: Data | ScanData, store: ArrayStore) -> dict[str, Any]:
    """A problem's inputs as plain data."""
    if isinstance(data, ScanData):
        return {"kind": "scan"} | _scan_to_plain(data, store)
    arrays = {name: None if getattr(data, name) is None else store.put(getattr(data, name)) for name in ("Y", "X", "K", "weights")}
    names = {name: list(getattr(data, name)) for name in ("ids", "phenotypes", "positions", "columns", "notes")}
    return {"kind": "model"} | names | arrays


def data_from_plain(plain: dict[str, Any], store: ArrayStore) -> Data | ScanData:
    """The reverse of `data_to_plain`."""
    if plain["kind"] == "scan":
        return _scan_from_plain(plain, store)
    arrays = {name: None if plain[name] is None else store.get(plain[name]) for name in ("Y", "X", "K", "weights")}
    names = {name: tuple(plain[name]) for name in ("ids", "phenotypes", "positions", "columns", "notes")}
    return Data(**names, **arrays)


def _scan_to_plain(data: ScanData, store: ArrayStore) -> dict[str, Any]:
    probs = data.genoprobs
    chromosomes = {name: {"genotypes": array.coords["genotype"].values.tolist(),
                          "positions": array.coords["position"].values.tolist(), "values": store.put(array.values)}
                   for name, array in probs.items()}
    kinship = data.kinship
    if isinstance(kinship, dict):
        kinship = {"by chromosome": {name: frame_to_plain(frame, store) for name, frame in kinship.items()}}
    elif kinship is not None:
        kinship = frame_to_plain(kinship, store)
    frames = {name: None if getattr(data, name) is None else frame_to_plain(getattr(data, name), store)
              for name in ("pheno", "addcovar", "Xcovar", "intcovar", "weights")}
    return {"genoprobs": {"individuals": list(probs.individuals), "chromosomes": chromosomes, "is_x_chr": probs.is_x_chr,
                          "crosstype": probs.crosstype, "alleles": None if probs.alleles is None else list(probs.alleles),
                          "alleleprobs": probs.alleleprobs},
            "map": {"positions": {name: frame_to_plain(series, store) for name, series in data.map.items()},
                    "is_x_chr": data.map.is_x_chr},
            "kinship": kinship, "notes": list(data.notes)} | frames


def _scan_from_plain(plain: dict[str, Any], store: ArrayStore) -> ScanData:
    given = plain["genoprobs"]
    arrays = {name: xr.DataArray(store.get(one["values"]), dims=DIMS, coords={
        "individual": given["individuals"], "genotype": one["genotypes"], "position": one["positions"]})
        for name, one in given["chromosomes"].items()}
    probs = Genoprobs(arrays, given["is_x_chr"], given["crosstype"], given["alleles"], given["alleleprobs"])
    kinship = plain["kinship"]
    if kinship is not None:
        kinship = ({name: frame_from_plain(one, store) for name, one in kinship["by chromosome"].items()}
                   if "by chromosome" in kinship else frame_from_plain(kinship, store))
    frames = {name: None if plain[name] is None else frame_from_plain(plain[name], store)
              for name in ("pheno", "addcovar", "Xcovar", "intcovar", "weights")}
    positions = {name: frame_from_plain(one, store) for name, one in plain["map"]["positions"].items()}
    return ScanData(probs, Map(positions, plain["map"]["is_x_chr"]), kinship=kinship, notes=tuple(plain["notes"]), **frames)
