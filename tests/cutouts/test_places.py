"""Tables of paths, told from cutouts by their names."""

from spurclust.cutouts.places import is_path_table, is_zarr_place


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


def test_a_hats_catalogue_has_maps_of_the_sky(tmp_path):
    (tmp_path / "dataset" / "Norder=1").mkdir(parents=True)
    (tmp_path / "dataset" / "Norder=1" / "Npix=3.parquet").touch()
    (tmp_path / "point_map.fits").touch()
    assert not is_path_table(tmp_path)
    (tmp_path / "hats.properties").touch()
    assert is_path_table(tmp_path)


def test_zarr_stores(tmp_path):
    assert is_zarr_place("cutouts.zarr")
    assert not is_zarr_place(tmp_path)
    assert not is_zarr_place(["cutouts.zarr"])
    (tmp_path / ".zarray").touch()
    assert is_zarr_place(tmp_path)
