"""Kinship matrices from files: of GCTA, PLINK and GEMMA, CSV, and lmmbridge's own netCDF files.

=================================  ===========================================  ==================================
name of the file                   content                                      IDs
=================================  ===========================================  ==================================
``x.grm.bin`` (GCTA, PLINK)        lower triangle, little-endian float32        ``x.grm.id``
                                   (or float64)
``x.grm.gz``, ``x.grm``            text: i, j, number of markers, entry         ``x.grm.id``
``x.rel``, ``x.rel.gz`` (PLINK)    text: n × n, or lower triangle               ``x.rel.id``
``x.rel.bin``                      n × n or lower triangle, float64 or float32  ``x.rel.id``
``x.cXX.txt``, ``x.sXX.txt``       text: n × n (GEMMA)                          none: a file of IDs must be given
any other, with a file of IDs      text: n × n                                  the file of IDs
``x.nc``                           `lmmbridge.qtl2.storage.write_kinship`       in the file
any other                          CSV                                          column one and row one
=================================  ===========================================  ==================================

A file of IDs has, for each individual, a line FID IID (more columns are ignored, so a .fam file is one), or IID alone;
a first line that begins with # names the columns. IIDs are the IDs where they are unique, otherwise FID_IID. PLINK's
``square0``, zeros above the diagonal, is taken for the lower triangle that it is. The scale stays that of the file.
"""
from __future__ import annotations

import gzip
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.inputs import symmetric
from lmmbridge.qtl2.kinship import check_kinship
from lmmbridge.qtl2.storage import read_kinship
from lmmbridge.tables import read_csv

#: Bytes of a number in a binary file, and the numpy type for it.
NUMBERS = {4: "<f4", 8: "<f8"}
#: What a text file with that ending is.
TEXT = {".rel": "PLINK relationship matrix", ".rel.gz": "PLINK relationship matrix",
        ".cXX.txt": "GEMMA centred relatedness matrix", ".sXX.txt": "GEMMA standardised relatedness matrix"}
#: Endings of files whose IDs are in another file.
WITHOUT_IDS = (".grm.bin", ".grm.gz", ".grm", ".rel.bin", *TEXT)


def read_kinship_file(file: str | os.PathLike, ids: str | os.PathLike | None = None
                      ) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """Read a kinship matrix, in the format that the file's name says (the table at the top of this module).

    Parameters
    ----------
    file : path
        The matrix, such as mice.grm.bin, mice.rel, output/mice.cXX.txt or kinship.csv.
    ids : path, optional
        File of the IDs, such as mice.fam. Default: the .id file that lies beside GCTA's and PLINK's matrices.

    Returns
    -------
    DataFrame, shape (n, n), index and columns being the IDs; for a netCDF file of several matrices a dict of chromosome
    to such
        Where it comes from is in ``.attrs["source"]``, the scale is that of the file.

    Raises
    ------
    InputError
        If the file or its IDs are not there, or are of different sizes or cut short, or if it is not a symmetric
        matrix of finite numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     matrix, individuals = Path(folder, "mice.rel"), Path(folder, "mice.rel.id")
    ...     _ = matrix.write_text("1.02\\n0.25\\t0.98\\n")
    ...     _ = individuals.write_text("#FID\\tIID\\n0\\tm1\\n0\\tm2\\n")
    ...     kinship = read_kinship_file(matrix)
    >>> kinship
          m1    m2
    m1  1.02  0.25
    m2  0.25  0.98
    >>> kinship.attrs["source"]
    'PLINK relationship matrix (text, lower triangle), file mice.rel'
    """
    path = Path(file)
    name = path.name
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a file")
    if not path.exists():
        raise InputError(f"{path} does not exist{_meant(path)}")
    if name.endswith((".id", ".grm.N.bin")):
        raise InputError(f"{path} belongs to a kinship matrix but is none{_meant(path)}")
    if name.endswith(".zst"):
        raise InputError(f"{path} is compressed with zstd: unpack it first, zstd -d '{name}'")
    if name.endswith((".nc", ".csv")) or ids is None and not name.endswith(WITHOUT_IDS):
        if ids is not None:
            raise InputError(f"{path} has the IDs in it: leave {ids} out")
        return _netcdf(path) if name.endswith(".nc") else _csv(path)
    individuals = _ids(path, ids)
    if name.endswith(".grm.bin"):
        return _grm_binary(path, individuals)
    if name.endswith((".grm", ".grm.gz")):
        return _grm_text(path, individuals)
    if name.endswith(".rel.bin"):
        return _rel_binary(path, individuals)
    kind = next((kind for ending, kind in TEXT.items() if name.endswith(ending)), "matrix without IDs")
    return _text_matrix(path, kind, individuals)


