"""One file in, the pixels that were written out: every format, depth and kind of color."""

import gzip
import io
import pickle
import struct
import sys
import warnings
import zlib
from fractions import Fraction

import imagecodecs
import numpy as np
import pytest
import tifffile
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps, PngImagePlugin

from spurclust.cutouts.decoding import UnreadableCutoutError, decode, read_image, shrink
from spurclust.cutouts.decoding import pixels as pixels_module
from spurclust.errors import CatalogError

RNG = np.random.default_rng(7)
HEIGHT, WIDTH = 9, 13
N_SAMPLES = {"gray": 1, "gray+alpha": 2, "rgb": 3, "rgba": 4}


def pixels(n_samples, dtype, shape=(HEIGHT, WIDTH)):
    high = 256 if np.dtype(dtype) == np.uint8 else 65536
    shape = shape if n_samples == 1 else (*shape, n_samples)
    return RNG.integers(0, high, shape).astype(dtype)


@pytest.fixture
def read(tmp_path):
    def read_bytes(data):
        path = tmp_path / "z6_1_F606W.dat"  # the suffix plays no part
        path.write_bytes(data)
        return read_image(str(path))

    return read_bytes


@pytest.fixture(params=["imagecodecs", "Pillow"])
def png_decoder(request, monkeypatch):
    if request.param == "Pillow":
        monkeypatch.setitem(sys.modules, "imagecodecs", None)
    return request.param


def saved(image, fmt, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, fmt, **options)
    return buffer.getvalue()


def tiff_of(image, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **options)
    return buffer.getvalue()


def fits_of(*hdus):
    buffer = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(buffer)
    return buffer.getvalue()


def assert_same(decoded, expected):
    if expected.shape[2:] == (1,):
        expected = expected[..., 0]
    assert decoded.image.dtype == expected.dtype
    assert decoded.image.dtype.isnative
    np.testing.assert_array_equal(decoded.image, expected)


# PNG


@pytest.mark.parametrize("color", N_SAMPLES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_every_bit(read, png_decoder, dtype, color):
    image = pixels(N_SAMPLES[color], dtype)
    data = imagecodecs.png_encode(image)
    if png_decoder == "Pillow" and dtype == np.uint16 and color != "gray":
        with pytest.raises(ImportError, match="16-bit color PNG needs .*pip install .*survey"):
            read(data)
        return
    has_alpha = color in ("gray+alpha", "rgba")
    decoded = read(data)
    assert_same(decoded, image[..., :-1] if has_alpha else image)
    assert decoded.lost_alpha == has_alpha


@pytest.mark.usefixtures("png_decoder")
def test_png_of_one_bit_spans_0_to_255_and_a_palette_gives_its_colors(read):
    bits = RNG.integers(0, 2, (HEIGHT, WIDTH)).astype(bool)
    assert_same(read(saved(bits, "PNG")), bits * np.uint8(255))
    picture = Image.fromarray(pixels(3, np.uint8)).quantize(20)
    for transparency, is_lost in ((None, False), (0, True), (b"\xff" * 20, False)):
        buffer = io.BytesIO()
        options = {} if transparency is None else {"transparency": transparency}
        picture.save(buffer, "PNG", **options)
        decoded = read(buffer.getvalue())
        assert_same(decoded, np.asarray(picture.convert("RGB")))
        assert decoded.lost_alpha == is_lost


@pytest.mark.usefixtures("png_decoder")
@pytest.mark.parametrize("n_samples", [1, 3])
def test_png_key_color_leaves_the_pixels_alone(read, n_samples):
    image = pixels(n_samples, np.uint8)
    image[image == 0] = 1
    for pixel, is_lost in ((image[2, 3].tolist(), True), ([0] * n_samples, False)):
        key = tuple(pixel) if n_samples == 3 else np.ravel(pixel)[0].item()
        decoded = read(saved(image, "PNG", transparency=key))
        assert_same(decoded, image)
        assert decoded.lost_alpha == is_lost


@pytest.mark.usefixtures("png_decoder")
def test_png_gamma_and_text_change_nothing(read):
    image, info = pixels(3, np.uint8), PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 220000))
    info.add_text("comment", "a" * 10_000, zip=True)
    assert_same(read(saved(image, "PNG", pnginfo=info)), image)


