"""What a cutout looks like: brightness, blank pixels, colors and cubes."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from spurclust.plots import CutoutEmbeddingDisplay, GalleryDisplay
from spurclust.plots.rendering import render_cutout
from spurclust.plots.style import BLANK_COLOR, REGION_COLOR, SPURIOUS_COLOR, UNINSPECTED_COLOR

BLANK = np.rint(255 * np.array(to_rgb(BLANK_COLOR))).astype(np.uint8)


def ramp(dtype):
    return np.arange(400).reshape(20, 20).astype(dtype)


def test_8_bit_pixels_stay_and_the_input_is_not_changed():
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    picture = render_cutout(pixels)
    assert np.array_equal(picture[:, :, 1], pixels)
    picture[:] = 0
    assert pixels.max() == 99


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_others_are_stretched_over_all_brightnesses(dtype):
    picture = render_cutout(ramp(dtype))
    assert picture.dtype == np.uint8
    assert (picture.min(), picture.max()) == (0, 255)
    assert (np.diff(picture[:, :, 0].ravel().astype(int)) >= 0).all()
    # Whatever the unit.
    assert np.array_equal(picture, render_cutout(1e-30 * ramp(float) + 1e-29))


def test_pixels_without_data_have_their_own_color():
    pixels = ramp(np.float32)
    pixels[:3] = np.nan
    pixels[5, 5] = np.inf
    picture = render_cutout(pixels)
    assert (picture[:3] == BLANK).all()
    assert (picture[5, 5] == BLANK).all()
    assert (picture[3:5, :, 0] == picture[3:5, :, 2]).all()
    assert len({*BLANK.tolist()}) == 3


def test_no_data_at_all():
    assert (render_cutout(np.full((4, 4), np.nan)) == BLANK).all()
    assert (render_cutout(np.full((4, 4, 5), np.nan), channels="mean") == BLANK).all()


def test_a_constant_is_gray_and_a_few_bright_pixels_are_seen():
    assert (render_cutout(np.full((9, 9), 3.0)) == 128).all()
    pixels = np.zeros((100, 100))
    pixels[4, 4] = 1e-5
    assert render_cutout(pixels)[4, 4, 0] == 255


def test_masks_and_one_channel():
    assert render_cutout(np.eye(3, dtype=bool))[1, 1, 0] == 255
    assert render_cutout(ramp(float)[:, :, None]).shape == (20, 20, 3)


def test_colors_are_stretched_together():
    pixels = np.stack([ramp(float), 2 * ramp(float), 0 * ramp(float)], axis=2)
    picture = render_cutout(pixels).astype(int)
    assert (picture[:, :, 1] >= picture[:, :, 0]).all()
    assert (picture[:, :, 2] == 0).all()
    pixels[0, 0] = np.nan
    pixels[1, 1, 0] = np.nan
    picture = render_cutout(pixels)
    assert (picture[0, 0] == BLANK).all()
    assert picture[1, 1, 0] == 0


def test_channels_side_by_side_or_their_mean():
    cube = np.stack([ramp(float), -ramp(float)], axis=2)
    tiled = render_cutout(cube)
    assert tiled.shape == (20, 41, 3)
    assert np.array_equal(tiled[:, :20], render_cutout(cube[:, :, 0]))
    assert (tiled[:, 20] == 255).all()
    cube[3, 3, 1] = np.nan
    mean = render_cutout(cube, channels="mean")
    assert mean.shape == (20, 20, 3)
    assert mean[3, 3, 0] == 255


def embed(images, **options):
    points = [[0, 0], [10, 0], [20, 9], [30, 9]]
    return CutoutEmbeddingDisplay(points, images, **options)


@pytest.mark.parametrize("build", [embed, GalleryDisplay])
class TestBothDisplaysOfCutouts:
    def test_frames_show_what_is_known(self, build, legend_texts):
        given = {"y": [1, 0, 1, -1], "flagged": [True, True, False, False]}
        display = build(np.zeros((4, 9, 9), dtype=np.uint8), **given, origin="lower").plot()
        frames = display.ax_.collections[-1]
        colors = [to_hex(color).upper() for color in frames.get_edgecolor()]
        assert colors == [SPURIOUS_COLOR, REGION_COLOR, SPURIOUS_COLOR, UNINSPECTED_COLOR]
        widths = frames.get_linewidth()
        assert widths[0] > widths[1] > widths[3]
        assert legend_texts(display) == ["known spurious", "flagged", "other"]
        assert {image.origin for image in display.ax_.images} == {"lower"}

    def test_a_crop_shows_that_part(self, build, frame_boxes):
        images = np.zeros((4, 17, 79), dtype=np.uint8)
        images[:, 2:12, 20:40] = 200
        display = build(images, crop=(2, 12, 20, 40)).plot()
        assert all((image.get_array() == 200).all() for image in display.ax_.images)
        width, height = frame_boxes(display)[0, 2:] - frame_boxes(display)[0, :2]
        assert width / height == pytest.approx(2)