def _meant(path: Path) -> str:
    """A matrix beside the path with the same beginning of its name, as part of a sentence."""
    beginning = path.name.removesuffix(".id").removesuffix(".N.bin").removesuffix(".grm").removesuffix(".rel")
    for ending in (".grm.bin", ".grm.gz", ".grm", ".rel", ".rel.bin", ".rel.gz", ".cXX.txt", ".sXX.txt", ".nc", ".csv"):
        if path.with_name(beginning + ending).is_file():
            return f": give {path.with_name(beginning + ending)}"
    return ""


@dataclass(frozen=True)
class _Ids:
    """IDs, and the file they are from."""

    names: list[str]
    file: Path

    def __len__(self) -> int:
        return len(self.names)


def _ids(path: Path, ids: str | os.PathLike | None) -> _Ids:
    """IDs from the file given, or else from the .id file beside the matrix."""
    if ids is not None:
        return _read_ids(Path(ids))
    if path.name.endswith((".cXX.txt", ".sXX.txt")):
        fam = path.with_name(path.name[:-len(".cXX.txt")] + ".fam")
        raise InputError(f"{path} has no IDs: give the file of them (ids), " + (
            f"probably {fam}" if fam.exists() else "such as the .fam file that GEMMA was run on"))
    file = path.with_name(path.name.removesuffix(".bin").removesuffix(".gz") + ".id")
    if not file.exists():
        raise InputError(f"{path}: the file of its IDs, {file}, does not exist; put it there, or give a file of IDs "
                         "(ids)")
    return _read_ids(file)


def _read_ids(file: Path) -> _Ids:
    rows = [(number, line.split()) for number, line in enumerate(_text(file).splitlines(), start=1) if line.strip()]
    header = rows.pop(0)[1] if rows and rows[0][1][0].startswith("#") else None
    if not rows:
        raise InputError(f"{file} has no individual in it: a line FID IID for each is needed")
    if header is None:
        header = ["FID", "IID"] if len(rows[0][1]) > 1 else ["IID"]
    header[0] = header[0].removeprefix("#")
    if "IID" not in header:
        raise InputError(f"{file} has the columns {', '.join(header)}: it needs one called IID")
    for number, fields in rows:
        if len(fields) < len(header):
            raise InputError(f"{file}: line {number} has {len(fields)} of the {len(header)} columns "
                             f"({', '.join(header)})")
    table = pd.DataFrame([fields[:len(header)] for _, fields in rows], columns=header)
    names = table["IID"]
    if not names.is_unique and "FID" in header:
        names = table["FID"] + "_" + table["IID"]
    if not names.is_unique:
        raise InputError(f"{file}: individual '{names[names.duplicated()].iloc[0]}' occurs more than once; give every "
                         "individual its own ID")
    return _Ids(names.tolist(), file)


def _grm_binary(path: Path, ids: _Ids) -> pd.DataFrame:
    n = len(ids)
    pairs = n * (n + 1) // 2
    K, size = _binary(path, ids, {pairs * size: size for size in NUMBERS}, f"the lower triangle, {pairs} numbers")
    counts = path.with_name(path.name.removesuffix(".bin") + ".N.bin")
    markers = ""
    if counts.exists():
        N, _ = _binary(counts, ids, {pairs * size: size for size in NUMBERS}, f"the lower triangle, {pairs} numbers")
        markers = f", {_range(N)} markers"
    return _labelled(_full(K, n), ids, f"GRM (binary, float{8 * size}{markers})", path)


def _rel_binary(path: Path, ids: _Ids) -> pd.DataFrame:
    n = len(ids)
    pairs = n * (n + 1) // 2
    sizes = {count * size: size for count in (pairs, n * n) for size in NUMBERS}
    K, size = _binary(path, ids, sizes, f"{n} × {n} or, for the lower triangle, {pairs} numbers")
    K, shape = (K.reshape(n, n), "square") if len(K) == n * n else (_full(K, n), "lower triangle")
    return _labelled(K, ids, f"PLINK relationship matrix (binary, {shape}, float{8 * size})", path)


