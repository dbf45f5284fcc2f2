"""Pages of the site that are not files of docs/: the command reference, and what lies elsewhere in the repository.

mkdocs calls the functions whose names begin with `on_`. Links stay as they work in the repository, where many read these pages;
here they are turned to where the site has their targets.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "benchmarks/README.md": "benchmarks.md"}
"""A file of the repository -> its page."""
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
"""The target of a link, without its anchor."""
NAMED = re.compile(r"\[([\w/]+\.md)\](?=\()")
"""The text of a link that is the name of its file."""
DEMONSTRATION = CHECKOUT / "reports" / "tiny.html"
"""The page that `make demo` writes. A site that is built afterwards has it, and a link to it."""
EXAMPLE = re.compile(r"(?:^sirev .*\n)+", re.M)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, and the files of the repository that pages link to."""
    files.append(File.generated(config, "commands.md", content=commands()))
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(CHECKOUT / source).read_text()))
    if DEMONSTRATION.is_file():
        files.append(File.generated(config, "tiny.html", abs_src_path=str(DEMONSTRATION)))
    linked = {target for file in files.documentation_pages() for target in targets(file)}
    for target in sorted(linked - PAGES.keys()):
        if not target.startswith("docs/") and (CHECKOUT / target).is_file():
            files.append(File.generated(config, f"source/{target}", abs_src_path=str(CHECKOUT / target)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to where their targets are on the site, and call pages by their titles, not by their files."""

    def turned(link: re.Match[str]) -> str:
        target = in_repository(page.file, link[0])
        return PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else f"source/{target}")

    def called(text: re.Match[str]) -> str:
        file = files.get_file_from_path(posixpath.basename(text[1]).lower())
        return f"[{file.page.title}]" if file and file.page and file.page.title else text[0]

    if page.file.src_uri == "demonstration.md" and DEMONSTRATION.is_file():
        title, _, rest = markdown.partition("\n\n")
        link = "[The page of one such run](tiny.html){ target=_blank } has the figures, the tables and every answer."
        markdown = f"{title}\n\n{link}\n\n{rest}"
    return LINK.sub(turned, NAMED.sub(called, markdown))


def targets(file: File) -> set[str]:
    """What a page links to, as paths in the repository."""
    return {in_repository(file, link) for link in LINK.findall(file.content_string)}


def in_repository(file: File, link: str) -> str:
    """The path in the repository that a link on a page leads to."""
    source = SOURCES.get(file.src_uri, f"docs/{file.src_uri}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def commands() -> str:
    """Every command with its options, as Typer writes them down; examples as code, and what a command does in full in lists."""
    command = [sys.executable, "-m", "typer", "sirev.cli.app", "utils", "docs", "--name", "sirev", "--title", "Commands"]
    written = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    purposes = dict(re.findall(r"^#+ `sirev (?:store )?([\w-]+)`\n\n(.+)$", written, re.M))
    written = re.sub(r"^\* `([\w-]+)`: .*\.\.\.$", lambda line: f"* `{line[1]}`: {purposes[line[1]]}", written, flags=re.M)
    return EXAMPLE.sub(
        lambda found: f"**Examples**:\n\n```console\n{re.sub('^', '$ ', found[0].strip(), flags=re.M)}\n```\n", written
    )