@pytest.mark.usefixtures("png_decoder")
def test_png_cut_short_or_with_one_wrong_byte_is_an_error(read):
    data = saved(pixels(3, np.uint8), "PNG")
    for k in range(len(data)):
        with pytest.raises(CatalogError, match=r"F606W\.dat"):
            read(data[:k])
        # Bit 32 makes a critical chunk an ancillary one.
        wrong = data[:k] + bytes([data[k] ^ (1 if k % 2 else 32)]) + data[k + 1 :]
        with pytest.raises(CatalogError, match=r"F606W\.dat"):
            read(wrong)


@pytest.mark.usefixtures("png_decoder")
def test_png_that_declares_too_much_is_an_error(read):
    data = saved(pixels(3, np.uint8), "PNG")
    header = b"IHDR" + struct.pack(">II", 60000, 60000) + data[24:29]
    huge = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    with pytest.raises(CatalogError, match="60000 x 60000 x 3 values.*bomb"):
        read(huge)


@pytest.mark.usefixtures("png_decoder")
def test_a_constant_alpha_is_dropped_without_loss(read):
    image = pixels(4, np.uint8)
    image[..., 3] = 255
    decoded = read(saved(image, "PNG"))
    assert_same(decoded, image[..., :3])
    assert not decoded.lost_alpha


# JPEG


@pytest.mark.parametrize("n_samples", [1, 3])
def test_jpeg(read, n_samples):
    data = saved(pixels(n_samples, np.uint8), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as picture:
        assert_same(read(data), np.asarray(picture))


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_short_is_an_error(read, progressive):
    data = saved(pixels(3, np.uint8, (64, 64)), "JPEG", progressive=progressive)
    for stop in [4, 20, 200, len(data) // 2, len(data) - 40]:
        with pytest.raises(CatalogError, match=r"F606W\.dat"):
            read(data[:stop])


def test_jpeg_of_inks_is_an_error(read):
    buffer = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(buffer, "JPEG")
    with pytest.raises(CatalogError, match="CMYK: save it as gray or RGB"):
        read(buffer.getvalue())


# WebP, GIF, JPEG 2000


@pytest.mark.parametrize("color", N_SAMPLES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_jpeg_2000_keeps_every_bit(read, color, dtype):
    image = pixels(N_SAMPLES[color], dtype)
    has_alpha = color in ("gray+alpha", "rgba")
    for codec in ("jp2", "j2k"):
        decoded = read(imagecodecs.jpeg2k_encode(image, codecformat=codec, level=0))
        assert_same(decoded, image[..., :-1] if has_alpha else image)


@pytest.mark.parametrize("n_samples", [1, 3, 4])
def test_webp_without_loss(read, n_samples):
    image = pixels(n_samples, np.uint8)
    decoded = read(saved(image, "WEBP", lossless=True, exact=True))
    assert_same(decoded, image[..., :3] if n_samples == 4 else image)
    assert decoded.lost_alpha == (n_samples == 4)


def test_gif(read):
    image = pixels(1, np.uint8)
    assert_same(read(saved(image, "GIF")), image)
    palette = np.array([[0, 5, 9], [80, 85, 89], [160, 165, 169]], dtype=np.uint8)
    colored = palette[image % 3]
    assert_same(read(saved(colored, "GIF")), colored)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_a_film_is_no_cutout(read, kind):
    first, second = (Image.fromarray(pixels(1, np.uint8)) for _ in range(2))
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=[second])
    with pytest.raises(CatalogError, match="2 pictures: save one per file"):
        read(buffer.getvalue())


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "JPEG2000"])
def test_other_pictures_cut_short_are_errors(read, kind):
    data = saved(pixels(3, np.uint8, (64, 64)), kind)
    for stop in (30, len(data) // 2, len(data) - 100):
        with pytest.raises(CatalogError, match=r"F606W\.dat"):
            read(data[:stop])


# TIFF


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("color", N_SAMPLES)
def test_tiff_keeps_every_bit(read, color, dtype, byteorder, compression):
    image = pixels(N_SAMPLES[color], dtype)
    has_alpha = color in ("gray+alpha", "rgba")
    data = tiff_of(
        image,
        photometric="rgb" if color.startswith("rgb") else "minisblack",
        planarconfig=None if color == "gray" else "contig",
        extrasamples=["unassalpha"] if has_alpha else None,
        byteorder=byteorder,
        compression=compression,
    )
    decoded = read(data)
    assert_same(decoded, image[..., :-1] if has_alpha else image)
    assert decoded.lost_alpha == has_alpha


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    ("stored", "given"),
    [("f4", "f4"), ("f8", "f4"), ("f2", "f4"), ("i1", "i1"), ("i2", "i2"), ("i4", "i4"),
     ("u4", "u4"), ("u8", "f4"), ("i8", "f4")],
)  # fmt: skip
def test_tiff_of_other_numbers(read, stored, given, byteorder):
    image = RNG.integers(0, 100, (HEIGHT, WIDTH)).astype(stored)
    assert_same(read(tiff_of(image, byteorder=byteorder)), image.astype(given))


