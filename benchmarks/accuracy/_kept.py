"""Results of single runs, kept in a folder, so that a long run that was ended goes on where it was."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """A file a run; without a folder nothing is kept.

    Parameters
    ----------
    folder : str or None
        Made where it is not there.
    """

    def __init__(self, folder: str | None):
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, run: Callable[..., Any], arguments: tuple[Any, ...], *names: Any) -> Any:
        """What ``run`` returns, numbers in lists or dicts, or what it returned under these names before."""
        if self.folder is None:
            return run(*arguments)
        path = self.folder / ("--".join(re.sub(r"[^\w.]+", "-", str(name)) for name in names) + ".json")
        if not path.exists():
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(run(*arguments)))
            unfinished.rename(path)
        return json.loads(path.read_text())
