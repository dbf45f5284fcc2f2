"""The destination of a page: a file, or a static Space on the Hugging Face Hub."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sirev.addresses import without_credentials
from sirev.errors import BadInput
from sirev.printing import out, out_path, say
from sirev.reporting.cards.space_card import space_card
from sirev.store.sharing.hub_place import HubPlace

_SPACES = "hf://spaces/"
_PAGE = "index.html"


def output_named(output: str | None, section: str | None) -> Path | HubPlace | None:
    """The destination in `--output`: a path or, for html, the Space of hf://spaces/ORG/NAME; BadInput for any other URL."""
    if output is None or "://" not in output:
        return None if output is None else Path(output)
    if section != "html" or not output.startswith(_SPACES):
        shown = without_credentials(output)
        raise BadInput(f"--output {shown}: name a file or folder here; html may go to a Space too, {_SPACES}ORG/NAME")
    return HubPlace("space", output.removeprefix(_SPACES).rstrip("/"))


@contextlib.contextmanager
def page_at(output: Path | HubPlace, title: str) -> Iterator[Path]:
    """A context with the file to write a page to. Afterwards a Space's page is published, and its address or path is printed."""
    if isinstance(output, Path):
        say(f"sirev: writing {output} ...")
        yield output
        out_path(output)
        return
    from sirev.store.sharing.hub_repository import make_repository, publish_files

    make_repository(output)  # first, since a page takes minutes and a refusal seconds
    with tempfile.TemporaryDirectory(prefix="sirev-") as folder:
        say("sirev: writing the page ...")
        page = Path(folder) / _PAGE
        yield page
        say(f"sirev: publishing it as {output.url} ...")
        about = "A report of sirev: did a self-improving language model make progress or regress? The page is one file."
        done = publish_files(output, {_PAGE: page, "README.md": space_card(title, about)}, f"sirev: {title}")
    out(done.page)
