"""Tables of paths, told from cutouts by their names."""

from spurclust.catalog.path_tables import is_path_table


def test_names():
    assert is_path_table("A.PARQUET")
    assert not is_path_table("a.parquet/*.png")
    assert not is_path_table(7)


def test_folders(tmp_path):
    assert not is_path_table(tmp_path)
    (tmp_path / "Norder=1").mkdir()
    (tmp_path / "Norder=1" / "Npix=3.parquet").touch()
    assert is_path_table(tmp_path)
    (tmp_path / "a.png").touch()
    assert not is_path_table(tmp_path)
