"""What is shown while one waits."""

from __future__ import annotations

import sys
import types

import pytest

from lacuna import _progress
from lacuna._progress import Shown


class Terminal:
    """Standard error that is a terminal, or not."""

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.text = terminal, ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(_progress, "_DELAY", -1.0)


def without(monkeypatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_nothing_is_shown_where_nobody_looks(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    for progress in ("auto", False, None):
        with Shown(progress) as callback:
            assert callback is None


def test_a_function_is_called_itself():
    told = lambda *_: None  # noqa: E731
    with Shown(told) as callback:
        assert callback is told


def test_a_terminal_without_tqdm_has_a_line(monkeypatch, at_once):
    without(monkeypatch, "tqdm", "tqdm.notebook")
    terminal = Terminal(True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Shown("auto") as callback:
        callback("training", 3, 50)
        callback("training", 50, 50)
    assert "training: 3 of 50" in terminal.text and terminal.text.endswith("\r\x1b[K")


def test_a_short_fit_shows_nothing(monkeypatch):
    without(monkeypatch, "tqdm", "tqdm.notebook")
    terminal = Terminal(True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Shown("auto") as callback:
        callback("training", 50, 50)
    assert terminal.text == ""


def bars(monkeypatch, module: str) -> list:
    """A stand-in for tqdm, which notes what it is told."""
    made: list = []

    class Bar:
        def __init__(self, *, total: int, desc: str, leave: bool, delay: float) -> None:
            self.total, self.desc, self.n, self.closed = total, desc, 0, False
            made.append(self)

        def update(self, steps: int) -> None:
            self.n += steps

        def close(self) -> None:
            self.closed = True

    for name in ("tqdm", "tqdm.notebook"):
        found = types.ModuleType(name)
        if name == module:
            found.tqdm = Bar  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, found)
    return made


def test_a_terminal_with_tqdm_has_a_bar_for_each_stage(monkeypatch):
    made = bars(monkeypatch, "tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal(True))
    with Shown("auto") as callback:
        for told in (("choosing settings", 2, 8), ("choosing settings", 8, 8), ("training", 5, 500)):
            callback(*told)
    assert [(bar.desc, bar.n, bar.total, bar.closed) for bar in made] == [
        ("choosing settings", 8, 8, True),
        ("training", 5, 500, True),
    ]


def test_a_notebook_has_bars_of_its_own(monkeypatch):
    made = bars(monkeypatch, "tqdm.notebook")
    shell = types.ModuleType("IPython")
    shell.get_ipython = lambda: types.SimpleNamespace(config={"IPKernelApp": {}})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    with Shown("auto") as callback:
        callback("training", 1, 2)
    assert made[0].n == 1


def test_tqdm_itself_takes_what_it_is_told(monkeypatch, drawn, capsys):
    pytest.importorskip("tqdm")
    import lacuna

    x, _, y = drawn
    lacuna.MissingLabelClassifier("hill", epochs=30, progress=True).fit(x, y)
    assert "Error" not in capsys.readouterr().err
