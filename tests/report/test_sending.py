import shlex

from spurclust.report import sending


def test_a_run_without_settings_has_the_defaults():
    assert sending.label_columns({}) == {
        "id": "Source_ID",
        "label": "Reliable_Source",
        "reason": "Reason",
        "spurious": 0,
    }
    assert sending.next_command({}) == (
        "spurclust run CUTOUTS --labels LABELS --labels judged.csv --out NEXT"
    )


def test_labels_are_sent_back_in_the_columns_of_the_run():
    settings = {
        "id_column": "my id",
        "label_column": "bad",
        "reason_column": None,
        "spurious_value": 1,
        "cutouts": "strips/*.png",
        "labels": ["a.xlsx", "b's/judged.csv"],
    }
    columns = sending.label_columns({"settings": settings})
    assert columns == {"id": "my id", "label": "bad", "reason": "Reason", "spurious": 1}
    command = sending.next_command({"settings": settings})
    words = ["spurclust", "run", "strips/*.png", "--labels", "a.xlsx", "--labels", "b's/judged.csv"]
    words += ["--labels", "judged-2.csv", "--id-column", "my id", "--label-column", "bad"]
    assert shlex.split(command)[: len(words)] == words
    assert command.endswith("--spurious-value 1 --out NEXT")


def test_no_round_takes_the_name_of_another():
    labels = ["labels.xlsx"]
    for _ in range(3):
        labels.append(sending.judged_name({"settings": {"labels": labels}}))
    assert labels[1:] == ["judged.csv", "judged-2.csv", "judged-3.csv"]
    assert sending.judged_name({"settings": {"labels": "judged.csv"}}) == "judged-2.csv"
