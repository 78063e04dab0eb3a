"""The folder of a bulk scan: filled chunk by chunk, and taken up again where that stopped."""
from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import __version__
from lmmbridge.errors import InputError
from lmmbridge.files import write_atomically
from lmmbridge.qtl2.alignment import Kinship
from lmmbridge.qtl2.bulk_chunks import Chunk, Job, Kept
from lmmbridge.qtl2.kinship import DecomposedKinship
from lmmbridge.qtl2.scan1 import said_of_negative
from lmmbridge.qtl2.scan_setup import Setup

ABOUT, LOD, PHENOTYPES, POSITIONS = "scan.json", "lod.npy", "phenotypes.csv", "positions.csv"


class BulkFolder:
    """The folder of a scan, made or found.

    While the scan goes on there are in it scan.json, lod.npy (where all LOD scores are kept) and, for each finished chunk, a
    file in chunks/; the tables are made at the end.

    Parameters
    ----------
    path : Path
    setup : Setup
    kept : Kept
    chunks : list of range
        Of phenotypes.

    Raises
    ------
    InputError
        If the folder holds anything but this scan, or cannot be written.
    """

    def __init__(self, path: Path, setup: Setup, kept: Kept, chunks: list[range]):
        self.setup, self.kept, self.digest = setup, kept, digest_of(setup, kept, chunks)
        self._path, self._chunks, self._finished = path.absolute(), chunks, path.absolute() / "chunks"
        refuse_other_folder(self._path)
        with self._written():
            self._path.mkdir(parents=True, exist_ok=True)
            if not self._there():
                self._refuse_what_does_not_fit()
                self._say([], complete=False)
            if self.complete:
                self._tidy()
            else:
                self._begin()

    @property
    def complete(self) -> bool:
        """Whether the scan is finished."""
        return read_about(self._path)["complete"]

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the finished scan."""
        return tuple(read_about(self._path)["notes"])

    @property
    def job(self) -> Job:
        """What chunks are scanned with."""
        return Job(self.setup, self.kept, str(self._path / LOD))

    @property
    def job_file(self) -> Path:
        """Where workers in other processes find the job."""
        return self._path / "job.pickle"

    def missing(self) -> list[range]:
        """The chunks that are not finished."""
        return [chunk for chunk in self._chunks if not self._file(chunk.start).exists()]

    def write(self, chunk: Chunk) -> None:
        """Keep a finished chunk, whose LOD scores are in lod.npy already."""
        with self._written():
            content = io.BytesIO()
            np.savez(content, hsq=chunk.hsq, phenotype=chunk.phenotype, position=chunk.position, score=chunk.score,
                     below_zero=chunk.below_zero, notes=np.array(json.dumps(chunk.notes)))
            write_atomically(self._file(chunk.first), content.getvalue())

    def finish(self) -> None:
        """Make the tables of the finished chunks, and take these away."""
        notes, below_zero, hsq = list(self.setup.aligned.notes), 0, []
        for part in self._parts():
            notes += json.loads(part["notes"].item())
            below_zero += part["below_zero"].item()
            hsq.append(part["hsq"])
        notes += said_of_negative(below_zero, self.setup)
        positions, phenotypes = _positions(self.setup), _phenotypes(self.setup, np.concatenate(hsq, axis=1))
        with self._written():
            _write_tables([positions], self._path / POSITIONS)
            _write_tables([phenotypes], self._path / PHENOTYPES)
            if self.kept.keep != "lod":
                rows = (_rows(part, phenotypes, positions) for part in self._parts())
                _write_tables(rows, self._path / f"{self.kept.keep}.csv")
            self._say(list(dict.fromkeys(notes)), complete=True)
            self._tidy()

    def _parts(self) -> Iterator[Mapping[str, np.ndarray]]:
        """What is in the files of the finished chunks."""
        for chunk in self._chunks:
            with np.load(self._file(chunk.start)) as part:
                yield part

    def _tidy(self) -> None:
        """Take away the chunks, and what runs that were killed left of others."""
        shutil.rmtree(self._finished, ignore_errors=True)
        for left in (self.job_file, *self._path.glob("*.part")):
            left.unlink(missing_ok=True)

    def _file(self, first: int) -> Path:
        return self._finished / f"{first:08d}.npz"

    def _there(self) -> bool:
        """Whether this is the folder of the same scan."""
        return read_about(self._path).get("digest") == self.digest

    def _refuse_what_does_not_fit(self) -> None:
        if (self._path / ABOUT).exists():
            raise InputError(f"out: {self._path} holds a scan of other inputs or options; name an empty or a new folder")
        needed, free = self._size(), shutil.disk_usage(self._path).free
        if needed > free:
            raise InputError(f"out: LOD scores of {self.setup.aligned.pheno.shape[1]} phenotypes at "
                             f"{len(self.setup.genoprobs.positions)} positions take {needed / 1e9:.3g} GB, and {free / 1e9:.3g} "
                             f"GB are free where {self._path} is; name another folder, or keep less of them (keep)")

    def _size(self) -> int:
        return 8 * len(self.setup.genoprobs.positions) * self.setup.aligned.pheno.shape[1] if self.kept.keep == "lod" else 0

    def _begin(self) -> None:
        """Make what is not there yet; chunks without the array that they are in count for nothing."""
        lod = self._path / LOD
        if self.kept.keep == "lod" and not lod.exists():
            shutil.rmtree(self._finished, ignore_errors=True)
            part = self._path / f"{LOD}.part"
            shape = self.setup.aligned.pheno.shape[1], len(self.setup.genoprobs.positions)
            np.lib.format.open_memmap(part, mode="w+", dtype=np.float64, shape=shape)
            os.replace(part, lod)
        self._finished.mkdir(exist_ok=True)

    def _say(self, notes: list[str], complete: bool) -> None:
        setup, kept = self.setup, self.kept
        about = {"lmmbridge": __version__, "engine": "python", "keep": kept.keep,
                 **({"threshold": kept.threshold} if kept.keep == "above" else {}),
                 **({"top": kept.top} if kept.keep == "peaks" else {}), "criterion": setup.criterion,
                 "phenotypes": setup.aligned.pheno.shape[1], "positions": len(setup.genoprobs.positions),
                 "digest": self.digest, "complete": complete, "notes": notes}
        write_atomically(self._path / ABOUT, json.dumps(about, indent=1) + "\n")

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"out: {self._path} cannot be written ({error.strerror}); what is finished is kept, the same call "
                             "goes on from there") from None


def read_scan1_bulk(out: str | os.PathLike) -> xr.DataArray:
    """The LOD scores that `scan1_bulk` wrote, on disk: parts are read when they are used.

    Parameters
    ----------
    out : path
        The folder of a finished scan with keep="lod".

    Returns
    -------
    DataArray, phenotypes × positions
        Coordinates: `phenotype`, `position` (the marker's name), `chr` of each position. It cannot be written to.

    Raises
    ------
    InputError
        If the folder has no finished LOD scores.

    Examples
    --------
    >>> import tempfile
    >>> from lmmbridge.qtl2 import calc_genoprob, extdata, read_cross2, read_scan1_bulk, scan1_bulk
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     notes = scan1_bulk(calc_genoprob(iron, error_prob=0.002), iron.pheno, out=folder)
    ...     lod = read_scan1_bulk(folder)
    ...     print(dict(lod.sizes), lod.sel(phenotype="spleen").idxmax().item())
    {'phenotype': 2, 'position': 66} D9Mit182
    """
    folder = Path(out)
    about = read_about(folder)
    if "digest" not in about:
        raise InputError(f"out: {folder} is no folder of scan1_bulk; give one that it wrote")
    if about["keep"] != "lod":
        raise InputError(f"out: {folder} has no LOD scores of all positions; give one that scan1_bulk wrote with keep='lod'")
    if not about["complete"]:
        raise InputError(f"out: the scan in {folder} is not finished; call scan1_bulk again with the same inputs")
    positions, phenotypes = (pd.read_csv(folder / name, dtype=str, keep_default_na=False) for name in (POSITIONS, PHENOTYPES))
    return xr.DataArray(np.load(folder / LOD, mmap_mode="r"), dims=("phenotype", "position"), name="lod", coords={
        "phenotype": phenotypes["phenotype"].to_numpy(object), "position": positions["marker"].to_numpy(object),
        "chr": ("position", positions["chr"].to_numpy(object))})


def refuse_other_folder(path: Path) -> None:
    """Refuse a folder that holds something and is not that of a bulk scan.

    Raises
    ------
    InputError
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"out: {path} is a file; name an empty or a new folder")
    try:
        there = [entry.name for entry in path.iterdir() if not entry.name.endswith(".part")] if path.exists() else []
    except OSError as error:
        raise InputError(f"out: {path} cannot be read ({error.strerror}); name another folder") from None
    if there and "digest" not in read_about(path):
        raise InputError(f"out: {path} holds something else ({min(there)}); name an empty or a new folder")


