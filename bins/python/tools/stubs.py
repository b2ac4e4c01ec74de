"""Writes the type stubs of the modules whose functions are made from tables: `python tools/stubs.py`.

A test says when they are not up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lacuna import _losses, _masks

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "lacuna"

HEAD = '"""Made by tools/stubs.py from the table of {what}; not to be edited."""\n\n'


def losses(result: str) -> str:
    """Signatures of the functions of losses."""
    lines = []
    for name, row in _losses.ROWS.items():
        z = "Any" if row["matrices"] == 1 else "Sequence[Any]"
        of = "_Gradient" if row["matrices"] == 1 else "list[_Gradient]"
        lines += [f"def {name}(", f"    z: {z},", "    y: Any,", "    *,"]
        for keyword, default in _losses.parameters(row):
            lines.append(f"    {keyword}: {TYPES[keyword] if keyword in TYPES else of_number(default)} = ...,")
        lines += [f") -> {result.format(of=of)}: ..."]
    return "\n".join(lines) + "\n"


TYPES = {
    "rows": "float | None",
    "class_counts": "ArrayLike | None",
    "co_occurrence": "ArrayLike | None",
    "reduction": "str | None",
    "unknown": "Any",
    "epoch": "int",
    "step": "int",
    "sample_ids": "ArrayLike | None",
    "soft": "ArrayLike | None",
    "mix": "tuple[Any, Any, float] | None",
}


def listed(names: list[str]) -> str:
    """`__all__` of these names."""
    return "__all__ = [\n" + "".join(f'    "{name}",\n' for name in names) + "]\n\n"


def of_number(default: object) -> str:
    """The type of a parameter."""
    return "float | None" if default is None else "float"


def stubs() -> dict[str, str]:
    """The text of each stub."""
    arrays = (
        HEAD.format(what="losses")
        + "from collections.abc import Sequence\nfrom typing import Any\n\nimport numpy as np\n"
        + "from numpy.typing import ArrayLike, NDArray\n\n"
        + "from ._losses import Loss as Loss, class_statistics as class_statistics, names as names\n\n"
        + listed(["Loss", "class_statistics", "names", *_losses.ROWS])
        + "_Gradient = NDArray[np.float32]\n\n"
        + losses("tuple[float, {of}]")
    )
    tensors = (
        HEAD.format(what="losses")
        + "from collections.abc import Sequence\nfrom typing import Any\n\nfrom numpy.typing import ArrayLike\n"
        + "from torch import Tensor\n\nfrom ._torch import Loss as Loss\n\n"
        + listed(["Loss", *_losses.ROWS])
        + losses("Tensor")
    )
    names = "Masked", "apply", "holdout", "names", "stratified", "summary"
    masks = (
        HEAD.format(what="protocols")
        + "from typing import Any\n\nimport numpy as np\nfrom numpy.typing import NDArray\n\n"
        + "".join(f"from ._masks import {name} as {name}\n" for name in names)
        + "\n"
        + listed([*names, *_masks.ROWS])
    )
    for name, row in _masks.ROWS.items():
        settings = "".join(f"    {s['name']}: float = ...,\n" for s in row["settings"])
        result = "Masked" if row["role"] == "select" else "NDArray[np.float32]"
        rest = "    seed: int | None = ...,\n    X: Any = ...,\n    unknown: Any = ...,\n"
        masks += f"def {name}(\n    y: Any,\n    *,\n{settings}{rest}) -> {result}: ...\n"
    return {"losses.pyi": arrays, "torch.pyi": tensors, "masks.pyi": masks}


if __name__ == "__main__":
    for name, text in stubs().items():
        PACKAGE.joinpath(name).write_text(text)
        print(PACKAGE / name, file=sys.stderr)
