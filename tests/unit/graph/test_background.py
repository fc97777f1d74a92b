"""What is new is made beside those who still use what is old."""

from __future__ import annotations

import threading

import pytest

from graph.background import Background


def test_nobody_waits_and_the_result_comes_once():
    work, may_go_on, made = Background[str](), threading.Event(), []

    def make() -> str:
        may_go_on.wait(10)
        made.append(1)
        return "new"

    assert work.ask(make) is None
    assert work.ask(make) is None
    may_go_on.set()
    assert eventually(lambda: work.ask(make)) == "new"
    assert made == [1]


def test_what_went_wrong_is_told_once_and_then_tried_again():
    work = Background[str]()

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        eventually(lambda: work.ask(fail))
    assert eventually(lambda: work.ask(lambda: "yes")) == "yes"


def eventually(ask):
    for _ in range(1000):
        if (found := ask()) is not None:
            return found
        threading.Event().wait(0.005)
    raise AssertionError("nothing came of it")
