from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.reporting.latex import COLUMN, HEADER, escape, latex
from sirev.reporting.tables import TextTable

HOSTILE = "100 % & #1_a $x$ {b} ~ ^ \\ -- `` '' \" [c] *d |e| <f> → − ± – α é 中 ☃ M_1 M_{t-1} \\end{table} \\input{/etc/passwd}"
HOSTILE += " \x1b]52;c;aGk=\x07 \x9b2J \u202e\u2066\u200b"
TABLE = TextTable(
    "pass@1 of M_1 (%)",
    ["method_name", "seed", "M_1 → M_T", "M_T − M_1"],
    2,
    [["sft & dpo", "0", "61.8 → 68.9", "+7.1 [4.0, 10.2]"], ["*[x]", "1", "–", "± 2 %"]],
    ["IS: $x_1$ in {test}.", "Second."],
)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("50 % & #1", "50 \\% \\& \\#1"),
        ("gsm8k_strict", "gsm8k\\_strict"),
        ("{a} $b$", "\\{a\\} \\$b\\$"),
        ("~^\\", "\\textasciitilde{}\\textasciicircum{}\\textbackslash{}"),
        ("1 → 2 − 3 ± 4", "1 $\\to$ 2 $-$ 3 $\\pm$ 4"),
        ("M_1, M_T and M_{t-1}", "$M_{1}$, $M_{T}$ and $M_{t-1}$"),
        ("FM_1", "FM\\_1"),
        ("---set sft-dpo, -0.3 [-1, 2]", "-{}-{}-set sft-dpo, $-$0.3 {[}$-$1, 2{]}"),
        ("M_1's '' ,, ``", "$M_{1}$'s '{}' ,{}, \\textasciigrave{}\\textasciigrave{}"),
        ("[1, 2]", "{[}1, 2{]}"),
        ("a\n\t b\x00", "a b{[}U+0000{]}"),
        ("naïve ﬁ ☃", "naïve fi {[}U+2603{]}"),
    ],
)
def test_text_is_printed_as_it_stands(text: str, printed: str) -> None:
    assert escape(text) == printed


@given(st.text())
def test_no_text_leaves_a_special_character_or_an_open_group(text: str) -> None:
    told = re.sub(r"\$(?:\\[a-zA-Z]+|[-<>|]|\^\\circ|M_\{[\w+-]+\})\$", "", escape(text), flags=re.ASCII)
    told = re.sub(r"\\[%&_#${}]|\\text[a-z]+\{\}|\\(?:dots|S)\{\}", "", told)
    assert not re.search(r"[\\%&_#$~^\n]", told)
    depth = 0
    for char in told:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0


def test_a_table_is_a_float_with_booktabs_rules() -> None:
    lines = latex([TABLE]).splitlines()
    assert lines == [
        "% \\usepackage[T1]{fontenc} \\usepackage{booktabs} \\usepackage{graphicx}",
        "",
        "\\begin{table}[htbp]",
        "\\centering",
        "\\caption{pass@1 of $M_{1}$ (\\%)}",
        "\\label{tab:pass-1-of-m-1}",
        "\\footnotesize\\setlength{\\tabcolsep}{3pt}",
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        "\\begin{tabular}{llrr}",
        "\\toprule",
        "method\\_name & seed & $M_{1}$ $\\to$ $M_{T}$ & $M_{T}$ $-$ $M_{1}$ \\\\",
        "\\midrule",
        "sft \\& dpo & 0 & 61.8 $\\to$ 68.9 & +7.1 {[}4.0, 10.2{]} \\\\",
        "{*}{[}x{]} & 1 & -- & $\\pm$ 2 \\% \\\\",
        "\\bottomrule",
        "\\end{tabular}}",
        "\\par\\smallskip\\begin{minipage}{\\linewidth}",
        "\\par IS: \\$x\\_1\\$ in \\{test\\}.",
        "\\par Second.",
        "\\end{minipage}",
        "\\end{table}",
    ]


