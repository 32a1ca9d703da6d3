import sys

from spurclust.progress import hidden_bars, showing_progress, stage, track


class Terminal:
    """A standard error that people look at."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def watch(monkeypatch):
    """Put a terminal in the place where pytest, for each test, has a file."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


def work():
    with stage("tuning"):
        return list(track(iter("abc"), 3, "Folds", "fold"))


def test_progress_shows_before_the_work_ends(monkeypatch):
    terminal = watch(monkeypatch)
    with showing_progress(), stage("tuning"):
        assert "tuning ..." in terminal.text
        folds = track(iter("abc"), 3, "Folds", "fold")
        next(folds)
        assert "Folds:   0%" in terminal.text
        assert list(folds) == ["b", "c"]
    assert terminal.text.endswith("\r")  # nothing is left on the line


def test_nobody_asked(monkeypatch):
    terminal = watch(monkeypatch)
    assert work() == ["a", "b", "c"]
    assert terminal.text == ""
    assert list(track("ab", 2, "Reading", "file", shown=True)) == ["a", "b"]
    assert "Reading" in terminal.text


def test_who_is_quiet_outside_is_quiet_inside(monkeypatch):
    terminal = watch(monkeypatch)
    with showing_progress(False), showing_progress():
        assert work() == ["a", "b", "c"]
    assert terminal.text == ""


def test_no_terminal(capsys):
    with showing_progress():
        assert work() == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_without_tqdm_the_work_is_done(monkeypatch):
    terminal = watch(monkeypatch)
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    with showing_progress():
        assert work() == ["a", "b", "c"]
    assert terminal.text == ""


def test_bars_make_room_for_lines(monkeypatch):
    terminal = watch(monkeypatch)
    with showing_progress(), stage("reading"):
        with hidden_bars():
            shown = terminal.text
        assert shown.endswith("\r")
        assert terminal.text.endswith("reading ...")
