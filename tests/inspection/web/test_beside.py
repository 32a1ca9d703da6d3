import operator
import os
import sys

import pytest

from spurclust.inspection.web.beside import Beside


def test_what_a_function_returns_or_raises_comes_back():
    sums, wrong = Beside(operator.add, [1], [2]), Beside(int, "x")
    assert sums.future.result(30) == [1, 2]
    with pytest.raises(ValueError, match="invalid literal"):
        wrong.future.result(30)


def test_a_process_that_dies_is_an_error():
    with pytest.raises(OSError, match="ended early"):
        Beside(os._exit, 1).future.result(30)


def test_what_cannot_be_sent_is_an_error():
    assert Beside(operator.add, sys, 1).future.exception(30) is not None


def test_what_is_printed_there_is_not_seen(capfd):
    Beside(print, "seen").future.result(30)
    assert capfd.readouterr().out == ""
