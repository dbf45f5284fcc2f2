"""What says who made sirev, how to cite it, how a release is published, and what a report of a bug needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import sirev
from sirev.cli.app import app
from sirev.reporting.papers.citations import bibliography

CHECKOUT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
TEMPLATES = sorted((CHECKOUT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PAPER = "https://arxiv.org/abs/2407.05013"


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


CITATION = read(CHECKOUT / "CITATION.cff")
RELEASE = read(CHECKOUT / ".github" / "workflows" / "release.yml")


def test_a_citation_has_what_the_format_requires() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= CITATION.keys()
    assert CITATION["type"] == "software"
    assert all("name" in one or "family-names" in one for one in CITATION["authors"])
    for reference in CITATION["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


def test_the_citation_is_of_this_version_and_of_the_paper() -> None:
    assert CITATION["version"] == sirev.__version__ == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert [one["name"] for one in CITATION["authors"]] == [one["name"] for one in PROJECT["authors"]]
    (paper,) = CITATION["references"]
    assert paper["url"] == PAPER == PROJECT["urls"]["Paper"]
    assert [one["family-names"] for one in paper["authors"]] == ["Wu", "Li", "Liu"]
    assert PAPER in (CHECKOUT / "README.md").read_text()


def test_the_readme_cites_this_version_as_the_methods_do() -> None:
    entry = bibliography(["sirev"], [sirev.__version__]).split("\n\n")[1].strip()
    assert entry in (CHECKOUT / "README.md").read_text()


def test_a_release_is_tried_with_every_python_before_it_is_published() -> None:
    jobs = RELEASE["jobs"]
    assert (jobs["try"]["needs"], jobs["publish"]["needs"]) == ("build", "try")
    named = [line.removeprefix("Programming Language :: Python :: ") for line in PROJECT["classifiers"] if "Python ::" in line]
    assert jobs["try"]["strategy"]["matrix"]["python"] == named
    assert jobs["try"]["strategy"]["matrix"]["form"] == ["*.whl", "*.tar.gz"]
    steps = " ".join(str(step.get("run")) for step in jobs["try"]["steps"])
    assert "sirev report --store" in steps
    assert '! clean/bin/python -c "import torch"' in steps


def test_a_release_is_published_without_a_stored_secret_and_with_attestations() -> None:
    publish = RELEASE["jobs"]["publish"]
    (step,) = [step for step in publish["steps"] if "gh-action-pypi-publish" in step["uses"]]
    assert step["with"] == {"attestations": True}
    assert publish["permissions"] == {"id-token": "write"}
    assert RELEASE["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for name, job in RELEASE["jobs"].items() if name != "publish")
    assert "secrets." not in (CHECKOUT / ".github" / "workflows" / "release.yml").read_text()


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.name != "config.yml"], ids=lambda path: path.stem)
def test_a_template_is_a_form_that_asks_for_what_is_needed(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))
    for field in form["body"]:
        assert field["type"] in ("textarea", "input")
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in form["body"])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_the_commands_of_a_template_are_commands_of_sirev(path: Path) -> None:
    group: Any = typer.main.get_command(app)
    for line in re.findall(r"`sirev ([^`]+)`", path.read_text()):
        _, command, words = group.resolve_command(group.make_context("sirev", [], resilient_parsing=True), line.split())
        if hasattr(command, "resolve_command"):
            _, command, words = command.resolve_command(command.make_context("store", [], resilient_parsing=True), words)
        command.make_context("sirev", words)
