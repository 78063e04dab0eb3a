"""Zip bundles of data files, unpacked without trust in what they say of themselves."""
from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from pathlib import Path, PureWindowsPath

from lmmbridge.errors import InputError

#: Bytes that a bundle may unpack to: ten times a DO study of 1000 mice at 100 000 markers (2 bytes a genotype), and
#: less than a common disk or memory.
MAX_UNPACKED = 2 * 10**9
#: Members that a bundle may have: a cross has a file or two per chromosome and part.
MAX_MEMBERS = 10_000
_CHUNK = 1 << 20


def unzip(bundle: Path, folder: Path) -> list[Path]:
    """Unpack a zip file into an empty folder; nothing is written outside of it.

    Parameters
    ----------
    bundle, folder : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        The files unpacked, without those that macOS adds.

    Raises
    ------
    InputError
        If it is no intact zip file, a member would be written outside the folder, is a link, is encrypted or occurs
        twice, or there is more to unpack than `MAX_UNPACKED`.
    """
    try:
        with zipfile.ZipFile(bundle) as archive:
            return _unpack(archive, bundle.name, folder)
    except FileNotFoundError:
        raise InputError(f"there is no file '{bundle}'; check the name") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise InputError(f"'{bundle.name}' is not an intact zip file ({error}); get or make it again") from None
    except OSError as error:
        raise InputError(f"the zip file '{bundle.name}' cannot be unpacked: {error}") from None


def _unpack(archive: zipfile.ZipFile, bundle: str, folder: Path) -> list[Path]:
    members = [member for member in archive.infolist() if not (member.is_dir() or _from_macos(member.filename))]
    if len(members) > MAX_MEMBERS:
        raise InputError(f"{bundle} has {len(members)} members, more than the {MAX_MEMBERS} that are unpacked")
    files, left = [], MAX_UNPACKED
    for member in members:
        _check_member(member, bundle)
        file = folder / member.filename
        if file in files:
            raise InputError(f"{bundle}: the member '{member.filename}' occurs twice; pack it again")
        file.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, file.open("xb") as target:
            while chunk := source.read(_CHUNK):      # what is there counts, not the size the header claims
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{bundle} unpacks to more than {MAX_UNPACKED:g} bytes (reached in the member "
                                     f"'{member.filename}'); unpack it yourself and read its control file")
                target.write(chunk)
        files.append(file)
    return files


def _check_member(member: zipfile.ZipInfo, bundle: str) -> None:
    path = PureWindowsPath(member.filename)      # both kinds of slash, and drive letters
    whose = f"{bundle}: the member '{member.filename}'"
    if path.drive or path.root or ".." in path.parts:
        raise InputError(f"{whose} would be written outside the folder it is unpacked to; refuse such a file, or pack "
                         "it again with plain names")
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise InputError(f"{whose} is a link or another special file; pack the file itself")
    if member.flag_bits & 0x1:
        raise InputError(f"{whose} is encrypted; pack it without a password")


def _from_macos(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._")
