"""Notebooks run again: the one way their outputs come about, in tests and when they are stored.

`python -m tests.notebooks.rerun [FILE…]` runs notebooks, or all, from top to bottom and stores what they show.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
MINUTES = 5


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def run_again(notebook: NotebookNode) -> NotebookNode:
    """A copy with fresh outputs, free of anything that differs between two runs."""
    fresh = nbformat.from_dict(notebook)
    client = NotebookClient(fresh, kernel_name="python3", record_timing=False, timeout=60 * MINUTES,
                            resources={"metadata": {"path": str(FOLDER)}})  # fmt: skip
    client.execute()
    fresh.metadata = nbformat.from_dict({**notebook.metadata, **METADATA})
    return fresh


def differences(stored: NotebookNode, fresh: NotebookNode) -> Iterator[str]:
    """What the stored notebook shows otherwise than the fresh one, charts and unexecuted cells included."""
    for place, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if old.cell_type != "code":
            continue
        if old.execution_count != new.execution_count:
            yield f"cell {place}: was executed as [{old.execution_count}], not [{new.execution_count}]"
        if len(old.outputs) != len(new.outputs):
            yield f"cell {place}: has {len(old.outputs)} outputs, not {len(new.outputs)}"
            continue
        for before, after in zip(old.outputs, new.outputs, strict=True):
            yield from (f"cell {place}: {kind} differs" for kind in _parts(before, after))


def _parts(before: NotebookNode, after: NotebookNode) -> Iterator[str]:
    """Kinds of content (`text/html`, a chart's specification, printed text…) in which two outputs differ."""
    if before.output_type != after.output_type:
        yield f"kind of output ({before.output_type}, not {after.output_type})"
    for key in ("name", "text", "ename", "evalue"):
        if before.get(key) != after.get(key):
            yield key
    old, new = before.get("data", {}), after.get("data", {})
    yield from (kind for kind in sorted(set(old) | set(new)) if old.get(kind) != new.get(kind))


def store(paths: list[Path]) -> None:
    """Run notebooks and write them back."""
    for path in paths:
        nbformat.write(run_again(read(path)), path)


if __name__ == "__main__":
    store([Path(name) for name in sys.argv[1:]] or NOTEBOOKS)
