"""One partition in, one table out."""

import pickle
import shutil

import dask.array as da
import imagecodecs
import numpy as np
import pandas as pd
import pytest
import zarr
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from spurclust import SpuriousRegionDetector
from spurclust.analysis import flag_sources
from spurclust.catalog import load_fitted
from spurclust.cutouts import ReadOptions, open_cutouts
from spurclust.errors import CatalogError
from spurclust.scale import predict_sources
from spurclust.scale import predictor as module
from spurclust.scale.predictor import prepare

from .conftest import make_images, same, write_cutouts


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_any_partition_and_batch_gives_the_same_bits(
    n_jobs, fitted, cutouts, expected, monkeypatch
):
    monkeypatch.setattr(module, "LEAST_ROWS", 7)
    monkeypatch.setattr(module, "BATCH_BYTES", 1)
    predictor, source = prepare(fitted.model, cutouts, n_jobs=n_jobs)
    start = 0
    for part in source.partitions(40)[0]:
        predicted = predictor.predict_partition(part)
        assert predicted.unreadable == []
        rows = expected.iloc[start : start + len(part)].reset_index(drop=True)
        same(predicted.frame, rows)
        assert predicted.frame["path"].tolist() == part.paths
        start += len(part)


def test_arrays(fitted, images, expected):
    predictor, source = prepare(fitted.model, images)
    predicted = predictor.predict_partition(source)
    same(predicted.frame, expected)
    assert "path" not in predicted.frame


def forms(images, folder):
    """The same cutouts as files, a table of paths, a zarr store, and arrays."""
    yield folder
    paths = [str(folder / f"{k}.png") for k in range(len(images))]
    table = folder.parent / "paths.parquet"
    pd.DataFrame({"source_id": range(len(images)), "path": paths}).to_parquet(table)
    yield table
    zarr.save_array(str(folder.parent / "cutouts.zarr"), images)
    yield folder.parent / "cutouts.zarr"
    yield da.from_array(images, chunks=(30, *images.shape[1:]))
    yield images


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda images: images.astype(np.uint16) * 200 + 1,
            "its uint16 pixels cannot be converted exactly to",
        ),
        (lambda images: np.stack([images, images // 2, images // 3], -1), "it has 3 channels"),
        (lambda images: images[:, :7, :8], "it is 7 x 8 pixels"),
        (lambda images: np.pad(images, ((0, 0), (9, 9), (9, 9)), "edge"), "it is 32 x 34 pixels"),
    ],
)
def test_other_cutouts_than_were_fitted_are_refused_in_every_form(
    fitted, images, tmp_path, change, reason
):
    other = np.ascontiguousarray(change(images[:40]))
    (tmp_path / "files").mkdir()
    for k, image in enumerate(other):
        data = imagecodecs.png_encode(image)
        (tmp_path / "files" / f"{k}.png").write_bytes(data)
    for form in forms(other, tmp_path / "files"):
        for predict in (flag_sources, predict_sources):
            with pytest.raises(CatalogError, match=f"{reason}.*, (but|the type of) the fitted "):
                predict(fitted.model, form)


def test_8_bits_as_16_are_converted_exactly_in_every_form(fitted, images, expected, tmp_path):
    deep = images * np.uint16(257)
    folder = write_cutouts(tmp_path / "files", deep)
    for form in forms(deep, folder):
        with pytest.warns(UserWarning, match="converted from uint16 to uint8, by the factor 257"):
            predictor, source = prepare(fitted.model, form)
        same(predictor.predict_partition(source).frame, expected)
        with pytest.warns(UserWarning, match="90 of 90 cutouts were converted from uint16"):
            found = flag_sources(fitted.model, form)
        assert found["flagged"].tolist() == expected["flagged"].tolist()


def test_the_columns_are_those_of_the_empty_table(fitted, cutouts, images):
    for given in (cutouts, images):
        predictor, source = prepare(fitted.model, given)
        frame = predictor.predict_partition(source).frame
        empty = predictor.empty_frame(has_paths=source.in_files)
        assert frame.dtypes.to_dict() == empty.dtypes.to_dict()


def test_models_that_are_not_fitted(fitted, images):
    with pytest.raises(NotFittedError, match="SpuriousRegionDetector instance is not fitted"):
        prepare(clone(fitted.detector), images)
    with pytest.raises(NotFittedError, match="InspectionRanker instance is not fitted"):
        prepare(fitted.detector, images, ranker=clone(fitted.ranker))


def test_without_a_ranker(fitted, images):
    predictor, source = prepare(fitted.detector, images)
    frame = predictor.predict_partition(source).frame
    assert "inspection_probability" not in frame
    with_ranker, _ = prepare(fitted.detector, images, ranker=fitted.ranker)
    frame = with_ranker.predict_partition(source).frame
    assert frame["inspection_probability"].between(0, 1).all()


def test_unreadable_cutouts_are_listed(fitted, tmp_path, images):
    folder = write_cutouts(tmp_path / "c", images[:8])
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:60])
    Image.fromarray(images[0][:7, :8]).save(folder / "2.png")
    Image.fromarray(images[0].astype(np.uint16)).save(folder / "3.png")
    (folder / "4.png").unlink()
    (folder / "4.png").symlink_to("nowhere.png")
    predictor, source = prepare(fitted.model, folder)
    predicted = predictor.predict_partition(source)
    assert predicted.frame["source_id"].tolist() == ["0", "5", "6", "7"]
    reasons = {source_id: reason for source_id, _, reason in predicted.unreadable}
    assert list(reasons) == ["1", "2", "3", "4"]
    for source_id, words in zip("1234", ("damaged", "7 x 8", "uint16", "a link"), strict=True):
        assert words in reasons[source_id]
    assert predicted.unreadable[0][1] == str(folder / "1.png")