def _binary(path: Path, ids: _Ids, sizes: dict[int, int], content: str) -> tuple[np.ndarray, int]:
    """The numbers, and the bytes that each takes, by the size of the file."""
    found = path.stat().st_size
    if found not in sizes:
        wanted = " or ".join(map(str, sizes))
        raise InputError(f"{path} has {found} bytes where the {len(ids)} individuals of {ids.file.name} make it "
                         f"{wanted} ({content}): it was cut short or belongs to other individuals")
    try:
        return np.fromfile(path, NUMBERS[sizes[found]]).astype(float), sizes[found]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _grm_text(path: Path, ids: _Ids) -> pd.DataFrame:
    text = _text(path)
    try:
        rows = np.loadtxt(io.StringIO(text), ndmin=2) if text.strip() else np.empty((0, 4))
    except ValueError as error:
        raise InputError(f"{path} is not a table of numbers: {error}") from None
    pairs = len(ids) * (len(ids) + 1) // 2
    if rows.shape != (pairs, 4):
        raise InputError(f"{path} has {rows.shape[0]} lines of {rows.shape[1]} numbers where the {len(ids)} "
                         f"individuals of {ids.file.name} make it {pairs} lines of 4 (i, j, number of markers, entry): "
                         "it was cut short or belongs to other individuals")
    due = np.column_stack(np.tril_indices(len(ids))) + 1
    odd = np.any(rows[:, :2] != due, axis=1)
    if odd.any():
        k = int(np.argmax(odd))
        raise InputError(f"{path}: line {k + 1} is of the pair {rows[k, 0]:g} {rows[k, 1]:g} where {due[k, 0]} "
                         f"{due[k, 1]} is due: the lower triangle is needed, row by row")
    return _labelled(_full(rows[:, 3], len(ids)), ids, f"GRM (text, {_range(rows[:, 2])} markers)", path)


def _text_matrix(path: Path, kind: str, ids: _Ids) -> pd.DataFrame:
    n = len(ids)
    rows = _numbers(path)
    if len(rows) != n:
        raise InputError(f"{path} has {len(rows)} rows and {ids.file.name} {n} individuals: it was cut short or "
                         "belongs to other individuals")
    lengths = [len(row) for row in rows]
    if lengths == [n] * n:
        return _labelled(np.array(rows), ids, f"{kind} (text, square)", path)
    if lengths == list(range(1, n + 1)):
        return _labelled(_full(np.concatenate(rows), n), ids, f"{kind} (text, lower triangle)", path)
    due = range(1, n + 1) if lengths[0] == 1 else [n] * n
    odd = next(k for k in range(n) if lengths[k] != due[k])
    raise InputError(f"{path}: row {odd + 1} has {lengths[odd]} numbers where {due[odd]} are due for the {n} "
                     f"individuals of {ids.file.name}")


def _netcdf(path: Path) -> pd.DataFrame | dict[str, pd.DataFrame]:
    kinship = read_kinship(path)
    for matrix in kinship.values() if isinstance(kinship, dict) else [kinship]:
        matrix.attrs["source"] = f"lmmbridge netCDF, file {path.name}"
    return kinship


def _csv(path: Path) -> pd.DataFrame:
    frame = read_csv(path)
    frame.index.name = None
    if frame.index.is_unique and set(frame.columns) == set(frame.index):
        frame = frame[frame.index]
    return _checked(frame, "CSV", path)


def _full(triangle: np.ndarray, n: int) -> np.ndarray:
    """The symmetric matrix of a lower triangle, row by row."""
    K = np.empty((n, n))
    start = 0
    for i in range(n):
        K[i, :i + 1] = K[:i + 1, i] = triangle[start:start + i + 1]
        start += i + 1
    return K


def _labelled(K: np.ndarray, ids: _Ids, kind: str, path: Path) -> pd.DataFrame:
    if np.any(np.tril(K, -1)) and not np.any(np.triu(K, 1)):
        K, kind = np.tril(K) + np.tril(K, -1).T, kind.replace("square", "square0")
    return _checked(pd.DataFrame(K, ids.names, ids.names), kind, path)


def _checked(frame: pd.DataFrame, kind: str, path: Path) -> pd.DataFrame:
    try:
        frame = check_kinship(frame, str(path))
        K = symmetric(frame.to_numpy(dtype=float), list(frame.index))
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    frame = pd.DataFrame(K, frame.index, frame.columns)
    frame.attrs["source"] = f"{kind}, file {path.name}"
    return frame


def _range(N: np.ndarray) -> str:
    return f"{N.min():.0f}" if N.min() == N.max() else f"{N.min():.0f} to {N.max():.0f}"


def _numbers(path: Path) -> list[np.ndarray]:
    """The numbers in each line that is not empty."""
    rows = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        try:
            rows.append(np.array(line.split(), dtype=float))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}; a number is needed") from None
    return [row for row in rows if len(row)]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.name.endswith(".gz") else data).decode()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} has {len(data)} bytes and is not a whole gzip file ({error}): it was cut "
                         "short") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
