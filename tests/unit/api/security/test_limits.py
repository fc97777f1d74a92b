from __future__ import annotations

import threading

import pytest

from api.security import limits
from api.security.limits import ProcessStorage


def test_counts_each_key_by_itself():
    storage = ProcessStorage()
    assert [storage.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.incr("b", 60, 5) == 5
    assert (storage.get("a"), storage.get("b"), storage.get("c")) == (3, 5, 0)
    storage.clear("a")
    assert storage.get("a") == 0
    assert storage.reset() == 1
    assert storage.check()


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch):
    now = [1000.0]
    monkeypatch.setattr(limits.time, "time", lambda: now[0])
    storage = ProcessStorage()
    storage.incr("a", 60)
    storage.incr("a", 60)
    assert storage.get_expiry("a") == 1060
    now[0] = 1059.9
    assert storage.incr("a", 60) == 3
    now[0] = 1060.0
    assert storage.get("a") == 0
    assert storage.incr("a", 60) == 1
    assert storage.get_expiry("a") == 1120


def test_ended_windows_do_not_pile_up(monkeypatch: pytest.MonkeyPatch):
    now = [1000.0]
    monkeypatch.setattr(limits.time, "time", lambda: now[0])
    monkeypatch.setattr(ProcessStorage, "_MOST", 10)
    storage = ProcessStorage()
    for n in range(10):
        storage.incr(str(n), 60)
    now[0] += 61
    storage.incr("new", 60)
    assert storage.reset() == 1


def test_threads_lose_no_count():
    storage = ProcessStorage()

    def count() -> None:
        for _ in range(500):
            storage.incr("a", 60)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.get("a") == 2000