def test_infinite_pixels_are_unreadable_in_arrays_and_files(tmp_path):
    images = make_images(60, 3).astype(np.float32)
    detector = SpuriousRegionDetector(3, perplexity=8, random_state=0)
    detector.fit(images, (np.arange(60) % 5 == 0).astype(int))
    images[4, 2, 2] = np.inf
    paths = [str(tmp_path / f"{k}.tif") for k in range(60)]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image).save(path)
    for cutouts, path in ((images, ""), (paths, paths[4])):
        predictor, source = prepare(detector, cutouts)
        predicted = predictor.predict_partition(source)
        assert len(predicted.frame) == 59
        [(source_id, unreadable, reason)] = predicted.unreadable
        assert (source_id, unreadable) == ("4", path)
        assert "infinite or beyond 1e+15: where there are no data, use NaN" in reason


def test_gray_cutouts_for_a_model_of_colors(tmp_path):
    images = make_images(60, 3)
    colored = np.stack([images, images // 2, images // 3], axis=-1)
    detector = SpuriousRegionDetector(3, perplexity=8, random_state=0)
    detector.fit(colored, (np.arange(60) % 5 == 0).astype(int))
    frames = []
    for cutouts in (images, write_cutouts(tmp_path / "c", images)):
        predictor, source = prepare(detector, cutouts)
        frames.append(predictor.predict_partition(source).frame)
    assert frames[0]["tsne_x"].tolist() == frames[1]["tsne_x"].tolist()
    with pytest.raises(
        CatalogError, match=r"it is 9 x 16 pixels .*, but the fitted cutouts are 14 x 16"
    ):
        prepare(detector, images[:, :9])


def test_arrays_are_shrunk_as_the_files_of_the_fit_unless_they_are(images):
    detector = SpuriousRegionDetector(3, perplexity=8, random_state=0)
    detector.fit(make_images(60, 3)[:, ::2, ::2], (np.arange(60) % 5 == 0).astype(int))
    small = open_cutouts(images).read(options=ReadOptions(reduce=2)).images
    frames = []
    for cutouts in (images, small):
        predictor, source = prepare(detector, cutouts, reading={"reduce": 2})
        frames.append(predictor.predict_partition(source).frame)
    pd.testing.assert_frame_equal(*frames)


def test_no_cutout_can_be_read(fitted, tmp_path):
    (tmp_path / "a.png").touch()
    models = load_fitted(fitted.model)
    models.reading["dtype"] = None
    with pytest.raises(CatalogError, match="none of 1 cutouts could be read.*empty"):
        prepare(models, tmp_path)


def test_fingerprints_follow_the_models(fitted, images, tmp_path):
    def fingerprint(model):
        return prepare(model, images)[0].fingerprint

    assert fingerprint(fitted.model) == fingerprint(str(fitted.model))
    shutil.copytree(fitted.model.parent, tmp_path / "copy")
    assert fingerprint(tmp_path / "copy" / "model.skops") == fingerprint(fitted.model)
    (tmp_path / "copy" / "ranker.skops").unlink()
    assert fingerprint(tmp_path / "copy" / "model.skops") != fingerprint(fitted.model)
    assert fingerprint(fitted.detector) == fingerprint(pickle.loads(pickle.dumps(fitted.detector)))
    assert fingerprint(load_fitted(fitted.model)) == fingerprint(load_fitted(fitted.model))


def test_the_callers_model_keeps_its_threads(fitted, images):
    before = fitted.detector.get_params()["n_jobs"]
    predictor, _ = prepare(fitted.detector, images, n_jobs=2)
    assert (predictor.n_jobs, predictor.models.detector.n_jobs) == (2, 1)
    assert fitted.detector.n_jobs == before


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_every_scheduler_gives_the_same_bits(fitted, images, expected, scheduler):
    table = predict_sources(fitted.model, da.from_array(images, chunks=(20, -1, -1)))
    assert table.npartitions == 5
    same(table.compute(scheduler=scheduler), expected)


def test_nothing_is_read_before_it_is_asked_for(fitted, cutouts, expected, tmp_path):
    folder = write_cutouts(tmp_path / "c", [])
    for path in cutouts.iterdir():
        (folder / path.name).symlink_to(path)
    table = predict_sources(fitted.model, folder, partition_size=30)
    assert list(table.columns) == ["source_id", "path", *expected.columns[1:]]
    (folder / "70.png").unlink()
    few = table.partitions[0].compute(scheduler="synchronous")
    assert len(few) == 30
    with pytest.raises(CatalogError, match=r"1 cutouts cannot be read: .*70\.png: no such"):
        table.compute(scheduler="synchronous")


def test_dataframe_operations(fitted, images, expected):
    table = predict_sources(fitted.model, images, partition_size=45)
    flagged = table[table["flagged"]]["source_id"].compute(scheduler="synchronous")
    assert flagged.tolist() == expected.loc[expected["flagged"], "source_id"].tolist()


def test_skipping_says_so(fitted, images, tmp_path):
    folder = write_cutouts(tmp_path / "c", images[:6])
    (folder / "3.png").write_bytes(b"")
    table = predict_sources(fitted.model, folder, on_error="skip")
    with pytest.warns(UserWarning, match=r"1 cutouts were left out: .*3\.png: it is empty"):
        assert len(table.compute(scheduler="synchronous")) == 5
    with pytest.raises(ValueError, match="on_error='drop'"):
        predict_sources(fitted.model, folder, on_error="drop")
