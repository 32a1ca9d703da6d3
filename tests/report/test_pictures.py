import base64
import io

import numpy as np
import pytest
from PIL import Image

from spurclust.report.pictures import choose_rows, encode_cutouts


def decode(encoded):
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def noise(row, shape=(60, 180)):
    return np.random.default_rng(row).integers(0, 255, shape).astype(np.uint8)


def test_small_cutouts_stay_as_large_as_they_are():
    pictures = encode_cutouts([3, 1], lambda row: noise(row, (20, 60)))
    assert list(pictures.encoded) == [3, 1]
    assert {decode(text).size for text in pictures.encoded.values()} == {(60, 20)}
    assert pictures.missing == []
    assert (pictures.side, pictures.is_shrunk, pictures.n_panels) == (60, False, 3)


def test_many_are_made_smaller_until_they_fit():
    rows, limit = range(30), 60_000
    pictures = encode_cutouts(rows, noise, max_bytes=limit)
    assert len(pictures.encoded) == 30
    assert sum(map(len, pictures.encoded.values())) <= limit
    assert pictures.side < 180
    width, height = decode(pictures.encoded[0]).size
    assert pictures.is_shrunk
    assert 0 <= pictures.side - width < 3
    assert width / height == pytest.approx(3, rel=0.03)


def test_a_size_that_was_asked_for_is_kept_and_the_last_are_left_out():
    pictures = encode_cutouts(range(30), noise, max_side=90, max_bytes=20_000)
    assert decode(pictures.encoded[0]).size == (90, 30)
    assert 0 < len(pictures.encoded) < 30
    assert list(pictures.encoded) == list(range(len(pictures.encoded)))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_missing_ones_are_listed_in_order(n_threads):
    pictures = encode_cutouts(
        range(600), lambda row: None if row % 100 == 7 else noise(row, (5, 5)), n_threads=n_threads
    )
    assert pictures.missing == [7, 107, 207, 307, 407, 507]
    assert len(pictures.encoded) == 594


@pytest.mark.parametrize("max_side", [None, 90])
def test_every_cutout_is_loaded_once(max_side):
    loaded = []

    def load(row):
        loaded.append(row)
        return noise(row) if row % 5 else None

    encode_cutouts(range(60), load, max_side=max_side, max_bytes=10**6)
    assert sorted(loaded) == list(range(60))


def strip(row, margin=255):
    """Draw three panels of 7 x 7 pixels, each enlarged three times, with gaps between them."""
    panels = [noise(row * 3 + k, (7, 7)).repeat(3, 0).repeat(3, 1) for k in range(3)]
    gap = np.full((21, 4), margin, dtype=np.uint8)
    return np.hstack([gap, *[part for panel in panels for part in (panel, gap)]])


def test_panels_keep_each_pixel_once():
    pictures = encode_cutouts(range(12), strip)
    assert (pictures.n_panels, pictures.side, pictures.whole) == (3, 21, [])
    image = decode(pictures.encoded[5])
    assert image.size == (21, 7)
    own = np.hstack([noise(15 + k, (7, 7)) for k in range(3)])
    assert np.abs(np.asarray(image).astype(int) - own).mean() < 10


def test_what_differs_from_the_panels_of_most_is_shown_whole():
    def load(row):
        if row == 7:
            return strip(row, margin=0)  # edge data in the margin
        return noise(row, (30, 30)) if row == 10 else strip(row)

    pictures = encode_cutouts(range(200), load)
    assert pictures.whole == [7, 10]
    assert decode(pictures.encoded[7]).size == strip(7).shape[::-1]
    assert decode(pictures.encoded[10]).size == (30, 30)


def test_names_settle_how_many_panels_a_strip_without_gaps_has():
    shapes = {}
    for n_panels in (None, 2, 7):
        pictures = encode_cutouts(range(5), lambda row: noise(row, (20, 32)), n_panels=n_panels)
        shapes[n_panels] = pictures.n_panels
    assert shapes == {None: 1, 2: 2, 7: 1}


@pytest.mark.parametrize("n_filters", [3, 4])
def test_filters_in_channels_are_panels_and_colors_are_not(n_filters):
    def load(row):
        return np.random.default_rng(row).normal(size=(8, 10, n_filters)).astype(np.float32)

    pictures = encode_cutouts(range(5), load, n_panels=n_filters)
    assert (pictures.n_panels, pictures.panel) == (n_filters, (10, 8))
    colors = encode_cutouts(range(5), lambda row: noise(row, (8, 8, 3)), n_panels=3)
    assert (colors.n_panels, decode(colors.encoded[0]).mode) == (1, "RGB")


def test_nothing_at_all():
    assert encode_cutouts([], noise).encoded == {}
    pictures = encode_cutouts([1, 2], lambda row: None)
    assert pictures.missing == [1, 2]


def test_equal_colors_are_gray_and_others_stay():
    gray = np.repeat(noise(0)[:, :, None], 3, axis=2)
    color = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    pictures = encode_cutouts([0, 1], lambda row: (gray, color)[row])
    assert [decode(text).mode for text in pictures.encoded.values()] == ["L", "RGB"]


def test_a_long_thin_picture_keeps_a_pixel():
    pictures = encode_cutouts([0], lambda row: noise(row, (1, 500)), max_side=50)
    assert decode(pictures.encoded[0]).size == (50, 1)


def test_few_sources_are_all_chosen_by_need():
    label = np.array([0, -1, 1, -1, 0])
    flagged = np.array([True, True, False, False, False])
    rank = np.array([1, 2, 3, 4, 5])
    assert choose_rows(label, flagged, rank, 5).tolist() == [2, 1, 0, 3, 4]
    assert choose_rows(label, flagged, rank, 4).tolist() == [2, 1, 0]
    assert choose_rows(label, flagged, rank, 2).tolist() == [2, 1]
    assert choose_rows(label, flagged, rank, 0).tolist() == []
    assert choose_rows(label, flagged, rank, 4, suggested=[3, 1]).tolist() == [2, 1, 3, 0]
