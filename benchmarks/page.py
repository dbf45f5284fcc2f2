"""How long the page of a study of 1,319 problems takes to open, and a search in it per keystroke, in headless Chromium.

    python benchmarks/page.py [--repeats N]

Five models, eight draws per problem, made-up answers. Opening is the time until the first problem is shown; a search is the time
until its list is laid out. Quoted are the median and the slowest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sirev.reporting.page import explorer_data
from tests.reporting.page_data import hostile_answers, problems, whole_page
from tests.reporting.test_page import COUNT, chromium_page

QUERIES = ("clips", "case 4", "zzz", "", "0713", "ann may 77", "e", "gsm8k-test-1318")
SEARCH = """
const search = document.getElementById('search');
const since = performance.now();
search.value = arguments[0];
search.dispatchEvent(new Event('input', {bubbles: true}));
document.body.offsetHeight;
return performance.now() - since;"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    some = problems(COUNT)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(whole_page(explorer_data(some, hostile_answers(some))), encoding="utf-8")
        print(f"{page.stat().st_size / 1e6:.1f} MB")
        with chromium_page(Path(folder)) as browser:
            opening, searching = [], []
            for _ in range(repeats):
                browser.open(page.name)
                opening.append(browser.js("return performance.now()"))
                searching += [browser.js(SEARCH, query) for query in QUERIES]
    for what, times in (("opening", opening), ("search", searching)):
        print(f"{what:8} {statistics.median(times):7.1f} ms, slowest {max(times):.1f} ms")


if __name__ == "__main__":
    main()
