"""Progress of a fit or an audit: tqdm where it is installed, else a line in a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any, Callable

Callback = Callable[[str, int, int], Any]

#: Seconds after which it is worth showing anything.
_DELAY = 1.0


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and "IPKernelApp" in getattr(running, "config", {})


class _Line:
    """A line on standard error that is written over."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.shown = False

    def __call__(self, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self.start < _DELAY:
            return
        self.shown = True
        sys.stderr.write(f"\r\x1b[K{stage}: {done} of {total}")
        sys.stderr.flush()

    def close(self) -> None:
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class _Bars:
    """A bar of tqdm for each stage."""

    def __init__(self, tqdm: Any) -> None:
        self.tqdm = tqdm
        self.bar: Any = None
        self.stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self.bar is None or stage != self.stage:
            self.close()
            self.stage, self.bar = stage, self.tqdm(total=total, desc=stage, leave=False, delay=_DELAY)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


class Shown:
    """``with Shown(progress) as callback``: ``progress`` is 'auto' (a terminal or a notebook), True, False, or a function."""

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.shown: _Line | _Bars | None = None

    def __enter__(self) -> Callback | None:
        if callable(self.progress):
            found: Callback = self.progress
            return found
        if self.progress is None or self.progress is False:
            return None
        notebook = _in_notebook()
        if self.progress == "auto" and not (notebook or (sys.stderr is not None and sys.stderr.isatty())):
            return None
        try:
            if notebook:
                from tqdm.notebook import tqdm
            else:
                from tqdm import tqdm
        except ImportError:
            self.shown = _Line()
        else:
            self.shown = _Bars(tqdm)
        return self.shown

    def __exit__(self, *_: object) -> None:
        if self.shown is not None:
            self.shown.close()
