import io
import json
import socket
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust import Inspection
from spurclust.catalog import read_labels
from spurclust.errors import CatalogError
from spurclust.inspection.web.answers import MAX_ITEMS, MAX_NOTE, MAX_REASON
from spurclust.inspection.web.server import link_of, listen, machine_names

HOSTILE = '<img src=x onerror="alert(1)">\u202e'


def as_image(answer):
    return np.asarray(Image.open(io.BytesIO(answer.content)))


class TestSources:
    def test_what_is_next_stays_until_it_is_judged(self, client):
        items = client.next(3)
        assert client.next(3) == items
        after = client.judge(items[0]["row"], n=2).json()["items"]
        assert [item["row"] for item in after] == [item["row"] for item in items[1:]]

    def test_two_inspectors_never_get_the_same(self, served, connect):
        rows = [item["row"] for name in ("anna", "ben") for item in connect(served, name).next(20)]
        assert len(set(rows)) == len(rows) == 40

    def test_similar_spurious_and_their_reasons_are_shown(self, served, client):
        client.judge(0, 1, 2, verdict="spurious", reason="spike")
        client.judge(*range(20, 30))
        served.inspection.wait()
        found = client.get("/api/similar?rows=0,40").json()["similar"]
        assert {one["row"] for one in found["40"]} == {0, 1, 2}
        assert {one["row"] for one in found["0"]} == {1, 2}
        assert {one["reason"] for one in found["40"]} == {"spike"}

    def test_nothing_is_similar_before_anything_is_learned(self, reader):
        assert reader.get("/api/similar?rows=3").json()["similar"] == {"3": []}

    @pytest.mark.parametrize("rows", ["", "x", "-1", "60", "1,,2", ",".join("1" * 61), "9" * 30])
    def test_similar_of_odd_rows_is_refused(self, reader, rows):
        assert reader.get(f"/api/similar?rows={rows}").status_code == 400

    def test_columns_of_a_catalogue_are_shown_as_text(self, serve, connect):
        columns = pd.DataFrame({"mag": [np.nan, 21.25] * 30, "field": [HOSTILE, ""] * 30})
        item = connect(serve(site={"columns": columns})).next()[0]
        odd, even = [["mag", "21.25"]], [["field", HOSTILE]]
        assert item["facts"] == (odd if item["row"] % 2 else even)

    @pytest.mark.parametrize("n", ["0", "-1", str(MAX_ITEMS + 1), "x", ""])
    def test_odd_numbers_of_sources_are_refused(self, reader, n):
        assert reader.get(f"/api/next?n={n}").status_code == 400


