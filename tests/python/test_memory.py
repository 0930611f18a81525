"""pipilo.memory: the budget, the marks, the action; each in a process of its own where it must be."""

import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import pipilo
from pipilo import ops, pipe

PHOTOS = sorted((Path(os.environ.get("PIPILO_DEPS", ".deps")) / "photos").glob("*"),
                key=lambda path: path.stat().st_size)[:4]
needs_photos = pytest.mark.skipif(not PHOTOS, reason="there are no photographs in .deps")

MARKS = ("memory_soft", "memory_hard", "memory_critical")


def marks():
    return [pipilo.stats()[name] for name in MARKS]


def work():
    """Rows that need memory."""
    p = pipe.input("p").map("p", "v", ops.image_embedding.timm("null:8")).output("v")
    return p(PHOTOS[0]).get()


@pytest.fixture(autouse=True)
def as_it_was():
    before, limit, threads = marks(), pipilo.stats()["budget_limit"], threading.active_count()
    yield
    assert pipilo.stats()["budget_limit"] == limit
    # All there is may have changed a little.
    assert marks() == pytest.approx(before, rel=0.05)
    # The thread of an action that nobody can bring back ends by itself.
    for _ in range(6000):
        if threading.active_count() == threads:
            break
        time.sleep(0.01)
    assert threading.active_count() == threads
    if PHOTOS:
        work()


def test_the_limit():
    before = pipilo.stats()["budget_limit"]
    for given, expected in [("256M", 256 << 20), (1000, 1000), ("1.5GiB", 3 << 29), ("2g", 2 << 30)]:
        with pipilo.memory(given):
            assert pipilo.stats()["budget_limit"] == expected
        assert pipilo.stats()["budget_limit"] == before
    total = pipilo.stats()["memory_total"]
    with pipilo.memory(limit="10%"):
        assert pipilo.stats()["budget_limit"] == pytest.approx(total / 10, rel=0.01)
        with pipilo.memory(limit=0):
            assert pipilo.stats()["budget_limit"] == before


def test_marks():
    total = pipilo.stats()["memory_total"]
    assert 0 < marks()[0] <= marks()[1] <= marks()[2] <= total
    with pipilo.memory(soft="1G", hard=2 << 30, critical="1000G"):
        assert marks()[:2] == [1 << 30, 2 << 30]
        # What is not given stays as it is.
        with pipilo.memory(hard="3G"):
            assert marks()[:2] == [1 << 30, 3 << 30]
        with pipilo.memory(critical="4G", limit="1G"):
            assert marks() == [1 << 30, 2 << 30, 4 << 30]
        assert marks()[:2] == [1 << 30, 2 << 30]
    with pipilo.memory(soft="50%"):
        assert marks()[0] == pytest.approx(total / 2, rel=0.01)


@pytest.mark.parametrize("bad", ["much", "-1", -1, "101%", 1 << 64, "5 M"])
def test_what_is_no_size(bad):
    for name in ("limit", "soft", "hard", "critical"):
        with pytest.raises(ValueError, match="size|number"):
            pipilo.memory(**{name: bad})


def test_what_is_no_setting():
    for bad in (1.5, b"1G", True, [1]):
        with pytest.raises(TypeError):
            pipilo.memory(soft=bad)
    with pytest.raises(TypeError):
        pipilo.memory(action=5)
    with pytest.raises(ValueError, match="must not fall"):
        pipilo.memory(soft="2G", hard="1G", action=print)


@needs_photos
def test_the_action():
    work()
    events, threads = [], set()

    def action(event):
        threads.add(threading.current_thread())
        events.append(event)

    with pipilo.memory(soft="1M", hard="2M", critical="1000G", action=action):
        assert work() is not None
        before = pipilo.stats()
    assert before["memory_state"] == 2
    assert [(e.before, e.state) for e in events] == [("ok", "hard")]
    assert events[0].used >= 2 << 20
    assert events[0].total == pytest.approx(before["memory_total"], rel=0.01)
    assert threads != {threading.main_thread()}
    assert not any(thread.is_alive() for thread in threads)
    after = pipilo.stats()
    work()
    assert pipilo.stats()["entered_ok"] == after["entered_ok"] + 1


@needs_photos
def test_critical_raises():
    with pipilo.memory(soft="1M", hard="1M", critical="2M"):
        with pytest.raises(RuntimeError) as raised:
            work()
        assert isinstance(raised.value.__cause__, MemoryError)
        assert "memory is short" in str(raised.value)
    assert work() is not None


@needs_photos
def test_one_action_in_another():
    outer, inner = [], []
    with pipilo.memory(action=outer.append):
        with pipilo.memory(soft="1M", hard="1000G", critical="1000G", action=inner.append):
            work()
        assert [e.state for e in inner] == ["soft"]
        work()
    assert [e.state for e in outer] == ["ok"]
    pipilo.memory(action=outer.append)
    pipilo.memory(action=False)


