"""What every benchmark shares: the machine's name, and writing a table into the page that has its markers."""

import os
import platform
import re
import sys
from datetime import date
from pathlib import Path

from llvmlite.binding import get_host_cpu_name

ROOT = Path(__file__).parents[1]
# Of the machine: a benchmark may keep its process to fewer of them later.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

# A regressor that is compared with the same network elsewhere.
NETWORK_ALONE = {"anchor": None, "linear_lags": 0, "difference": False, "early_stopping": False, "averaging": 0.0}


def machine() -> str:
    """Processor and LLVM's name for its kind, cores, Python and the date, one line."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        processor = names[0] if names else processor
    cores = f"{CORES} core{'' if CORES == 1 else 's'}"
    kind = get_host_cpu_name()  # of one name, "AMD EPYC", there are many
    return f"{processor} ({kind}), {cores}, Python {platform.python_version()}, {date.today().isoformat()}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def marked(name: str) -> tuple[Path, str, str, str]:
    """The one page, of README.md and docs/*.md, with the markers of ``name``; its text before, between and after them.

    Raises
    ------
    SystemExit
        Where no page has the markers, or they are there more than once.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        found += [(path, text, at.end()) for at in re.finditer(re.escape(begin), text)]
    if len(found) != 1 or end not in found[0][1][found[0][2] :]:
        pages = ", ".join(str(path.relative_to(ROOT)) for path, *_ in found) or "none"
        sys.exit(f"One page must have the markers of {name!r}, once; found in: {pages}.")
    path, text, at = found[0]
    between, after = text[at:].split(end, 1)
    return path, text[:at], between, end + after


def of_instructions(name: str, instructions: str) -> str:
    """The markers' name of what is measured with some vector instructions, which have a table each: AVX-512 or AVX2."""
    return f"{name}_{instructions.lower().replace('-', '')}"


def report(name: str, text: str, write: bool) -> None:
    """Print a result; with ``write``, put it between the markers of ``name`` as well."""
    print(text)
    if write:
        path, before, _, after = marked(name)
        path.write_text(f"{before}{text}\n{after}", encoding="utf-8")


def check_or_write(texts: dict[str, str], script: str) -> None:
    """With ``--check`` on the command line, exit with a message where a page has another text; else report all of them."""
    if "--check" not in sys.argv[1:]:
        for name, text in texts.items():
            report(name, text, write=True)
        return
    for name, text in texts.items():
        path, _, between, _ = marked(name)
        if between != text + "\n":
            sys.exit(f"{path.relative_to(ROOT)}: {name!r} is out of date; run python {script}.")
