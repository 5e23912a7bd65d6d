"""What every benchmark shares: the machine's name, and writing a table into the README."""

import platform
import re
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]


def machine() -> str:
    """Processor, cores, Python and the date, one line."""
    import os

    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        processor = names[0] if names else processor
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor}, {cores} cores, Python {platform.python_version()}, {date.today().isoformat()}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(name: str, text: str, write: bool) -> None:
    """Print a result; with ``write``, put it into the README between the markers of ``name`` as well."""
    print(text)
    if not write:
        return
    path = ROOT / "README.md"
    readme = path.read_text()
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in readme or end not in readme:
        sys.exit(f"README.md has no markers for {name!r}.")
    before, rest = readme.split(begin)
    path.write_text(before + begin + "\n" + text + "\n" + end + rest.split(end)[1])
