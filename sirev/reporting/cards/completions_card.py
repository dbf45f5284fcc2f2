"""The card of a data set of completions: its tables, and their configurations for the viewer and `datasets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.hub import link
from sirev.reporting.cards.published_model import PublishedModel, check_in_words
from sirev.reporting.tables import TextTable, markdown
from sirev.store.sharing.hub_card import TAG, card_bytes, made_by
from sirev.store.tables import TableRow


@dataclass(frozen=True)
class PublishedTable:
    """One configuration of a data set: one file with one split. `what` describes its rows."""

    config: str
    split: str
    columns: dict[str, str]
    rows: Sequence[TableRow]
    what: str

    @property
    def path(self) -> str:
        """The path of its file in the repository."""
        return f"{self.config}/{self.split}.parquet"

    @property
    def front_matter(self) -> dict[str, Any]:
        """Its entry in the card's front matter."""
        return {"config_name": self.config, "data_files": [{"split": self.split, "path": self.path}]}


def is_table(path: str, card: Mapping[str, Any]) -> bool:
    """Whether a file of a data set is a table that the front matter of its previous `card` lists, as `completions_card` does."""
    config, _, file = path.partition("/")
    table = PublishedTable(config, file.removesuffix(".parquet"), {}, [], "")
    configs = [one for one in card.get("configs") or [] if isinstance(one, Mapping)]
    return path == table.path and any(table.front_matter.items() <= one.items() for one in configs)


def completions_card(
    model: PublishedModel, tables: Sequence[PublishedTable], source: str | None, licence: dict[str, str], check: Sequence[str]
) -> bytes:
    """The README.md of a data set.

    `source` is the data set on the Hub with the problems, `licence` the licence fields of its page.
    """
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        pretty_name=f"Completions and training set of {model.repository}",
        task_categories=["text-generation"],
        tags=[TAG, "self-improvement", *model.tags],
        source_datasets=[source] if source else None,
        configs=[{**one.front_matter, **({"default": True} if not i else {})} for i, one in enumerate(tables)],
        **licence,
    )
    listing = TextTable("Configurations", ["configuration", "split", "what", "rows"], 3)
    listing.rows = [[f"`{one.config}`", one.split, one.what, f"{len(one.rows):,}"] for one in tables]
    columns = TextTable("Columns", ["configuration", "columns"], 2)
    columns.rows = [[f"`{one.config}`", ", ".join(f"`{name}`" for name in one.columns)] for one in tables]
    origin = f" Problems from {link('dataset', source)}." if source else ""
    return card_bytes(
        data,
        f"# {model.repository.partition('/')[2]}: completions and training set",
        f"What {link('model', model.repository)}, M_{model.t} of the run `{model.run.id}`, "
        f"answered on {model.task}, each answer graded, and D_{model.t}, the set that it was trained on.{origin}",
        markdown([listing, columns]),
        "`answer` is what the grader read in the completion `text`, null where it read nothing; `correct` and `reason` are its "
        "verdict; `gold` is the right answer and `target` the problem's own solution.",
        "## Use it",
        "\n".join(
            [
                "```python",
                "from datasets import load_dataset",
                "",
                f'rows = load_dataset("{model.repository}", "{tables[0].config}", split="{tables[0].split}")',
                "```",
            ]
        ),
        "## Check it",
        check_in_words(model, check),
        made_by(),
    )
