"""`lmmbridge report` and `lmmbridge figures`: what a finished run's results.json can be turned into."""
from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console

from lmmbridge import InputError
from lmmbridge.cli.options import FILE, FORMATS
from lmmbridge.cli.results_file import fitting, read
from lmmbridge.files import check_new_folder, new_folder
from lmmbridge.progress import track


class Format(NamedTuple):
    """A format of a report: what it writes in words, what makes it, and the file, unless several are made with their names."""

    words: str
    module: str
    function: str
    file: str | None = None


#: Formats of a report, by the names that users give them.
REPORTS = {
    "html": Format("report.html, one page that needs nothing else", "html", "render", "report.html"),
    "latex": Format("supplement.tex for a paper, with its figures and references", "latex", "files"),
    "pdf": Format("supplement.pdf, typeset from it", "latex", "pdf", "supplement.pdf"),
    "markdown": Format("report.md, short, for the summary of a CI job", "markdown", "render", "report.md"),
    "junit": Format("junit.xml, for the tests of a CI job", "junit", "render", "junit.xml"),
    "csv": Format("tables for R and pandas, columns.md says what they hold", "tidy", "files")}


@click.command(epilog="Example: lmmbridge report results.json --format html --format csv --out report")
@click.argument("results_file", metavar="RESULTS.JSON", type=FILE)
@click.option("--format", "formats", type=click.Choice(list(REPORTS)), multiple=True, default=("html",), show_default=True,
              help="May be given several times. " + "; ".join(f"{name}: {format.words}" for name, format in REPORTS.items()) + ".")
@click.option("--out", required=True, type=FILE, help="Folder for the files, new or empty.")
def report(results_file, formats, out) -> None:
    """Write reports of a finished run, from its results.json.

    Everything is written or nothing. The same results give the same files.
    """
    check_new_folder(out)
    results = read(results_file)
    files: dict[str, str | bytes] = {}
    for format in dict.fromkeys(formats):
        with Console(stderr=True).status(f"writing {format}"), fitting(results_file):
            files |= _files(results, format)
    _write(files, out)


def _files(results: dict[str, Any], format: str) -> dict[str, str | bytes]:
    """Name → content of what one format consists of; each brings in what it alone needs."""
    _, module, function, file = REPORTS[format]
    made = getattr(import_module(f"lmmbridge.report.{module}"), function)(results)
    return made if file is None else {file: made}


@click.command(epilog="Example: lmmbridge figures results.json --format pdf --out figures")
@click.argument("results_file", metavar="RESULTS.JSON", type=FILE)
@click.option("--format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--out", required=True, type=FILE, help="Folder for the files, new or empty.")
def figures(results_file, format, out) -> None:
    """Write the figures of a report as files, from a finished run's results.json.

    captions.md says of each what is seen, and what there is instead for those who cannot see it.
    """
    from lmmbridge.report.drawings import drawings
    from lmmbridge.report.markdown import captions

    check_new_folder(out)
    results = read(results_file)
    with Console(stderr=True).status("drawing"), fitting(results_file):
        found = list(drawings(results))
    if not found:
        raise InputError(f"{results_file}: no two engines have numbers in it that could be drawn; name the results of another run")
    with fitting(results_file):
        files: dict[str, str | bytes] = {"captions.md": captions(found)}
        for drawing in track(found, "figures"):
            files[f"{drawing.name}.{format}"] = drawing.content(format)
    _write(files, out)


def _write(files: dict[str, str | bytes], out: Path) -> None:
    """Files into a new folder, whole or not at all, and what was written on standard output."""
    with new_folder(out) as folder:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # Half a surrogate pair, of a file name that is not UTF-8, can be in JSON and not in UTF-8.
            path.write_bytes(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    for name in dict.fromkeys(name.split("/")[0] for name in sorted(files)):
        click.echo(str(out / name))
