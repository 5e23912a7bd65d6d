"""The README and the guides: links that lead somewhere, code that is run, tables that are up to date.

Their examples are run by ``python -m doctest``, which passes a page without examples as well.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    ROOT / "benchmarks" / "README.md",
    *GUIDES,
]


def named(path):
    return str(path.relative_to(ROOT))


def anchors(text):
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(target, path, text):
    """Whether the target of a page's link is: a file of the project, an anchor in a page. Other sites are not asked."""
    if re.match(r"https?://", target):
        return True
    file, _, anchor = target.partition("#")
    if not file:
        return anchor in anchors(text)
    to = (path.parent / file).resolve()
    if not to.is_relative_to(ROOT) or not to.exists():
        return False
    return not anchor or anchor in anchors(to.read_text(encoding="utf-8"))


def dead_links(path, text):
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not is_there(target, path, text)]


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path):
    assert dead_links(path, path.read_text(encoding="utf-8")) == []


def test_dead_links_are_found():
    page = ROOT / "docs" / "page.md"
    text = "# A title: `x`\n[a](#a-title-x) [b](#none) [c](README.md) [d](none.md) [e](README.md#none) [f](/etc)\n"
    assert dead_links(page, text) == ["#none", "none.md", "README.md#none", "/etc"]


def blocks_without_examples(text):
    """First lines of the Python blocks that are not examples from beginning to end."""
    for block in re.findall(r"^```(?:python|py|pycon)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        if not block.startswith(">>> "):
            yield block.splitlines()[0]


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_all_python_is_run(path):
    text = path.read_text(encoding="utf-8")
    assert list(blocks_without_examples(text)) == []
    in_blocks = sum(block.count(">>> ") for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
    assert len(doctest.DocTestParser().get_examples(text)) == in_blocks
    if path in PAGES[1:5]:  # which are not among the pages whose examples are run
        assert in_blocks == 0


def test_code_that_would_not_be_run_is_found():
    assert list(blocks_without_examples("```python\nimport os\n```\n```python\n>>> 1\n1\n```\n")) == ["import os"]


WITH_EXAMPLES = [guide for guide in GUIDES if guide.stem not in ("README", "accuracy", "parameters")]


@pytest.mark.parametrize("guide", WITH_EXAMPLES, ids=lambda guide: guide.stem)
def test_guides_have_examples(guide):
    text = guide.read_text(encoding="utf-8")
    assert len(doctest.DocTestParser().get_examples(text)) >= 4


def test_every_guide_is_listed():
    for index, prefix in ((ROOT / "README.md", "docs/"), (ROOT / "docs" / "README.md", "")):
        text = index.read_text(encoding="utf-8")
        for guide in GUIDES:
            assert guide.name == "README.md" or f"]({prefix}{guide.name})" in text, (index, guide)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def run(script, *arguments):
    command = [sys.executable, ROOT / "benchmarks" / script, *arguments]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


@pytest.mark.parametrize("script", ["parameters.py", "claims.py"])
def test_generated_tables_are_up_to_date(script):
    done = run(script, "--check")
    assert done.returncode == 0, done.stderr


def test_what_a_benchmark_writes_has_a_place():
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *GUIDES)]
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").rglob("*.py")]
    names = {name for text in scripts for name in re.findall(r'\breport\(\s*"([^"]+)"', text)}
    names |= {f"{name}_{each}" for name in ("peers", "peers_estimator", "phases") for each in ("avx512", "avx2")}
    assert len(names) > 10
    for name in names:
        assert sum(page.count(f"<!-- {name}: begin -->\n") for page in pages) == 1, name


@pytest.fixture
def report(monkeypatch, tmp_path):
    """benchmarks/_report.py on pages of its own."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.delitem(sys.modules, "_report", raising=False)
    import _report

    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("a\n<!-- one: begin -->\nold\n<!-- one: end -->\nb\n")
    (tmp_path / "docs" / "guide.md").write_text("c\n<!-- two: begin -->\n<!-- two: end -->\nd\n")
    monkeypatch.setattr(_report, "ROOT", tmp_path)
    yield _report
    sys.modules.pop("_report", None)


def test_a_report_goes_where_its_markers_are(report, tmp_path, capsys):
    report.report("one", "new", write=True)
    report.report("two", "| x |", write=True)
    report.report("one", "only printed", write=False)
    assert (tmp_path / "README.md").read_text() == "a\n<!-- one: begin -->\nnew\n<!-- one: end -->\nb\n"
    assert (tmp_path / "docs" / "guide.md").read_text() == "c\n<!-- two: begin -->\n| x |\n<!-- two: end -->\nd\n"
    assert capsys.readouterr().out == "new\n| x |\nonly printed\n"


def test_a_report_wants_its_markers_once(report, tmp_path):
    with pytest.raises(SystemExit, match="'three', once; found in: none"):
        report.report("three", "new", write=True)
    with (tmp_path / "docs" / "guide.md").open("a") as page:
        page.write("<!-- one: begin -->\n<!-- one: end -->\n")
    with pytest.raises(SystemExit, match=r"found in: README\.md, docs/guide\.md"):
        report.report("one", "new", write=True)


def test_a_table_that_is_out_of_date_is_told(report, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    report.check_or_write({"one": "old"}, "script.py")
    with pytest.raises(SystemExit, match=r"README\.md: 'one' is out of date; run python script\.py\."):
        report.check_or_write({"one": "new"}, "script.py")
