"""The site: every page has its place in it, says for whom it is, and what is made from the code is made anew."""

import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OUTSIDE = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//", re.IGNORECASE)
"""What a browser would fetch from elsewhere."""


def test_every_page_has_its_place():
    """Each page of docs/ is in the navigation of mkdocs.yml, once."""
    named = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)

    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_every_page_says_for_whom_it_is():
    """The first lines begin with it. Decisions are for those who read their list."""
    pages = [page for page in DOCS.rglob("*.md") if not page.name[0].isdigit()]
    first = {page.name: page.read_text().split("\n\n")[1] for page in pages}

    assert [name for name, text in first.items() if not text.startswith("For ")] == []


def test_the_page_of_keys_is_what_the_schema_says():
    """`make schema` would write it as it is."""
    made = runpy.run_path(str(DOCS / "reference.py"))["page"]()

    assert (DOCS / "configuration.md").read_text() == made


@pytest.mark.slow
def test_it_builds_and_needs_no_network(tmp_path):
    """No link is broken; no page fetches anything; the search works from a file."""
    subprocess.run(["make", "docs"], cwd=ROOT, check=True, timeout=600, env={**os.environ, "MAKEFLAGS": ""})
    site = ROOT / "build/site"
    pages = {str(page.relative_to(site)): page.read_text() for page in site.rglob("*.html")}

    assert [name for name, text in pages.items() if OUTSIDE.search(text)] == []
    assert (site / "search/search_index.js").read_text().startswith("var __index = {")
    assert 'src="site/iframe-worker.js"' in pages["index.html"]