@needs_photos
def test_an_action_that_fails_and_one_that_sets(monkeypatch):
    failures = []
    monkeypatch.setattr(sys, "excepthook", lambda *what: failures.append(what[1]))

    def action(event):
        with pipilo.memory(soft=0):
            pass
        raise KeyError(event.state)

    with pipilo.memory(soft="1M", hard="1000G", critical="1000G", action=action):
        work()
    assert [str(failure) for failure in failures] == ["'soft'"]


@needs_photos
def test_the_log(caplog):
    work()
    with caplog.at_level(logging.WARNING, logger="pipilo"):
        with pipilo.memory(soft="1M", hard="1000G", critical="1000G"):
            work()
        work()
    said = [record.getMessage() for record in caplog.records if "memory is" in record.getMessage()]
    assert [line.split()[2] for line in said] == ["soft", "ok"]
    assert " MB are used" in said[0]


@needs_photos
def test_the_log_while_the_main_thread_waits(caplog):
    """Lines are said by the thread that runs, which the main thread may be waiting for."""
    said = []

    def run():
        work()
        said.extend(record.getMessage() for record in caplog.records)

    work()
    with caplog.at_level(logging.WARNING, logger="pipilo"):
        with pipilo.memory(soft="1M", hard="1000G", critical="1000G"):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
        work()
    assert any("memory is soft" in line for line in said)


@needs_photos
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_has_no_action():
    events = []
    with pipilo.memory(soft="1M", hard="1000G", critical="1000G", action=events.append) as settings:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                assert pipilo.stats()["memory_state"] == 1
                mine = []
                with pipilo.memory(hard="2M", action=mine.append):
                    work()
                assert [e.state for e in mine] == ["hard"]
                settings.__exit__(None, None, None)
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert events == []
        work()
    assert [e.state for e in events] == ["soft"]


def alone(program, **environment):
    """Runs a program in a process of its own; what it printed."""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", textwrap.dedent(program)], timeout=240,
                          capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def test_the_environment():
    printed = alone("""
        import pipilo
        s = pipilo.stats()
        print(s["budget_limit"], s["memory_soft"], s["memory_hard"])
        with pipilo.memory(soft="1.5G"):
            print(pipilo.stats()["memory_soft"])
    """, PIPILO_MEMORY="300M", PIPILO_MEMORY_SOFT="1G", PIPILO_MEMORY_HARD="2GiB",
       PIPILO_MEMORY_CRITICAL="1000G")
    assert [int(word) for word in printed] == [300 << 20, 1 << 30, 2 << 30, 3 << 29]


@needs_photos
@pytest.mark.parametrize("drop", ["", "del kept"])
def test_the_end_of_the_process_waits_a_moment_for_the_action(drop):
    program = f"""
        import os, sys, threading, time, pipilo
        from pipilo import ops, pipe
        sys.modules["pipilo.memory"]._MOMENT = float(os.environ["MOMENT"])
        ending = threading.Event()
        def action(event):
            ending.wait()
            time.sleep(float(os.environ["SECONDS"]))
            print("told", flush=True)
        kept = pipilo.memory(soft="1M", hard="1000G", critical="1000G", action=action)
        {drop}
        pipe.input("p").map("p", "v", ops.image_embedding.timm("null:8")).output("v")({str(PHOTOS[0])!r})
        print("end", flush=True)
        ending.set()
    """
    assert alone(program, SECONDS="0.05", MOMENT="60") == ["end", "told"]
    # One that hangs does not keep the process: `alone` waits for some minutes.
    assert alone(program, SECONDS="6000", MOMENT="1") == ["end"]


def test_what_is_no_number_of_threads():
    for bad in (2**40, -1, 1 << 70, -(1 << 70), 1025):
        with pytest.raises(ValueError, match=f"{bad} threads"):
            pipilo.set_threads(bad)
    with pytest.raises(TypeError):
        pipilo.set_threads("2")


@needs_photos
@pytest.mark.parametrize("failure", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_action_that_raises_no_exception_is_reported(monkeypatch, failure):
    failures = []
    monkeypatch.setattr(sys, "excepthook", lambda *what: failures.append(what[0]))
    descriptors = len(os.listdir("/proc/self/fd"))
    events = []

    def action(event):
        events.append(event.state)
        raise failure

    with pipilo.memory(soft="1M", hard="1000G", critical="1000G", action=action):
        work()
        # The next event is told, too.
        with pipilo.memory(soft="900G"):
            work()
    assert events == ["soft", "ok"] and failures == [failure] * 2
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_an_action_is_over_before_others_may_set_memory(monkeypatch):
    module = sys.modules["pipilo.memory"]
    over = []

    class Lock:
        def __enter__(self):
            lock.acquire()

        def __exit__(self, *what):
            over.append(own.is_ended())
            lock.release()

    lock = module._lock
    settings = pipilo.memory(action=print)
    own = module._watch
    monkeypatch.setattr(module, "_lock", Lock())
    settings.__exit__(None, None, None)
    assert over == [True]
    settings.__exit__(None, None, None)


def test_the_end_of_the_process():
    assert alone("""
        import pipilo
        pipilo.memory(action=print)
        settings = pipilo.memory(soft="50%", action=print)
        print("end")
    """) == ["end"]
