import os
import platform
import sys

import numpy as np

from lmmbridge.rlink import RSession, inventory, project_library
from lmmbridge.rlink.library import PACKAGE_PARENT


def test_inventory(r):
    found = inventory(r)
    assert found["r"]["version"].startswith("R version")
    assert os.path.isdir(found["r"]["home"])
    assert found["r"]["library_paths"] == r.eval("as.list(.libPaths())").value
    assert found["r"]["blas"] == r.eval('extSoftVersion()[["BLAS"]]').value
    assert found["r"]["lapack"] == r.eval("La_library()").value
    packages = found["r"]["packages"]
    assert set(packages) == {"qtl2", "lmmlite", "lmmreference", "lmmbridge", "reticulate", "nlme", "ncdf4", "testthat",
                             "Rcpp"}
    for name, package in packages.items():
        if package is None:
            assert r.call("requireNamespace", name, quietly=True).value is False
        else:
            assert package["library"] in found["r"]["library_paths"]
            assert r.call("packageDescription", name, fields="Version").value == package["version"]
    assert found["python"]["version"] == platform.python_version()
    assert found["python"]["executable"] == sys.executable
    assert found["python"]["packages"]["numpy"] == np.__version__
    assert any(library["user_api"] == "blas" and library["num_threads"] >= 1 for library in found["python"]["blas"])
    assert found["environment"]["OMP_NUM_THREADS"] == os.environ.get("OMP_NUM_THREADS")


def test_inventory_without_r(monkeypatch, tmp_path):
    package = tmp_path / "rpy2"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no rpy2 here')")
    monkeypatch.setattr("lmmbridge.rlink.process.PACKAGE_PARENT", f"{tmp_path}{os.pathsep}{PACKAGE_PARENT}")
    with RSession() as session:
        found = inventory(session)
    assert "no rpy2 here" in found["r"]["problem"]
    assert found["python"]["packages"]["pandas"]


def test_library_of_the_environment_goes_in_front(r_available, monkeypatch, tmp_path):
    monkeypatch.setenv("LMMBRIDGE_R_LIBRARY", str(tmp_path))
    assert project_library() == tmp_path
    with RSession() as session:
        paths = session.eval("as.list(.libPaths())").value
        base = session.eval(".Library").value
    assert paths[0] == str(tmp_path.resolve())
    assert os.path.realpath(base) in [os.path.realpath(path) for path in paths[1:]]


def test_default_library(monkeypatch, tmp_path):
    monkeypatch.setenv("LMMBRIDGE_R_LIBRARY", "")
    monkeypatch.setattr("lmmbridge.rlink.library.PACKAGE_PARENT", tmp_path)
    assert project_library() is None
    (tmp_path / ".r-library").mkdir()
    assert project_library() == tmp_path / ".r-library"
