"""One partition in, one table out."""

import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from spurclust import SpuriousRegionDetector
from spurclust.catalog import load_fitted
from spurclust.cutouts.survey import Block
from spurclust.errors import CatalogError
from spurclust.scale import predictor as module
from spurclust.scale.predictor import prepare

from .conftest import make_images, same, write_cutouts


def test_any_partition_and_batch_gives_the_same_bits(fitted, cutouts, expected, monkeypatch):
    monkeypatch.setattr(module, "LEAST_ROWS", 7)
    monkeypatch.setattr(module, "BATCH_BYTES", 1)
    predictor, survey = prepare(fitted.model, cutouts, partition_size=40)
    start = 0
    for part in survey.partitions:
        predicted = predictor.predict_partition(part)
        assert predicted.unreadable == []
        rows = expected.iloc[start : start + len(part)].reset_index(drop=True)
        same(predicted.frame, rows)
        assert predicted.frame["path"].tolist() == part.paths
        start += len(part)


def test_arrays(fitted, images, expected):
    predictor, survey = prepare(fitted.model, images)
    [part] = survey.partitions
    predicted = predictor.predict_partition(Block(part.source_ids, images))
    same(predicted.frame, expected)
    assert "path" not in predicted.frame


def test_the_columns_are_those_of_the_empty_table(fitted, cutouts, images):
    for given in (cutouts, images):
        predictor, survey = prepare(fitted.model, given)
        part = survey.partitions[0] if survey.has_files else Block(range(len(images)), images)
        frame = predictor.predict_partition(part).frame
        empty = predictor.empty_frame(has_paths=survey.has_files)
        assert frame.dtypes.to_dict() == empty.dtypes.to_dict()


def test_without_a_ranker(fitted, images):
    predictor, _ = prepare(fitted.detector, images)
    frame = predictor.predict_partition(Block(range(len(images)), images)).frame
    assert "inspection_probability" not in frame
    with_ranker, _ = prepare(fitted.detector, images, ranker=fitted.ranker)
    frame = with_ranker.predict_partition(Block(range(len(images)), images)).frame
    assert frame["inspection_probability"].between(0, 1).all()


def test_unreadable_cutouts_are_listed(fitted, tmp_path, images):
    folder = write_cutouts(tmp_path / "c", images[:8])
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:60])
    Image.fromarray(images[0][:5]).save(folder / "2.png")
    Image.fromarray(images[0].astype(np.uint16)).save(folder / "3.png")
    (folder / "4.png").unlink()
    (folder / "4.png").symlink_to("nowhere.png")
    predictor, survey = prepare(fitted.model, folder)
    predicted = predictor.predict_partition(survey.partitions[0])
    assert predicted.frame["source_id"].tolist() == ["0", "5", "6", "7"]
    reasons = {source_id: reason for source_id, _, reason in predicted.unreadable}
    assert list(reasons) == ["1", "2", "3", "4"]
    for source_id, words in zip("1234", ("damaged", "5 x 16", "uint16", "a link"), strict=True):
        assert words in reasons[source_id]
    assert predicted.unreadable[0][1] == str(folder / "1.png")


def test_infinite_pixels_are_unreadable(tmp_path):
    images = make_images(60, 3).astype(np.float32)
    detector = SpuriousRegionDetector(3, perplexity=8, random_state=0)
    detector.fit(images, (np.arange(60) % 5 == 0).astype(int))
    images[4, 2, 2] = np.inf
    predictor, _ = prepare(detector, images)
    predicted = predictor.predict_partition(Block([f"s{k}" for k in range(60)], images))
    assert len(predicted.frame) == 59
    assert predicted.unreadable == [("s4", "", module.INFINITE)]


def test_grey_cutouts_for_a_model_of_colours(tmp_path):
    images = make_images(60, 3)
    coloured = np.stack([images, images // 2, images // 3], axis=-1)
    detector = SpuriousRegionDetector(3, perplexity=8, random_state=0)
    detector.fit(coloured, (np.arange(60) % 5 == 0).astype(int))
    predictor, _ = prepare(detector, images)
    block = predictor.predict_partition(Block(range(60), images)).frame
    files, survey = prepare(detector, write_cutouts(tmp_path / "c", images))
    from_files = files.predict_partition(survey.partitions[0]).frame
    assert block["tsne_x"].tolist() == from_files["tsne_x"].tolist()
    with pytest.raises(CatalogError, match=r"shape \(9, 16\), and the fitted ones \(14, 16, 3\)"):
        predictor.predict_partition(Block(range(60), images[:, :9]))


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
    assert predictor.models.detector.n_jobs == 2
    assert fitted.detector.n_jobs == before