def test_tiff_floats_keep_nan_and_big_tiff_is_read(read):
    image = RNG.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    image[2, 3] = np.nan
    assert_same(read(tiff_of(image)), image)
    assert_same(read(tiff_of(image, bigtiff=True)), image)


def test_tiff_one_bit_and_palette(read):
    bits = RNG.integers(0, 2, (HEIGHT, WIDTH)).astype(bool)
    assert_same(read(saved(bits, "TIFF")), np.where(bits, np.uint8(255), np.uint8(0)))
    picture = Image.fromarray(pixels(3, np.uint8)).quantize(20)
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF")
    assert_same(read(buffer.getvalue()), np.asarray(picture.convert("RGB")))


def test_tiff_filters_as_pages_planes_or_samples_become_channels(read):
    cube = pixels(1, np.uint16, (5, HEIGHT, WIDTH))
    expected = np.moveaxis(cube, 0, -1)
    assert_same(read(tiff_of(cube, photometric="minisblack")), expected)
    planes = tiff_of(cube[:4], photometric="minisblack", planarconfig="separate")
    assert_same(read(planes), expected[..., :4])
    samples = np.ascontiguousarray(expected)
    together = tiff_of(samples, photometric="minisblack", planarconfig="contig")
    assert_same(read(together), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_where_white_is_zero(read, dtype):
    image = pixels(1, dtype)
    assert_same(read(tiff_of(image, photometric="miniswhite")), np.iinfo(dtype).max - image)
    with pytest.raises(CatalogError, match="white is zero"):
        read(tiff_of(np.ones((4, 4), np.float32), photometric="miniswhite"))


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_tiff_cut_short_is_an_error(read, dtype, compression):
    data = tiff_of(pixels(1, dtype, (64, 64)), compression=compression, rowsperstrip=8)
    for stop in [4, 8, 20, 200, len(data) // 2, len(data) - 40, len(data) - 1]:
        with pytest.raises(CatalogError, match=r"F606W\.dat"):
            read(data[:stop])


def test_tiff_that_is_not_one_picture_is_an_error(read):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(pixels(1, np.uint8))
        writer.write(pixels(1, np.uint8, (4, 5)))
    with pytest.raises(CatalogError, match="2 pictures: save one per file"):
        read(buffer.getvalue())
    with pytest.raises(CatalogError, match="not height, width, channel"):
        read(tiff_of(pixels(3, np.uint8, (2, HEIGHT, WIDTH)), photometric="rgb"))
    with pytest.raises(CatalogError, match="SEPARATED"):
        read(tiff_of(pixels(4, np.uint16), photometric="separated", planarconfig="contig"))


def test_tiff_that_declares_too_much_is_an_error(read, monkeypatch):
    monkeypatch.setattr(pixels_module, "MAX_VALUES", 100)
    with pytest.raises(CatalogError, match=r"9 x 13.*bomb"):
        read(tiff_of(pixels(1, np.uint8)))


# FITS


@pytest.mark.parametrize(
    ("stored", "given"),
    [("u1", "u1"), ("i2", "i2"), ("u2", "u2"), ("i4", "i4"), ("u4", "u4"), ("i8", "f4"),
     ("f4", "f4"), ("f8", "f4")],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_fits_image(read, stored, given, packed):
    image = RNG.integers(0, 120, (HEIGHT, WIDTH)).astype(stored)
    data = fits_of(fits.PrimaryHDU(image))
    decoded = read(gzip.compress(data) if packed else data)
    assert_same(decoded, image.astype(given))


def test_fits_cube_axes_and_no_data(read):
    cube = RNG.normal(size=(5, HEIGHT, WIDTH)).astype(np.float32)
    cube[2, 3, 4] = np.nan
    decoded = read(fits_of(fits.PrimaryHDU(cube)))
    assert_same(decoded, np.moveaxis(cube, 0, -1))
    assert np.isnan(decoded.image[3, 4, 2])
    assert_same(read(fits_of(fits.PrimaryHDU(cube[None]))), np.moveaxis(cube, 0, -1))
    assert_same(read(fits_of(fits.PrimaryHDU(cube[:1]))), cube[0])


@pytest.mark.parametrize("dtype", ["i2", "i4", "u1"])
def test_fits_blank_is_no_data(read, dtype):
    image = RNG.integers(0, 100, (HEIGHT, WIDTH)).astype(dtype)
    image[1, 2] = 101
    hdu = fits.PrimaryHDU(image)
    hdu.header["BLANK"] = 101
    expected = np.where(image == 101, np.nan, image).astype(np.float32)
    assert_same(read(fits_of(hdu)), expected)
    hdu = fits.PrimaryHDU(image)
    hdu.header["BLANK"] = 102  # in the header, but in no pixel
    assert_same(read(fits_of(hdu)), image.astype(np.float32))


def test_fits_scaled_integers(read):
    image = RNG.integers(-100, 100, (HEIGHT, WIDTH)).astype(np.int16)
    hdu = fits.PrimaryHDU(image)
    hdu.header["BSCALE"] = 0.5
    hdu.header["BZERO"] = 3.0
    assert_same(read(fits_of(hdu)), (image * 0.5 + 3).astype(np.float32))


def test_fits_first_image_of_the_extensions(read):
    image = RNG.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])
    hdus = [fits.PrimaryHDU(), table, fits.ImageHDU(image, name="SCI"), fits.ImageHDU(image * 2)]
    assert_same(read(fits_of(*hdus)), image)


def test_fits_compressed_by_tiles(read):
    image = RNG.integers(0, 100, (HEIGHT, WIDTH)).astype(np.int16)
    assert_same(read(fits_of(fits.PrimaryHDU(), fits.CompImageHDU(image))), image)


def test_fits_cut_short_is_an_error(read):
    for hdus in (
        [fits.PrimaryHDU(RNG.normal(size=(60, 60)))],
        [fits.PrimaryHDU(), fits.CompImageHDU(pixels(1, np.uint16, (64, 64)))],
    ):
        data = fits_of(*hdus)
        for stop in [9, 100, 2880, 3000, len(data) - 2881]:
            with pytest.raises(CatalogError, match=r"F606W\.dat"):
                read(data[:stop])
    packed = gzip.compress(data)
    with pytest.raises(CatalogError, match=r"F606W\.dat"):
        read(packed[: len(packed) // 2])


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_fits_that_lacks_only_padding_is_read(read):
    image = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    data = fits_of(fits.PrimaryHDU(image))
    n_bytes = 2880 + image.nbytes
    assert_same(read(data[:n_bytes]), image)
    with pytest.raises(CatalogError, match=f"truncated: {n_bytes - 1} bytes of at least {n_bytes}"):
        read(data[: n_bytes - 1])


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_fits_that_declares_too_much_is_an_error(read):
    data = fits_of(fits.PrimaryHDU(np.zeros((10, 10), np.uint8)))
    huge = data.replace(b"NAXIS1  =                   10", b"NAXIS1  =             10000000")
    huge = huge.replace(b"NAXIS2  =                   10", b"NAXIS2  =             10000000")
    with pytest.raises(CatalogError, match=r"10000000 x 10000000 values.*bomb"):
        read(huge)


@pytest.mark.parametrize(
    ("hdus", "reason"),
    [
        ([fits.PrimaryHDU()], "none of its extensions is an image"),
        ([fits.PrimaryHDU(np.zeros(5))], r"science image: 0 PRIMARY \(5\).*--hdu"),
        ([fits.PrimaryHDU(np.zeros((2, 2, 3, 3)))], "shape"),
    ],
)
def test_fits_without_a_picture_is_an_error(read, hdus, reason):
    with pytest.raises(CatalogError, match=reason):
        read(fits_of(*hdus))


def test_gzip_of_something_else_and_gzip_bomb(read, monkeypatch):
    with pytest.raises(CatalogError, match="what it holds is not FITS"):
        read(gzip.compress(b"Source_ID"))
    data = gzip.compress(fits_of(fits.PrimaryHDU(np.zeros((200, 200)))))
    monkeypatch.setattr(decode, "MAX_BYTES", 10_000)
    with pytest.raises(CatalogError, match="unpacks to more than 10000 bytes: a bomb"):
        read(data)


# Any file


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"Source_ID,Reliable_Source\n", "not an image of a kind known here.*Source_ID"),
        (b"BM\x01\x00", "not an image of a kind known here"),
    ],
)
def test_what_is_no_image_is_an_error(read, data, reason):
    with pytest.raises(CatalogError, match=reason) as caught:
        read(data)
    assert 'on_error="skip"' in str(caught.value)
    assert "z6_1_F606W.dat" in str(caught.value)