def read_about(folder: Path) -> dict[str, Any]:
    """What scan.json says; nothing where there is none, or none of ours."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        about = None
    return about if isinstance(about, dict) else {}


def digest_of(setup: Setup, kept: Kept, chunks: list[range]) -> str:
    """SHA-256 of all that the results depend on: the same digest is the same scan, to the bit."""
    digest = hashlib.sha256(__version__.encode())
    aligned = setup.aligned
    for part in (astuple(kept), [(chunk.start, chunk.stop) for chunk in chunks], setup.reml, setup.genoprobs.is_x_chr,
                 setup.genoprobs, setup.kinship, aligned.pheno, aligned.addcovar, aligned.Xcovar, aligned.intcovar,
                 aligned.weights):
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    """Names and numbers of any part of a scan, with their shapes."""
    if isinstance(part, Kinship):
        part = part.matrices
    if isinstance(part, DecomposedKinship):
        part = [list(part.ids), part.values, part.vectors]
    if isinstance(part, xr.DataArray):
        part = [part.coords[dim].values.tolist() for dim in part.dims] + [part.values]
    if isinstance(part, (pd.DataFrame, pd.Series)):
        part = [axis.tolist() for axis in part.axes] + [part.to_numpy()]
    if isinstance(part, Mapping):
        part = [item for pair in part.items() for item in pair]
    if isinstance(part, np.ndarray):
        digest.update(repr(part.shape).encode())
        digest.update(np.ascontiguousarray(part, dtype="<f8"))
    elif isinstance(part, list) and any(isinstance(item, (list, np.ndarray, Mapping, xr.DataArray, pd.DataFrame,
                                                           DecomposedKinship)) for item in part):
        digest.update(f"[{len(part)}".encode())
        for item in part:
            _feed(digest, item)
    else:
        digest.update(repr(part).encode())


def _positions(setup: Setup) -> pd.DataFrame:
    return pd.DataFrame([(chromosome, name) for chromosome, array in setup.genoprobs.items()
                         for name in array.coords["position"].values], columns=["chr", "marker"])


def _phenotypes(setup: Setup, hsq: np.ndarray) -> pd.DataFrame:
    pheno = setup.aligned.pheno
    table = pd.DataFrame({"phenotype": pheno.columns, "individuals": pheno.notna().sum().to_numpy()})
    if setup.kinship is None:
        return table
    nulls = setup.null_chromosomes
    names = ["hsq"] if len(nulls) == 1 else [f"hsq_{chromosome}" for chromosome in nulls]
    return pd.concat([table, pd.DataFrame(hsq.T, columns=names)], axis=1)


def _rows(part: Mapping[str, np.ndarray], phenotypes: pd.DataFrame, positions: pd.DataFrame) -> pd.DataFrame:
    """LOD scores of a chunk that are kept one by one."""
    phenotype, position = (part[name] for name in ("phenotype", "position"))
    return pd.DataFrame({"phenotype": phenotypes["phenotype"].to_numpy()[phenotype], **{
        name: positions[name].to_numpy()[position] for name in positions}, "lod": part["score"]})


def _write_tables(tables: Iterable[pd.DataFrame], path: Path) -> None:
    """Tables with the same columns as one CSV file, which is there when it is whole."""
    part = path.with_name(f".{path.name}.part")
    with open(part, "w", encoding="utf-8", newline="") as stream:
        for i, table in enumerate(tables):
            table.to_csv(stream, index=False, header=i == 0)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