def test_every_row_has_as_many_cells_as_columns_whatever_is_in_them() -> None:
    hostile = TextTable(HOSTILE, [HOSTILE] * 3, 1, [[HOSTILE] * 3] * 2, [HOSTILE])
    made = latex([hostile, TABLE])
    assert all(line.isprintable() for line in made.splitlines())
    *floats, _ = made.split("\\end{table}")
    assert len(floats) == 3  # the hostile one is cut in two
    for part, columns in zip(floats, (2, 2, 4), strict=True):
        (sides,) = re.findall(r"^\\begin\{tabular\}\{([lr]+)\}", part, re.MULTILINE)
        cells = [len(re.findall(r"(?<!\\)&", line)) + 1 for line in part.splitlines() if line.endswith("\\\\")]
        assert cells == [len(sides)] * 3 == [columns] * 3
        found = re.findall(r"(?<!\\)\\(begin|end)\{tabular\}", part)
        assert found.count("begin") == found.count("end") > 0


def test_a_table_without_notes_ends_with_itself() -> None:
    assert "minipage" not in latex([TextTable("T", ["a"], 1, [["x"]])])


def test_labels_name_what_a_table_is_about_and_are_all_different() -> None:
    made = latex([TABLE, TABLE, TextTable("☃", ["a"], 1, [["x"]])], "tiny_smoke")
    labels = re.findall(r"\\label\{(.*)\}", made)
    assert labels == ["tab:tiny-smoke-pass-1-of-m-1", "tab:tiny-smoke-pass-1-of-m-1--2", "tab:tiny-smoke"]


def test_a_wide_table_is_cut_until_each_part_fits_a_column() -> None:
    columns = [f"column {i}" for i in range(12)]
    wide = TextTable("Wide", ["method", *columns], 1, [["sft", *(f"{i}.0 [1.0, 2.0]" for i in range(12))]], ["A note."])
    made = latex([wide], column=True)
    parts = made.split("\\end{table}")[:-1]
    assert made.startswith(HEADER)
    assert len(parts) > 2
    for part in parts:
        heads = re.search(r"\\begin\{tabular\}\{(l+)(r+)\}", part)
        assert heads is not None
        assert heads[1] == "l"
        assert len(heads[2]) * len("10.0 [1.0, 2.0]") <= COLUMN
        assert "sft & " in part
    assert made.count("A note.") == 1
    assert all(f"{i}.0 {{[}}1.0, 2.0{{]}}" in made for i in range(12))


def test_a_long_table_is_continued_in_another_and_its_notes_end_the_last() -> None:
    tall = TextTable("Tall", ["run", "n"], 1, [[f"run {i}", str(i)] for i in range(100)], ["A note."])
    *parts, end = latex([tall]).split("\\end{table}")
    assert [re.findall(r"\\caption\{(.*)\}", part) for part in parts] == [["Tall"], *[["Tall (continued)"]] * (len(parts) - 1)]
    assert [int(i) for part in parts for i in re.findall(r"run (\d+) &", part)] == list(range(100))
    assert ["A note." in part for part in parts] == [False] * (len(parts) - 1) + [True]
    assert end == "\n"


def test_a_cell_of_several_lines_is_a_stack_of_them() -> None:
    sentence = "pass@1 is open and nothing else is known of it, as the interval says"
    made = latex([TextTable("T", ["method", "because"], 2, [["sft", sentence]])], column=True)
    (stack,) = re.findall(r"\\begin\{tabular\}\[t\]\{@\{\}l@\{\}\}(.*?)\\end\{tabular\}", made)
    assert " ".join(stack.split(" \\\\ ")) == sentence
    assert made.count("\\begin{tabular}") == made.count("\\end{tabular}") == 2


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_it_and_nothing_sticks_out(tmp_path: Path, column: bool) -> None:
    hostile = TextTable(HOSTILE, [HOSTILE[:30], HOSTILE[30:60]], 1, [["*", "[x]"], [HOSTILE, "1.0"]], [HOSTILE])
    numbers = [f"{i}.0 [1.0, 2.0]" for i in range(12)]
    sentence = "pass@1 rose; pass@16 fell (-16.2 points, 95% CI -20.8 to -11.7); other problems were not measured."
    wide = TextTable(
        "Wide", ["method", "because", *(f"column {i}" for i in range(12))], 2, [["sft", sentence, *numbers]], [sentence]
    )
    start = f"\\documentclass[{'two' if column else 'one'}column]{{article}}{HEADER.removeprefix('% ')}\\begin{{document}}\n"
    tall = TextTable("Tall", ["run", "because"], 2, [[f"run {i}", sentence] for i in range(60)], [sentence])
    tables = [hostile, TABLE, wide, tall, *([TABLE] * 40)]
    (tmp_path / "t.tex").write_text(start + latex(tables, column=column) + "\\end{document}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert "Float too large" not in done.stdout