def test_files_that_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(CatalogError, match="absent.png: no such file"):
        read_image(str(tmp_path / "absent.png"))
    (tmp_path / "x.png").mkdir()
    with pytest.raises(CatalogError, match="Is a directory"):
        read_image(str(tmp_path / "x.png"))
    (tmp_path / "link.png").symlink_to("gone.png")
    with pytest.raises(CatalogError, match=r"link to a file that does not exist"):
        read_image(str(tmp_path / "link.png"))
    with pytest.raises(CatalogError, match="not a regular file"):
        read_image("/dev/null")
    data = saved(pixels(1, np.uint8), "PNG")
    (tmp_path / "large.png").write_bytes(data)
    monkeypatch.setattr(decode, "MAX_BYTES", len(data) - 1)
    with pytest.raises(CatalogError, match="larger than any cutout"):
        read_image(str(tmp_path / "large.png"))


def test_numbers_that_no_cutout_has(read):
    with pytest.raises(CatalogError, match="beyond the range of float32"):
        read(fits_of(fits.PrimaryHDU(np.full((3, 3), 1e300))))
    with pytest.raises(
        CatalogError, match="infinite or beyond 1e.15: where there are no data, use NaN"
    ):
        read(fits_of(fits.PrimaryHDU(np.full((3, 3), np.inf))))
    with pytest.raises(CatalogError, match="complex"):
        read(tiff_of(np.ones((3, 3), np.complex64)))


