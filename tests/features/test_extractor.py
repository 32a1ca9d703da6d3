"""CutoutFeatures: panels are found, causes are seen, and how a panel is turned does not matter."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from spurclust.features import CutoutFeatures
from spurclust.simulate import draw_strips, simulate_survey

GAP = 255


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(24, 8, random_state=0)


def strip_of(panels, enlargement=3, gap=4, margin=2):
    """Draw panels of shape (n, n_panels, height, width) side by side, on white."""
    large = panels.repeat(enlargement, axis=2).repeat(enlargement, axis=3)
    n, n_panels, height, width = large.shape
    strips = np.full(
        (n, height + 2 * margin, n_panels * (width + gap) - gap + 2 * margin), GAP, dtype=np.uint8
    )
    for k in range(n_panels):
        left = margin + k * (width + gap)
        strips[:, margin : margin + height, left : left + width] = large[:, k]
    return strips


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 250, shape, dtype=np.uint8)


@parametrize_with_checks([CutoutFeatures()])
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("enlargement", [1, 3, 5])
@pytest.mark.parametrize("n_panels", [2, 6])
def test_panels_are_found(n_panels, enlargement):
    one_strip = strip_of(noise(1, n_panels, 31, 31), enlargement)
    features = CutoutFeatures().fit(one_strip)
    assert features.n_panels_ == n_panels
    assert features.panel_shape_ == (31, 31)
    assert features.enlargement_ == (enlargement, enlargement)


def test_squares_without_gaps_are_panels():
    assert CutoutFeatures().fit(noise(4, 10, 40)).n_panels_ == 4
    assert CutoutFeatures().fit(noise(4, 10, 45)).n_panels_ == 1


def test_given_panels():
    assert CutoutFeatures(panels=5).fit(noise(4, 10, 45)).n_panels_ == 5
    assert CutoutFeatures(panels=(2, 3)).fit(noise(4, 20, 30)).n_panels_ == 6
    with pytest.raises(ValueError, match="9 pixels, which are not 10 panels"):
        CutoutFeatures(panels=10).fit(noise(4, 9, 9))


def test_channels_are_panels_unless_equal():
    cubes = noise(4, 12, 12, 3)
    assert CutoutFeatures().fit(cubes).n_panels_ == 3
    gray = np.repeat(cubes[..., :1], 3, axis=3)
    assert CutoutFeatures().fit(gray).n_panels_ == 1


def test_a_strip_means_what_its_cube_means(survey):
    strips = CutoutFeatures().set_output(transform="pandas").fit_transform(survey.images)
    cubes = CutoutFeatures().set_output(transform="pandas").fit_transform(survey.cubes)
    # Not the blank pixels: beside a bright source, 8 bits leave a sky that looks blank.
    for name in ("panel3_center_signal", "panel3_streak_signal", "panel3_ring8_mean"):
        assert np.corrcoef(strips[name], cubes[name])[0, 1] > 0.98, name


@pytest.mark.parametrize(
    "turn",
    [
        lambda cubes: cubes[:, ::-1],
        lambda cubes: cubes[:, :, ::-1],
        lambda cubes: cubes.swapaxes(1, 2),
    ],
    ids=["upside down", "mirrored", "transposed"],
)
def test_flips_and_quarter_turns_do_not_matter(survey, turn):
    features = CutoutFeatures().fit(survey.cubes)
    straight, turned = features.transform(survey.cubes), features.transform(turn(survey.cubes))
    np.testing.assert_allclose(turned, straight, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_features_do_not_depend_on_the_batch(survey, n_jobs):
    images = survey.images
    features = CutoutFeatures(n_jobs=n_jobs).fit(images)
    together = features.transform(images)
    np.testing.assert_array_equal(features.transform(images[::-1])[::-1], together)
    np.testing.assert_array_equal(features.transform(images[3:4]), together[3:4])


def test_features_do_not_depend_on_the_processor(survey, tmp_path):
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from spurclust.features import CutoutFeatures\n"
        "np.save(sys.argv[2], CutoutFeatures().fit_transform(np.load(sys.argv[1])))\n"
    )
    older = {
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX2 AVX512F AVX512_SKX",
    }
    images, features = tmp_path / "images.npy", tmp_path / "features.npy"
    np.save(images, survey.images)
    command = [sys.executable, "-c", code, str(images), str(features)]
    subprocess.run(command, env=os.environ | older, check=True, stderr=subprocess.DEVNULL)
    assert np.array_equal(np.load(features), CutoutFeatures().fit_transform(survey.images))


def test_causes_are_seen():
    rng = np.random.default_rng(1)
    panel = rng.normal(0, 1, (4, 31, 31)).astype(np.float32)
    panel[1, :, :8] = np.nan  # edge of the data
    panel[2, 5] += 30  # a streak off the center
    panel[3, 14:17, 14:17] += 30  # a source
    table = CutoutFeatures().set_output(transform="pandas").fit_transform(panel)
    assert table["panel1_blank"].argmax() == 1
    assert table["panel1_blank"][1] == pytest.approx(8 / 31)
    assert table["panel1_streak_signal"].argmax() == 2
    assert table["panel1_center_contrast"].argmax() == 3
    assert table["panel1_concentration_25"].argmax() == 3


def test_black_areas_of_a_drawn_strip_are_blank(survey):
    cubes = survey.cubes[:3].copy()
    cubes[0, :, :20] = np.nan
    drawn = CutoutFeatures().set_output(transform="pandas").fit_transform(draw_strips(cubes))
    assert drawn["panel1_blank"][0] == pytest.approx(20 / 51, abs=0.01)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "bool", "int64", "float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(3, 1), (3, 5), (3, 1, 1), (3, 2, 2), (3, 9, 4, 2), (2, 90, 150), (2, 1, 40)]
)
def test_any_shape_and_dtype(shape, dtype):
    images = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    assert np.isfinite(CutoutFeatures().fit_transform(images)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [np.nan, 0.0, 1e38, -1e300])
def test_panels_without_anything_to_see(level):
    images = np.full((2, 20, 20), level)
    images[1, 3, 4] = 7.0
    assert np.isfinite(CutoutFeatures().fit_transform(images)).all()


def test_large_panels_are_averaged():
    images = noise(2, 200, 200).astype(np.float32)
    images[0, :100] = np.nan
    features = CutoutFeatures(panel_size=50).set_output(transform="pandas").fit(images)
    assert features.panel_shape_ == (50, 50)
    assert features.transform(images)["panel1_blank"][0] == pytest.approx(0.5)


def test_a_layout_does_not_depend_on_the_order(survey):
    images = survey.images
    straight, turned = CutoutFeatures().fit(images), CutoutFeatures().fit(images[::-1])
    np.testing.assert_array_equal(straight.transform(images), turned.transform(images))


def test_similar_panels_and_a_source_in_one_filter_only():
    rng = np.random.default_rng(2)
    cubes = rng.normal(0, 1, (2, 31, 31, 3)).astype(np.float32)
    cubes[0, 14:17, 14:17] += 30  # a source in all filters
    cubes[1, 14:17, 14:17, 1] += 30  # in one
    table = CutoutFeatures().set_output(transform="pandas").fit_transform(cubes)
    assert table["similarity_center_min"][0] > 0.9 > table["similarity_center_min"][1]
    assert table["contrast_alone"].argmax() == 1


def test_names_of_panels_begin_with_their_number():
    names = CutoutFeatures().fit(noise(2, 12, 12, 2)).get_feature_names_out().tolist()
    first, second = (
        [name.removeprefix(f"panel{k}_") for name in names if name.startswith(f"panel{k}_")]
        for k in (1, 2)
    )
    assert first == second
    assert len(names) == len(set(names)) > 2 * len(first)
