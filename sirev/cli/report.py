"""`sirev report`: tables, figures, a page, texts for a paper, or data for other programs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sirev.cli.comparing_progress import Comparing
from sirev.cli.lines import print_text, print_written
from sirev.cli.options import refuse
from sirev.cli.page_output import output_named, page_at
from sirev.cli.positional import report_words
from sirev.errors import BadInput
from sirev.printing import out_path, say, write
from sirev.quoting import as_typed
from sirev.reporting.sections import ALL, SECTIONS
from sirev.reporting.sections.run_rows import names_of
from sirev.reporting.selection import others_in_words
from sirev.reporting.summary import FORMATS, Format, Report, report
from sirev.store.sharing.hub_place import HubPlace
from sirev.store.store import Store
from sirev.suggest import suggest

if TYPE_CHECKING:
    from sirev.reporting.sections.run_rows import Study
    from sirev.reporting.sweeps.sweep_report import SweepReport

_PATIENCE = 3.0
"""Seconds after which progress is printed step by step."""
_DRAWS = 8
"""The default number of draws per problem on a page."""
FILES = {"html": "a page, such as report.html", "figures": "a folder"}
"""Forms of a report that are written to `--output` -> what `--output` names."""
PAPERS = {"checklist": "checklist.md", "methods": "methods.tex"}
"""Texts for a paper, printed or written -> an example of a file name."""


def run(
    section: str | None,
    recipes: list[str],
    methods: list[str],
    runs: list[str],
    form: str,
    store: Path | None,
    named_output: str | None,
    against: str | None,
    draws: int,
    sweep: Path | None,
    unsafe_code: bool,
) -> int:
    """Print or write the report; omissions go to stderr.

    Returns 1 if the store lacks something for it, else 0.
    """
    if form not in FORMATS:  # written so that the type checker narrows `form`
        raise BadInput(f"--format: unknown format {form!r}{suggest(form, list(FORMATS))}")
    written, for_paper = section in FILES, section in PAPERS
    output = output_named(named_output, section)
    known = [ALL, *SECTIONS, *FILES, *PAPERS]
    if section is not None and section not in known:
        raise BadInput(f"unknown section {section!r}{suggest(section, known)}")
    if written and output is None:
        raise BadInput(f"sirev report {section} needs --output: {FILES[section or '']}")
    if output is not None and not (written or for_paper):
        raise BadInput(f"--output goes with {', '.join([*FILES, *PAPERS])}; a section is printed")
    if (written or for_paper) and form != "table":
        raise BadInput(f"--format goes with tables, not with {section}")
    if for_paper:
        refuse({"--against": against}, f"not with {section}")
    if isinstance(output, Path):
        _check(section or "", output)
    if sweep is not None:
        named = {"RECIPE": recipes, "--method": methods, "--run": runs, "--against": against}
        refuse(named, f"not with --sweep: {sweep} names the runs")
        refuse({"--draws": draws != _DRAWS}, "not with --sweep: its page has no answers")
        return _of_sweep(sweep, section, form, Store(store), output, unsafe_code)
    refuse({"--allow-unsafe-code": unsafe_code}, "only with --sweep")
    asked: dict[str, Any] = {"recipes": recipes, "methods": methods, "runs": runs, "against": against}
    opened = Store(store)
    with Comparing() as watch:
        made = report(None if written or for_paper else section, **asked, store=opened, watch=watch)
    options = [word for method in methods for word in ("--method", method)]
    options += ["--draws", str(draws)] if section == "html" and draws != _DRAWS else []
    _say(*made.notes, *made.missing, *others_in_words(made.selection, section, store, output, options))
    if for_paper:
        _for_paper(section or "", made.studies, opened, output)
    elif output is not None:
        return _write(section or "", made, opened, output, draws)
    elif form == "table":
        made.print(asked=_options(recipes, methods, runs))
    else:
        write(made.text(form))
    return 1 if made.missing else 0


def _of_sweep(
    sweep: Path, section: str | None, form: Format, store: Store, output: Path | HubPlace | None, unsafe_code: bool
) -> int:
    """Print or write the report of a sweep; returns 1 if the store lacks something for it."""
    from sirev.api.sweep_report import sweep_report

    with Comparing() as watch:
        shown = None if output or section in PAPERS else section
        made = sweep_report(sweep, shown, store=store, unsafe_code=unsafe_code, watch=watch)
    _say(*made.report.missing)
    if section in PAPERS:
        _for_paper(section or "", made.report.studies, store, output)
    elif output is not None:
        _write_sweep(section or "", made, store, output, sweep)
    elif form == "table":
        made.print()
    else:
        write(made.text(form))
    return 1 if made.report.missing else 0


def _write_sweep(what: str, made: SweepReport, store: Store, output: Path | HubPlace, sweep: Path) -> None:
    from sirev.reporting.sweeps.sweep_page import panels_of, write_sweep_page

    with _writing(output):
        if what == "html":
            with page_at(output, f"Progress or regress? The sweep {sweep.stem}") as page:
                write_sweep_page(made, store, page, _patiently())
        elif isinstance(output, Path):
            from sirev.reporting.figures import write_grids

            _say(f"drawing figures into {output} ...")
            print_written(write_grids(panels_of(made.studies), output), output)


def _options(recipes: list[str], methods: list[str], runs: list[str]) -> str:
    """The words that select the same runs."""
    options = [
        word for option, values in (("--method", methods), ("--run", runs)) for value in values for word in (option, value)
    ]
    return as_typed(*report_words(recipes), *options)


def _check(what: str, output: Path) -> None:
    """Raise BadInput if `output` can't be written or belongs to others, before anything is computed."""
    from sirev.reporting.output_files import check_output, is_file_of_others

    if what != "figures":
        check_output(output, PAPERS.get(what, "report.html"))
    if what in PAPERS and is_file_of_others(output, _beginning(what)):
        raise BadInput(f"--output {output}: sirev report {what} did not write this file; name another")
    if what == "methods":
        references = _references(output)
        check_output(references)
        if is_file_of_others(references, _beginning(what)):
            raise BadInput(f"--output {output}: {references}, where its references go, is not sirev's; name another file")