def test_lack_of_memory_is_not_taken_for_a_bad_file(read, monkeypatch):
    def exhaust(_):
        raise MemoryError

    monkeypatch.setattr(imagecodecs, "png_decode", exhaust)
    with pytest.raises(MemoryError):
        read(saved(pixels(1, np.uint8), "PNG"))


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(UnreadableCutoutError("a.png", "it is empty")))
    assert (error.path, error.reason) == ("a.png", "it is empty")
    assert str(error).startswith("cannot read a.png: it is empty.")


# Shrinking


DTYPES = ["uint8", "uint16", "int16", "int32", "uint32"]


def exact_mean(image, low_y, high_y, low_x, high_x):
    """Average over a rectangle whose edges are fractions of pixels, in exact arithmetic."""
    total = Fraction(0)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            height = min(high_y, y + 1) - max(low_y, y)
            width = min(high_x, x + 1) - max(low_x, x)
            if height > 0 and width > 0:
                total += height * width * int(image[y, x])
    return total / ((high_y - low_y) * (high_x - low_x))


def rounded_half_up(value):
    return (2 * value + 1) // 2


@st.composite
def images_and_sizes(draw):
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    image = draw(hnp.arrays(draw(st.sampled_from(DTYPES)), shape))
    size = tuple(draw(st.integers(1, n)) for n in shape)
    return image, size


