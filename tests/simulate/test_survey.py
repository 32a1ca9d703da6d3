"""A survey is what was asked for, the same for the same seed, and written whole or not at all."""

import hashlib
import subprocess
import sys
from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.simulate import draw_strips, simulate_survey, write_survey
from spurclust.simulate.defects import count_defects

N_SOURCES, N_SPURIOUS = 20, 8


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(N_SOURCES, N_SPURIOUS, random_state=5)


def digest(survey):
    return hashlib.sha256(survey.cubes.tobytes()).hexdigest()


def assert_equal(one, two):
    np.testing.assert_array_equal(one.cubes, two.cubes)
    np.testing.assert_array_equal(one.y, two.y)
    assert one.source_ids == two.source_ids
    assert one.reasons == two.reasons
    assert one.truth.equals(two.truth)


def test_shapes_and_types(survey):
    assert len(survey) == N_SOURCES
    assert (survey.cubes.shape, survey.cubes.dtype) == ((N_SOURCES, 51, 51, 6), np.float32)
    assert (survey.images.shape, survey.images.dtype) == ((N_SOURCES, 170, 950), np.uint8)
    assert (survey.y.shape, survey.y.dtype) == ((N_SOURCES,), np.int8)
    assert survey.images is survey.images
    assert (np.diff(np.array(survey.source_ids, dtype=int)) > 0).all()
    assert survey.truth["source_id"].tolist() == survey.source_ids


def test_as_many_spurious_as_asked_for_in_their_proportions(survey):
    assert survey.y.sum() == N_SPURIOUS
    counts = Counter(reason for reason in survey.reasons if reason)
    assert counts == count_defects(N_SPURIOUS)
    assert [reason != "" for reason in survey.reasons] == survey.y.astype(bool).tolist()


def test_truth_is_known_of_reliable_sources_only(survey):
    spurious = survey.y == 1
    for column in ("redshift", "magnitude", "effective_radius"):
        np.testing.assert_array_equal(survey.truth[column].isna(), spurious)
    assert survey.truth["ra"].between(214, 216).all()
    assert survey.truth["dec"].between(52, 54).all()


def test_same_seed_same_bits_on_any_number_of_threads(survey):
    assert_equal(survey, simulate_survey(N_SOURCES, N_SPURIOUS, random_state=5, n_jobs=2))
    assert digest(survey) != digest(simulate_survey(N_SOURCES, N_SPURIOUS, random_state=6))
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_equal(survey, simulate_survey(N_SOURCES, N_SPURIOUS, random_state=5))


def test_same_seed_same_bits_in_another_process():
    code = (
        "import hashlib; from spurclust.simulate import simulate_survey; "
        "survey = simulate_survey(4, 3, random_state=9); "
        "print(hashlib.sha256(survey.cubes.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(simulate_survey(4, 3, random_state=9))


@pytest.mark.parametrize("n_spurious", [0, 1])
def test_a_source_does_not_depend_on_how_many_follow(n_spurious):
    few, many = (simulate_survey(n, n * n_spurious, random_state=2) for n in (5, 17))
    same = [k for k in range(5) if few.reasons[k] == many.reasons[k]]
    assert same
    assert few.source_ids == many.source_ids[:5]
    np.testing.assert_array_equal(few.cubes[same], many.cubes[same])
    assert few.truth.loc[same].equals(many.truth.loc[same])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "n_sources is 0: give a whole number of at least 1"),
        ((2.0, 0), r"n_sources is 2\.0"),
        ((True, 0), "n_sources is True"),
        ((5, 6), "n_spurious is 6: give a whole number from 0 to n_sources, 5"),
        ((5, "1"), "n_spurious is '1'"),
        ((5, 1, -1), "random_state is -1: give None or a whole number"),
        ((5, 1, 0.5), r"random_state is 0\.5"),
    ],
)
def test_impossible_numbers(arguments, message):
    n_sources, n_spurious, *random_state = arguments
    with pytest.raises(ValueError, match=message):
        simulate_survey(n_sources, n_spurious, random_state=(*random_state, 12)[0])


@pytest.fixture(scope="module")
def written(survey, tmp_path_factory):
    return write_survey(survey, tmp_path_factory.mktemp("parent") / "new" / "survey", n_jobs=2)


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*"))