def _beginning(what: str) -> str:
    """The beginning of a file written for a paper."""
    if what == "checklist":
        from sirev.reporting.papers.checklist import CHECKLIST_HEAD

        return CHECKLIST_HEAD
    from sirev.reporting.papers.citations import HEAD

    return HEAD


def _references(output: Path) -> Path:
    """The file of the methods' references; BadInput if `output` itself is a .bib file."""
    if output.suffix == ".bib":
        raise BadInput(f"--output {output}: name the file of the paragraph, such as methods.tex; its .bib is written next to it")
    return output.with_suffix(".bib")


def _for_paper(what: str, studies: list[Study], store: Store, output: Path | HubPlace | None) -> None:
    """Print or write the checklist or the methods; the methods' references are only written."""
    from sirev.reporting.output_files import place_file

    if not studies:
        raise BadInput(f"sirev report {what}: no run is finished")
    if what == "checklist":
        from sirev.reporting.papers.checklist import checklist

        texts = [checklist(studies, store)]
    else:
        from sirev.reporting.papers.methods import methods_text

        found = methods_text(studies, store)
        texts = [found.text, found.bibliography]
    if not isinstance(output, Path):  # a Space only takes a page
        print_text(texts[0])
        if len(texts) > 1:
            _say(f"add --output {PAPERS[what]} to write the references too")
        return
    with _writing(output):
        for path, text in zip([output, *([_references(output)] if len(texts) > 1 else [])], texts, strict=True):
            place_file(text, path)
            out_path(path)


def _write(what: str, made: Report, store: Store, output: Path | HubPlace, draws: int) -> int:
    lacking = False
    with _writing(output):
        if what == "html":
            lacking = _page(made, store, output, draws)
        elif isinstance(output, Path):
            _figures(made, output)
    return 1 if lacking or made.missing else 0


@contextlib.contextmanager
def _writing(output: Path | HubPlace) -> Iterator[None]:
    """A context that turns OSError into BadInput about the output."""
    try:
        yield
    except OSError as error:
        shown = output if isinstance(output, Path) else output.url
        raise BadInput(f"{shown}: can't be written: {error.strerror or error}") from None


def _patiently() -> Callable[[str], None]:
    """A function that prints lines of progress, once `_PATIENCE` seconds have passed."""
    since = time.monotonic()

    def told(line: str) -> None:
        if time.monotonic() - since > _PATIENCE:
            _say(f"{line} ...")

    return told


def _page(made: Report, store: Store, output: Path | HubPlace, draws: int) -> bool:
    """Write the page; return whether the store lacks something for it."""
    from sirev.reporting.web import write_page

    about = " and ".join(names_of(made.studies)) or "the published numbers"
    with page_at(output, f"Progress or regress? {about}") as path:
        page = write_page(made, store, path, draws, _patiently())
    if page.missing:
        _say(
            "missing from the store, and so from the page:", *page.missing, "to fix:", *(f"  {command}" for command in page.mends)
        )
    return bool(page.missing)


def _figures(made: Report, output: Path) -> None:
    """Write the figures of each study, in one folder per study if there are several, and those of all studies together."""
    from sirev.reporting.figures import write_figures, write_grids
    from sirev.reporting.figures.grids import arranged

    _say(f"drawing figures into {output} ...")
    written = []
    if len(made.studies) != 1:
        written += write_grids(arranged(made.studies, made.published), output)
    for study, name in zip(made.studies, names_of(made.studies), strict=True):
        folder = output / name if len(made.studies) > 1 else output
        written += write_figures(study, folder, published=made.published.get(str(study["recipe"])))
    print_written(written, output)


def _say(*lines: str) -> None:
    """Print lines to stderr, with the prefix "sirev: "; indented lines are commands, and have none."""
    for line in lines:
        say(line if line.startswith("  ") else f"sirev: {line}")
