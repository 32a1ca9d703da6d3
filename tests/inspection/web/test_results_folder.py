import json
import shutil
from functools import partial

import pytest

from spurclust.inspection.web.answers import BadRequestError
from spurclust.inspection.web.results_folder import Results


@pytest.fixture
def made(tmp_path):
    """A folder of results to copy, in place of making one."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "report.html").write_text("<p>found</p>", encoding="utf-8")
    summary = {"labels": {"n_inspected": 7}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def judge(inspection):
    for row, verdict in ((0, "spurious"), (20, "reliable")):
        inspection.record(str(row), verdict)


def test_a_folder_is_made_and_known_also_in_a_later_visit(served, made):
    judge(served.inspection)
    results = Results(served.inspection, partial(shutil.copytree, made))
    assert results.state() == {"state": "none"}
    assert results.start() == {"state": "making"}
    results._work.future.result(30)
    folder = str(served.folder.resolve() / "results")
    ready = {"state": "ready", "folder": folder, "n_inspected": 7, "has_report": True}
    assert results.state() == ready
    assert Results(served.inspection, None).state() == ready


def test_why_it_cannot_be_made_is_said(served, tmp_path):
    results = Results(served.inspection, partial(shutil.copytree, tmp_path / "missing"))
    with pytest.raises(BadRequestError, match="one spurious and one reliable"):
        results.start()
    judge(served.inspection)
    results.start()
    results._work.future.exception(30)
    assert results.state()["state"] == "failed"
    assert "missing" in results.state()["error"]
    with pytest.raises(BadRequestError, match="spurclust run"):
        Results(served.inspection, None).start()


def test_the_page_gets_the_report_as_a_file(serve, connect, made):
    served = serve(site={"make_results": partial(shutil.copytree, made)})
    client = connect(served)
    assert client.get("/report.html").status_code == 500
    assert client.post("/api/results", json={}).status_code == 400
    judge(served.inspection)
    assert client.post("/api/results", json={}).json() == {"state": "making"}
    served.site.results._work.future.result(30)
    assert client.get("/api/progress").json()["results"]["state"] == "ready"
    answer = client.get("/report.html")
    assert answer.text == "<p>found</p>"
    assert answer.headers["content-disposition"].startswith("attachment")