def panel(strip, k):
    """Cut a panel out of a strip, at its native pixels."""
    left = 6 + k * 157
    large = strip[8:161, left : left + 153]
    small = large[::3, ::3]
    np.testing.assert_array_equal(large, small.repeat(3, axis=0).repeat(3, axis=1))
    return small


def test_each_panel_is_stretched_between_its_own_percentiles():
    ramp = np.arange(51 * 51, dtype=np.float32).reshape(51, 51)
    cube = np.stack([ramp * 10.0**k + k for k in range(6)], axis=-1)
    strip = draw_strips(cube)
    for k in range(6):
        gray = panel(strip, k)
        assert (gray == 0).mean() == pytest.approx(0.05, abs=0.01)
        assert (gray == 255).mean() == pytest.approx(0.005, abs=0.003)
        assert (np.diff(gray.ravel().astype(int)) >= 0).all()
    np.testing.assert_array_equal(panel(strip, 0), panel(strip, 3))


def test_off_data_is_black_and_does_not_change_the_rest():
    rng = np.random.default_rng(1)
    cube = rng.normal(size=(51, 51, 6)).astype(np.float32)
    cube[:20, :, 2] = np.nan
    gray = panel(draw_strips(cube), 2)
    assert (gray[:20] == 0).all()
    assert (gray[20:] == 0).mean() == pytest.approx(0.05, abs=0.02)


def test_cubes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"7 panels, 3 times larger than \(51, 51\) pixels"):
        draw_strips(np.zeros((2, 51, 51, 7), dtype=np.float32))
    with pytest.raises(ValueError, match=r"do not fit into a strip of 170 x 950"):
        draw_strips(np.zeros((60, 51, 6), dtype=np.float32))
    with pytest.raises(ValueError, match=r"cubes has the shape \(51, 51\)"):
        draw_strips(np.zeros((51, 51), dtype=np.float32))


def test_files_are_gray_strips_in_three_channels_named_as_the_teams(survey, written):
    names = [f"z6_{i}_F090WF115WF150WF200WF277WF444W_crop.png" for i in survey.source_ids]
    assert files_below(written) == sorted([*names, "labels.xlsx"])
    for name, image in zip(names, survey.images, strict=True):
        with Image.open(written / name) as file:
            assert (file.size, file.mode) == ((950, 170), "RGB")
            np.testing.assert_array_equal(np.asarray(file), image[..., None].repeat(3, axis=2))


def test_labels_belong_to_the_files_in_another_order(survey, written):
    table = pd.read_excel(written / "labels.xlsx")
    assert table.columns.tolist() == ["Source_ID", "Reliable_Source", "Reason", "RA", "Dec"]
    ids = table["Source_ID"].astype(str).tolist()
    assert ids != survey.source_ids
    assert sorted(ids, key=int) == survey.source_ids
    table.index = ids
    table = table.loc[survey.source_ids]
    np.testing.assert_array_equal(table["Reliable_Source"], 1 - survey.y)
    assert table["Reason"].fillna("").tolist() == survey.reasons
    np.testing.assert_allclose(table["RA"], survey.truth["ra"], atol=1e-6)
    np.testing.assert_allclose(table["Dec"], survey.truth["dec"], atol=1e-6)


def test_only_an_empty_or_a_new_folder_is_filled(survey, tmp_path):
    assert write_survey(survey, tmp_path) == tmp_path
    files = files_below(tmp_path)
    assert len(files) == len(survey) + 1
    with pytest.raises(FileExistsError, match="not empty: name a new folder"):
        write_survey(simulate_survey(2, 1), tmp_path)
    with pytest.raises(FileExistsError, match="is a file"):
        write_survey(survey, tmp_path / files[0])
    assert files_below(tmp_path) == files


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_after_a_failure(survey, tmp_path, monkeypatch, exists, error):
    save = Image.Image.save

    def fail(image, path, **options):
        if survey.source_ids[5] in path.name:
            raise error
        save(image, path, **options)

    monkeypatch.setattr(Image.Image, "save", fail)
    folder = tmp_path / "survey"
    if exists:
        folder.mkdir()
    with pytest.raises(error):
        write_survey(survey, folder)
    assert files_below(tmp_path) == (["survey"] if exists else [])


def test_without_openpyxl_the_command_is_named(survey, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=r"Writing the labels of a survey needs .*\[survey\]"):
        write_survey(survey, tmp_path / "survey")
    assert files_below(tmp_path) == []
