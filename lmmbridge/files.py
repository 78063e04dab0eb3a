"""Files and folders that are there whole or not at all, whenever the process is killed."""
from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmmbridge.errors import InputError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file; text as UTF-8, with ? for half a surrogate pair, of which names of files may consist.

    Raises
    ------
    OSError
    """
    part = None
    try:
        # Not NamedTemporaryFile, which has a finaliser, in which Ctrl-C would go unheard.
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with open(handle, "wb") as stream:
            stream.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
    finally:
        if part is not None:
            Path(part).unlink(missing_ok=True)


def check_new_file(path: Path, option: str) -> None:
    """Refuse a file that exists, or whose folder does not."""
    if path.exists():
        raise InputError(f"{option}: {path} exists; name another file, or remove it first")
    if not path.parent.is_dir():
        raise InputError(f"{option}: there is no folder {path.parent}; make it, or name another file")


def write_file(path: Path, content: str | bytes, option: str) -> None:
    """Write a file that a command's option names."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"{option}: {path} cannot be written ({error.strerror})") from None


def check_new_folder(path: Path) -> None:
    """Refuse a folder in which there is something, and one that cannot be made."""
    try:
        if path.exists() and any(path.iterdir()):
            raise InputError(f"--out: {path} is not empty; name an empty or a new folder")
    except NotADirectoryError:
        raise InputError(f"--out: {path} is a file; name an empty or a new folder") from None
    except OSError as error:
        raise InputError(f"--out: {path} cannot be read ({error.strerror}); name another folder") from None
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"--out: {path} cannot be made in {there}; name another folder")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `path` when all is written, and is removed when anything goes wrong."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".part"))
    except OSError as error:
        raise InputError(f"--out: {path} cannot be written ({error.strerror})") from None
    try:
        yield part
        os.chmod(part, 0o755)
        os.rename(part, path)
    except OSError as error:
        raise InputError(f"--out: {path} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
