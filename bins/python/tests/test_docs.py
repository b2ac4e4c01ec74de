"""Every block of docs/python.md runs."""

from __future__ import annotations

import re
import subprocess
import warnings

import pytest
from conftest import ROOT

PAGE = ROOT / "docs" / "python.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="a source distribution has no docs/python.md")


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text())


def test_every_block_runs(tmp_path, monkeypatch, request):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    skipped = []
    for language, text in blocks():
        if language == "python":
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    exec(compile(text, str(PAGE), "exec"), space)
            except ModuleNotFoundError as error:
                assert error.name == "torch"
                skipped.append("a block without PyTorch")
            continue
        assert language == "sh"
        for line in text.splitlines():
            if line.startswith("lacuna "):
                try:
                    program = request.getfixturevalue("program")
                except pytest.skip.Exception as why:
                    skipped.append(str(why))
                    continue
                subprocess.run([program, *line.split()[1:]], check=True, capture_output=True)
            else:
                # The stage of .ci/run builds and installs the wheel, the slow set builds it from its source distribution.
                assert re.fullmatch(r'(RUSTFLAGS="[^"]+" )?pip install \./bins/python', line), line
    assert (tmp_path / "drawings.html").is_file() and (tmp_path / "head" / "head.json").is_file()
    if skipped:
        print(f"skipped: {', '.join(skipped)}")


def test_the_page_names_what_there_is():
    import lacuna

    for name in set(re.findall(r"lacuna\.((?:losses|metrics|masks)\.\w+|\w+)", PAGE.read_text())):
        if name in ("torch",):
            continue
        found = lacuna
        for part in name.split("."):
            found = getattr(found, part)


def test_the_blocks_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "bins" / "python" / "README.md").read_text()
    found = [text for language, text in BLOCK.findall(page) if language == "python"]
    assert found
    for text in found:
        exec(compile(text, "README.md", "exec"), {})
