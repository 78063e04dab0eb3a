"""CSV files of the user's: read as they are meant, or refused with a sentence."""
import pytest

from lmmbridge.errors import InputError
from lmmbridge.tables import read_csv


@pytest.mark.parametrize("text, words", [
    ("id,w,x\na1,1,2,9\na2,3,4,9\n", "line 2: 4 cells where the header has 3"),
    ("id,w,x\na1,1,2\na2,3\n", "line 3: 2 cells where the header has 3"),
    ("w,x\na1,1,2\na2,3,4\n", "line 2: 3 cells where the header has 2"),
    ("id,w\na1,1\n,2\n", "line 3: the row has no ID"),
    ("id;w\na1;1\n", "separated by ';'"),
    ("", "is empty"),
    ("id,w,w\na1,1,2\n", "column 'w' occurs more than once"),
])
def test_what_does_not_fit_is_refused(tmp_path, text, words):
    file = tmp_path / "table.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read_csv(file)


@pytest.mark.parametrize("text", [
    "id,w,x\n1,1,2\n02,3,\n", '"","w","x"\n"1",1,2\n"02",3,NA\n', "id,w,x\r\n1,1,2\r\n02,3,-\r\n\r\n",
    "\ufeffid,w,x\n1,1,2\n02,3,nan", 'id, w, x\n1, 1, 2\n"02", 3, NA\n'])
def test_files_as_r_and_python_write_them(tmp_path, text):
    file = tmp_path / "table.csv"
    file.write_text(text, encoding="utf-8", newline="")
    table = read_csv(file)
    assert list(table.index) == ["1", "02"] and list(table.columns) == ["w", "x"]
    assert table["w"].tolist() == [1, 3] and table["x"].isna().tolist() == [False, True]
