"""The filters of PNG, as Pillow undoes them."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spurclust.cutouts import png as _png
from spurclust.cutouts.png import SIGNATURE, decode_png
from spurclust.cutouts.scanlines import take_first_of_equal, undo_filters

COLOURS = {1: 0, 3: 2}


def png_of(scanlines, n_channels, depth=8):
    """Write filtered scanlines as they are."""
    height, width = len(scanlines), (scanlines.shape[1] - 1) // n_channels

    def chunk(kind, body):
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, depth, COLOURS[n_channels], 0, 0, 0)
    packed = zlib.compress(scanlines.tobytes())
    return b"".join(
        [SIGNATURE, chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    )


@st.composite
def filtered(draw, n_channels):
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Small steps as well as any: the predictors tie often among equal neighbours.
    most = draw(st.sampled_from([2, 5, 256]))
    scanlines = rng.integers(0, most, (height, 1 + width * n_channels)).astype(np.uint8)
    scanlines[:, 0] = rng.integers(0, 5, height)
    return scanlines


def as_pillow_has_it(data):
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("n_channels", [1, 3])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_scanlines_are_what_pillow_makes_of_them(n_channels, data):
    scanlines = data.draw(filtered(n_channels))
    png = png_of(scanlines, n_channels)
    expected = as_pillow_has_it(png)
    out = np.empty((len(scanlines), scanlines.shape[1] - 1), dtype=np.uint8)
    assert undo_filters(scanlines, n_channels, out)
    np.testing.assert_array_equal(out.reshape(expected.shape), expected)
    np.testing.assert_array_equal(decode_png(png)[0], expected)


@given(grey=filtered(1), place=st.integers(0, 10**6), flip=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_grey_in_three_channels_is_read_as_one_and_only_that(grey, place, flip):
    three = np.hstack([grey[:, :1], np.repeat(grey[:, 1:], 3, axis=1)])
    three[place % len(grey), 1 + place % (three.shape[1] - 1)] ^= flip
    expected = as_pillow_has_it(png_of(three, 3))
    decoded, _ = decode_png(png_of(three, 3))
    np.testing.assert_array_equal(decoded, expected)
    is_grey = (expected == expected[..., :1]).all()
    assert (decoded.strides[2] == 0) == is_grey == (flip == 0)
    assert take_first_of_equal(three, np.empty_like(grey)) == is_grey


def test_a_filter_that_does_not_exist_is_an_error():
    scanlines = np.zeros((3, 5), dtype=np.uint8)
    scanlines[1, 0] = 5
    assert not undo_filters(scanlines, 1, np.empty((3, 4), dtype=np.uint8))
    with pytest.raises(Exception, match="filter"):
        decode_png(png_of(scanlines, 1))


def test_what_is_unusual_is_left_to_the_usual_decoder(monkeypatch):
    scanlines = np.arange(12, dtype=np.uint8).reshape(2, 6) % 5
    fine = png_of(scanlines, 1)
    codec = _png._fast_png_codec()
    seen = []

    class Codec:
        deflate_decode = staticmethod(codec.deflate_decode)

        @staticmethod
        def png_decode(data, out):
            seen.append(data)
            return codec.png_decode(data, out=out)

    monkeypatch.setattr(_png, "_fast_png_codec", lambda: Codec)
    decode_png(fine)
    assert not seen
    monkeypatch.setattr(Codec, "deflate_decode", staticmethod(lambda data, out: out[:-1]))
    np.testing.assert_array_equal(decode_png(fine)[0], as_pillow_has_it(fine))
    assert seen == [fine]