@given(images_and_sizes())
@settings(max_examples=60, deadline=None)
def test_size_is_the_exact_area_mean_rounded(drawn):
    image, size = drawn
    small = shrink(image, size=size)
    assert small.shape == size
    assert small.dtype == image.dtype
    step_y, step_x = (Fraction(n, m) for n, m in zip(image.shape, size, strict=True))
    for j in range(size[0]):
        for i in range(size[1]):
            mean = exact_mean(image, j * step_y, (j + 1) * step_y, i * step_x, (i + 1) * step_x)
            assert small[j, i] == rounded_half_up(mean)


@given(images_and_sizes(), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_reduce_averages_blocks_and_loses_no_pixel(drawn, factor):
    image, _ = drawn
    small = shrink(image, reduce=factor)
    assert small.shape == tuple(-(-n // factor) for n in image.shape)
    for j in range(small.shape[0]):
        for i in range(small.shape[1]):
            block = image[j * factor : (j + 1) * factor, i * factor : (i + 1) * factor]
            mean = Fraction(sum(map(int, block.ravel())), block.size)
            assert small[j, i] == rounded_half_up(mean)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_channels_are_averaged_apart(dtype):
    image = np.random.default_rng(0).integers(0, 256, (17, 23, 5)).astype(dtype)
    small = shrink(image, size=(5, 9))
    assert small.shape == (5, 9, 5)
    for k in range(5):
        np.testing.assert_array_equal(small[..., k], shrink(image[..., k], size=(5, 9)))


def test_large_values_do_not_overflow():
    image = np.full((600, 700), 65535, dtype=np.uint16)
    assert (shrink(image, size=(7, 11)) == 65535).all()
    assert (shrink(np.full((600, 700), 2**32 - 1, np.uint32), reduce=600) == 2**32 - 1).all()


def test_the_whole_mean_of_floats_is_kept():
    image = np.random.default_rng(1).normal(size=(40, 30)).astype(np.float32)
    small = shrink(image, size=(7, 11))
    assert small.dtype == np.float32
    assert small.mean(dtype=float) == pytest.approx(image.mean(dtype=float), abs=1e-7)


def test_no_data_takes_no_part():
    image = np.array([[1, np.nan, 5, 7], [3, np.nan, np.nan, 9]], dtype=np.float32)
    np.testing.assert_array_equal(shrink(image, reduce=2), [[2, 7]])
    gap = np.array([[np.nan, np.nan, 4]], dtype=np.float32)
    np.testing.assert_array_equal(shrink(gap, size=(1, 2)), np.float32([[np.nan, 4]]))


def test_nothing_asked_or_nothing_to_do_returns_the_image_itself():
    image = np.zeros((3, 4), np.uint8)
    assert shrink(image) is image
    assert shrink(image, size=(3, 4)) is image
    assert shrink(image, reduce=1) is image


@pytest.mark.parametrize("size", [(4, 4), (3, 5), (9, 9)])
def test_a_cutout_is_never_enlarged(size):
    with pytest.raises(ValueError, match="3 x 4 pixels .*smaller than size"):
        shrink(np.zeros((3, 4)), size=size)


# Orientation, packed files and mutated ones


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_the_exif_orientation_is_applied(read, fmt, orientation, n_samples):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if fmt == "JPEG" else {}
    data = saved(pixels(n_samples, np.uint8), fmt, exif=exif, **options)
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(read(data).image, ImageOps.exif_transpose(picture))


def test_volumes_are_refused_with_what_to_do(read):
    volume = pixels(1, np.uint16, (2, 3, 4, 10))
    for data in (tiff_of(volume, photometric="minisblack"), fits_of(fits.PrimaryHDU(volume))):
        with pytest.raises(CatalogError, match=r"\(2, 3, 4, 10\).*save"):
            read(data)


@pytest.mark.parametrize("shape", [(3, 20, 3), (20, 3, 3), (3, 3, 20)])
@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
@pytest.mark.parametrize("planarconfig", [None, "contig", "separate"])
def test_the_axes_of_an_ambiguous_tiff_are_those_of_tifffile(
    read, shape, photometric, planarconfig
):
    image = pixels(1, np.uint8, shape)
    try:
        data = tiff_of(image, photometric=photometric, planarconfig=planarconfig)
    except ValueError:
        pytest.skip("tifffile writes no such file")
    assert_same(read(data), as_tifffile_reads(data))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(
    "layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 3}, {"byteorder": ">"}]
)
def test_floats_with_a_predictor_are_read_as_written(read, dtype, layout):
    image = RNG.normal(size=(20, 24)).astype(dtype)
    data = tiff_of(image, predictor=True, compression="zlib", **layout)
    assert_same(read(data), image.astype(np.float32))


def as_tifffile_reads(data):
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series, page = file.series[0], file.pages[0]
        image, channel = (
            series.asarray(),
            [k for k, axis in enumerate(series.axes) if axis not in "YX"],
        )
    image = np.moveaxis(image, channel[0], -1) if channel else image
    image = ~image if page.photometric.name == "MINISWHITE" else image
    orientation = page.tags.get(274)
    return decode._upright(image, orientation and orientation.value)


def as_imagecodecs_reads(data):
    image = imagecodecs.png_decode(data)
    return image[..., :-1] if image.shape[2:] in ((2,), (4,)) else image


def as_astropy_reads(data):
    hdus = fits.open(io.BytesIO(data), memmap=False)
    return next(np.array(hdu.data) for hdu in hdus if hdu.name != "WHT" and hdu.shape)


def compressed(image, kind):
    return fits_of(fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type=kind))


def corpus():
    counts, noise = pixels(1, np.uint16), RNG.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    for image in (pixels(1, np.uint8), pixels(4, np.uint8), counts):
        yield as_imagecodecs_reads, imagecodecs.png_encode(image)
    yield as_tifffile_reads, tiff_of(pixels(3, np.uint8), photometric="rgb")
    yield as_tifffile_reads, tiff_of(noise, predictor=True, compression="zlib")
    yield as_tifffile_reads, tiff_of(np.stack([counts] * 3), photometric="minisblack")
    science = fits.ImageHDU(noise, name="SCI")
    yield as_astropy_reads, fits_of(fits.PrimaryHDU(), fits.ImageHDU(noise, name="WHT"), science)
    yield as_astropy_reads, fits_of(fits.PrimaryHDU(counts))
    yield as_astropy_reads, compressed(noise, "RICE_1")
    yield as_astropy_reads, compressed(counts.astype(np.int32), "GZIP_2")
    yield as_astropy_reads, compressed(counts.astype(np.int32), "HCOMPRESS_1")


def mutated(data, rng):
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 60))
    kind = rng.integers(5)
    if kind == 0:
        return data[:start]
    if kind == 1:  # a digit of a header, or a byte near the beginning
        digits = [k for k, byte in enumerate(data[:9000]) if 48 <= byte <= 57] or [start]
        start, new = int(rng.choice(digits)), bytes([int(rng.integers(48, 58))])
    elif kind == 2:
        new = rng.integers(0, 256, n).astype(np.uint8).tobytes()
    elif kind == 3:
        other = int(rng.integers(len(data)))
        new = data[other : other + n]
    else:
        start = start % 400
        new = bytes([data[start] ^ (1 << int(rng.integers(8)))])
    return data[:start] + new + data[start + len(new) :]


@pytest.mark.parametrize("number", range(11))
def test_a_mutated_file_is_read_as_its_library_does_or_refused(read, number, recwarn):
    as_library_reads, data = list(corpus())[number]
    rng = np.random.default_rng(number)
    n_read = 0
    for _ in range(60):
        changed = mutated(data, rng)
        try:
            image = read(changed).image
        except UnreadableCutoutError:
            continue
        assert not len(recwarn)
        n_read += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = as_library_reads(changed)
        # Equal channels are one.
        image = image[..., None] if image.ndim < expected.ndim else image
        assert np.broadcast_shapes(image.shape, expected.shape) == expected.shape
        expected = expected.astype(image.dtype)
        np.testing.assert_array_equal(np.broadcast_to(image, expected.shape), expected)
    assert n_read < 60
