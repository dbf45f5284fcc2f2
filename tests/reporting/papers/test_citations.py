from __future__ import annotations

import re

from sirev.reporting.papers.citations import HEAD, SIREV_KEY, bibliography, references


def test_every_entry_is_whole() -> None:
    assert len(references()) > 15
    for key, entry in references().items():
        assert entry.startswith(f"@misc{{{key},\n")
        assert entry.count("{") == entry.count("}")
        assert all(f"  {field} = {{" in entry for field in ("title", "author"))
        assert re.search(r"year = \{(19|20)\d\d\}", entry)
        assert re.search(r"eprint = \{\d{4}\.\d{5}\}, archivePrefix = \{arXiv\}|howpublished = ", entry)


def test_a_bibliography_has_each_reference_once_and_sirevs_version() -> None:
    text = bibliography(["hu2021lora", SIREV_KEY, "hu2021lora"], ["0.1.0", "0.2.0"])
    assert text.startswith(f"{HEAD}\n\n@misc{{hu2021lora,")
    assert text.count("@misc{") == 2
    assert "note = {Version 0.1.0, 0.2.0}" in text