class TestVerdicts:
    def test_an_answered_verdict_is_stored(self, served, client):
        row = client.next()[0]["row"]
        client.judge(row, verdict="spurious", reason="spike", note="bright")
        found = served.inspection.verdicts().iloc[0]
        assert found["Source_ID"] == served.inspection.source_ids[row]
        assert found[["Inspector", "Verdict", "Reason", "Note"]].tolist() == [
            "anna",
            "spurious",
            "spike",
            "bright",
        ]

    def test_many_are_judged_at_once(self, served, client):
        client.judge(*range(MAX_ITEMS), verdict="reliable")
        assert served.inspection.progress().n_reliable == MAX_ITEMS
        assert client.next() == []

    def test_one_sent_twice_counts_once(self, served, client):
        for _ in range(2):
            client.judge(7)
        assert served.inspection.progress().curve.shape == (1,)

    def test_what_is_written_is_kept_as_text(self, served, client):
        verdict = {"row": 3, "verdict": "spurious", "reason": HOSTILE}
        note = f"{HOSTILE}\x00\ud800 \u00e9"
        sent = {"verdicts": [verdict | {"note": note}], "n": 1}
        client.post("/api/verdicts", content=json.dumps(sent))
        found = served.inspection.verdicts().iloc[0]
        assert found["Reason"] == HOSTILE[:-1]
        assert found["Note"] == f"{HOSTILE[:-1]} \u00e9"
        assert HOSTILE[:-1] in client.get("/api/start").json()["reasons"]

    @pytest.mark.parametrize(
        "verdict",
        [
            {"row": 60},
            {"row": -1},
            {"row": "0"},
            {"row": True},
            {"row": 1.0},
            {"verdict": "undo"},
            {"verdict": ["spurious"]},
            {"reason": 3},
            {"reason": "x" * (MAX_REASON + 1)},
            {"note": "x" * (MAX_NOTE + 1)},
        ],
    )
    def test_what_the_page_never_sends_is_refused_whole(self, unchanged, reader, verdict):
        good = {"row": 0, "verdict": "reliable"}
        sent = {"verdicts": [good, {**good, **verdict}], "n": 1}
        answer = reader.post("/api/verdicts", json=sent)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert unchanged.inspection.progress().n_inspected == 0

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"n": 1}', b'{"verdicts": []}'])
    def test_a_body_of_another_form_is_refused(self, reader, body):
        assert reader.post("/api/verdicts", content=body).status_code == 400

    def test_undo_shows_the_source_again(self, served, client):
        row = client.next()[0]["row"]
        client.judge(row)
        answer = client.post("/api/undo", json={"n": 2}).json()
        assert answer["undone"] == served.inspection.source_ids[row]
        assert (answer["items"][0]["row"], answer["items"][0]["why"]) == (row, "undone")
        assert client.post("/api/undo", json={"n": 1}).json()["undone"] is None

    def test_only_who_adjudicates_is_shown_what_others_said(self, serve, connect):
        names = "anna", "ben", "carl"
        served = serve(names=names, opinions=2, adjudicators=["carl"])
        anna, ben, carl = (connect(served, name) for name in names)
        row = anna.next()[0]["row"]
        anna.judge(row, verdict="spurious", reason="spike")
        shown = next(item for item in ben.next(60) if item["row"] == row)
        assert shown["why"] == "second opinion"
        assert shown["opinions"] == []
        ben.judge(row)
        item = carl.next()[0]
        assert (item["row"], item["why"]) == (row, "adjudication")
        assert [one["inspector"] for one in item["opinions"]] == ["anna", "ben"]
        carl.judge(row, verdict="spurious")
        assert served.inspection.progress().n_spurious == 1

    def test_many_at_once_lose_and_double_nothing(self, served, connect):
        clients = [connect(served, name) for name in ("anna", "ben") for _ in range(2)]
        seen = []

        def judge_all(client):
            while items := client.next():
                seen.append(items[0]["row"])
                client.judge(items[0]["row"])

        threads = [threading.Thread(target=judge_all, args=(one,)) for one in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert served.inspection.progress().n_inspected == len(set(seen)) == 60


class TestProgress:
    def test_it_counts(self, served, client):
        client.judge(0, 1, verdict="spurious")
        client.judge(30, 31, 32)
        served.inspection.wait()
        found = client.get("/api/progress").json()
        assert (found["n_spurious"], found["n_reliable"], found["n_sources"]) == (2, 3, 60)
        assert found["curve"][0] == [0, 0]
        assert found["curve"][-1] == [5, 2]

    def test_a_higher_guarantee_takes_no_fewer_inspections(self, client):
        client.judge(*range(12), verdict="spurious")
        low, high = (client.get(f"/api/progress?guarantee={one}").json() for one in (0.8, 0.99))
        assert (low["max_remaining"], high["max_remaining"]) == (3, 0)
        assert 0 < low["n_needed"] <= high["n_needed"]

    def test_agreement_and_disputes_of_a_team(self, serve, connect):
        served = serve(names=["anna", "ben", "carl"], opinions=2, adjudicators=["carl"])
        anna, ben, carl = (connect(served, name) for name in served.names)
        anna.judge(0, 1, verdict="spurious")
        anna.judge(2, 3)
        ben.judge(0, verdict="spurious")
        ben.judge(1, 2, 3)
        found = [each.get("/api/progress").json() for each in (anna, carl)]
        (row,) = (one for one in found[0]["agreement"] if one["about"] == "spurious")
        assert (row["inspectors"], row["n_sources"], row["kappa"]) == ("anna and ben", 4, 0.5)
        assert [one["disputes"][0]["id"] for one in found] == ["1", "1"]
        said = [[each["verdict"] for each in one["disputes"][0]["opinions"]] for one in found]
        assert said == [[], ["spurious", "reliable"]]

    def test_points_and_what_each_source_is(self, served, client):
        client.judge(5, verdict="spurious")
        assert client.get("/api/points").content == b""
        served.site.embedding.work.future.result(300)
        points = client.get("/api/points").content
        assert np.frombuffer(points, "<u2").reshape(60, 2).max() == 2**16 - 1
        codes = np.frombuffer(client.get("/api/codes").content, np.uint8)
        assert codes.tolist() == [1 if row == 5 else 255 for row in range(60)]

    @pytest.mark.parametrize("guarantee", ["0.5", "nan", "x", ""])
    def test_others_are_refused(self, reader, guarantee):
        assert reader.get(f"/api/progress?guarantee={guarantee}").status_code == 400


class TestCutouts:
    def address(self, unchanged, row, how=""):
        return f"/cutouts/{unchanged.site.run}/{row}{how}"

    def test_panels_are_side_by_side_in_their_own_pixels(self, unchanged, reader):
        answer = reader.get(self.address(unchanged, 20))
        assert answer.headers["content-type"] == "image/png"
        assert as_image(answer).shape == (8, 18)

    @pytest.mark.parametrize("stretch", ["linear", "asinh", "log", "zscale"])
    def test_more_contrast_is_another_picture(self, unchanged, reader, stretch):
        low, high = (
            as_image(
                reader.get(self.address(unchanged, 20, f"?stretch={stretch}&contrast={level}"))
            )
            for level in (0, 4)
        )
        assert (low != high).any()

    @pytest.mark.parametrize(
        "path", ["60", "0?stretch=no", "0?contrast=5", "0?contrast=-1", "0?contrast=x", f"{10**30}"]
    )
    def test_what_is_out_of_range_is_refused(self, unchanged, reader, path):
        assert reader.get(self.address(unchanged, path)).status_code == 400

    @pytest.mark.parametrize("path", ["-1", "x", "..%2f..%2fetc%2fpasswd", "1/2", ""])
    def test_a_cutout_has_no_path(self, unchanged, reader, path):
        assert reader.get(self.address(unchanged, path)).status_code == 404

    def test_pictures_of_another_run_are_not_kept(self, unchanged, reader):
        fresh, old = reader.get(self.address(unchanged, 0)), reader.get("/cutouts/old/0")
        assert "immutable" in fresh.headers["cache-control"]
        assert old.headers["cache-control"] == "no-store"

    def test_one_that_cannot_be_read_is_said_so(self, unchanged, reader, monkeypatch):
        def fail(row):
            raise CatalogError("gone.png is gone")

        monkeypatch.setattr(unchanged.inspection, "cutout", fail)
        answer = reader.get(self.address(unchanged, 5))
        assert answer.status_code == 500
        assert "gone.png" in answer.json()["error"]


class TestTables:
    def test_labels_are_exported_in_the_columns_of_the_team(self, serve, connect, tmp_path):
        own = {"Source_ID": "id", "Reliable_Source": "artifact", "Reason": "why"}
        client = connect(serve(site={"own_columns": own, "spurious_value": 1}))
        client.judge(4, verdict="spurious", reason="spike")
        client.judge(5)
        path = tmp_path / "labels.csv"
        path.write_bytes(client.get("/labels.csv").content)
        names = {"id_column": "id", "label_column": "artifact", "reason_column": "why"}
        table = read_labels(path, spurious_value=1, **names).table.set_index("source_id")
        assert table.loc[["4", "5"], "label"].tolist() == [1, 0]
        assert table.loc["4", "reason"] == "spike"

    @pytest.mark.parametrize("suffix", ["csv", "xlsx"])
    def test_labels_are_read_back(self, served, client, tmp_path, suffix):
        client.judge(0, verdict="spurious", reason=HOSTILE)
        client.judge(40, verdict="reliable")
        client.judge(41, verdict="unsure")
        path = tmp_path / f"labels.{suffix}"
        path.write_bytes(client.get(f"/labels.{suffix}").content)
        table = read_labels(path).table.set_index("source_id")
        assert table.loc[["0", "40"], "label"].tolist() == [1, 0]
        assert table.loc["0", "reason"] == HOSTILE[:-1]
        assert (served.folder / "labels.csv").exists()

    def test_verdicts_of_all_are_a_table(self, client):
        client.judge(0)
        assert client.get("/verdicts.csv").text.splitlines()[1].startswith("0,anna,reliable")

    @pytest.mark.parametrize("name", ["links.json", "labels.exe", "inspection.sqlite", "a.csv"])
    def test_no_other_file_is_served(self, reader, name):
        assert reader.get(f"/{name}").status_code == 404


class TestServing:
    def test_it_goes_on_after_a_restart(self, served, client):
        items = client.next(3)
        client.judge(items[0]["row"], verdict="spurious")
        run = served.site.run
        served.stop()
        served.start()
        assert client.judge(items[1]["row"]).status_code == 200
        found = client.get("/api/progress").json()
        assert found["n_inspected"] == 2
        assert found["run"] != run

    def test_a_second_one_on_the_folder_is_refused(self, unchanged):
        with pytest.raises(CatalogError, match=r"survey.*in use|another process"):
            Inspection(np.zeros((60, 2, 2)), folder=unchanged.folder, features=np.zeros((60, 1)))

    def test_a_port_in_use_is_refused_if_it_is_asked_for(self):
        with listen("127.0.0.1", 0) as first:
            port = first.getsockname()[1]
            with pytest.raises(CatalogError, match="choose another --port"):
                listen("127.0.0.1", port)

    def test_without_a_port_there_is_always_one(self):
        with listen("127.0.0.1") as first, listen("127.0.0.1") as second:
            assert first.getsockname()[1] != second.getsockname()[1]

    def test_an_address_of_another_machine_is_refused(self):
        with pytest.raises(CatalogError, match="--host"):
            listen("192.0.2.1", 0)

    def test_a_port_that_is_none_is_refused(self):
        with pytest.raises(CatalogError, match="--port 70000"):
            listen("127.0.0.1", 70_000)

    def test_links_name_the_machine(self):
        assert link_of("k", "127.0.0.1", 80) == "http://127.0.0.1:80/enter?key=k"
        assert link_of("k", "::1", 80).startswith("http://[::1]:80/")
        assert socket.gethostname() in link_of("k", "0.0.0.0", 80)
        assert socket.gethostname() in machine_names("0.0.0.0")
