from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sirev.grading.sandbox import Limits, Outcome, Program, Question, best_tier, values, wire
from sirev.grading.sandbox.pool import Pool
from sirev.grading.sandbox.reading import outcome
from sirev.grading.sandbox.worker import MOST_OUTPUT

NONCE = "0123456789abcdef0123456789abcdef"
OTHER = "f123456789abcdef0123456789abcdef"
PROGRAM = Program(("def f(x): return x",), (Question("value", "f(1)"), Question("holds", "assert f(2)")))
LIMITS = Limits(2)
ANSWERS = [["value", 1], ["held"]]
RIGHT = [NONCE, ANSWERS, ["done"]]


def reply(**changes: Any) -> dict[str, Any]:
    return {"status": 0, "stopped": "", "cpu": 0.01, "wall": 0.02, "stderr": "", **changes}


def packed(*messages: Any) -> bytes:
    return b"".join(wire.pack(json.dumps(message).encode()) for message in messages)


def read(output: bytes, **changes: Any) -> Outcome:
    return outcome(PROGRAM, LIMITS, NONCE, reply(**changes), output)


def test_done_is_the_whole_message_under_the_nonce_and_status_0() -> None:
    assert read(packed(RIGHT), stderr="said") == Outcome("done", "", (1, None), "said", 0.01, 0.02)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        json.dumps(RIGHT).encode(),
        packed(RIGHT)[:-1],
        packed(RIGHT) + b"\0",
        packed(RIGHT, RIGHT),
        packed([OTHER, ANSWERS, ["done"]], RIGHT),
        packed([OTHER, ANSWERS, ["done"]]),
        packed([NONCE[:-1], ANSWERS, ["done"]]),
        packed([None, ANSWERS, ["done"]]),
        packed([[NONCE], ANSWERS, ["done"]]),
        packed(["", ANSWERS, ["done"]]),
        packed([NONCE, ANSWERS]),
        packed([NONCE, ANSWERS, ["done"], 1]),
        packed([NONCE, ANSWERS, "done"]),
        packed([NONCE, ANSWERS, ["done", ""]]),
        packed([NONCE, ANSWERS, []]),
        packed([NONCE, ANSWERS, None]),
        packed([NONCE, ANSWERS, ["raised", "done", ""]]),
        packed([NONCE, ANSWERS, ["raised", "killed", ""]]),
        packed([NONCE, [], ["done"]]),
        packed([NONCE, ANSWERS[:1], ["done"]]),
        packed([NONCE, [*ANSWERS, ["held"]], ["done"]]),
        packed([NONCE, ANSWERS[::-1], ["done"]]),
        packed([NONCE, [["held"], ["held"]], ["done"]]),
        packed([NONCE, [["value", 1], ["value", 1]], ["done"]]),
        packed([NONCE, [["value"], ["held"]], ["done"]]),
        packed([NONCE, [["value", 1, 2], ["held"]], ["done"]]),
        packed([NONCE, [["value", [1]], ["held"]], ["done"]]),
        packed([NONCE, [["value", {"pickle": "x"}], ["held"]], ["done"]]),
        packed([NONCE, [["value", {"complex": [1]}], ["held"]], ["done"]]),
        packed([NONCE, "ab", ["done"]]),
        packed([NONCE, 2, ["done"]]),
        packed({"0": NONCE}),
        packed(NONCE),
        packed(None),
        packed(0),
        packed([]),
        wire.pack(b"[" * 100_000),
        wire.pack(b"\xff\xfe\xfd"),
        b"".join(wire.pack(bytes([byte])) for byte in json.dumps(RIGHT).encode()),
    ],
    ids=lambda output: ascii(output[4:60]),
)
def test_anything_else_is_no_pass(output: bytes) -> None:
    found = read(output)
    assert found.ended == "no verdict"


@pytest.mark.parametrize(
    ("changes", "ended", "detail"),
    [
        ({"status": 1}, "no verdict", "it left with status 1"),
        ({"status": 70}, "no verdict", "it left with status 70"),
        ({"status": -signal.SIGXCPU}, "cpu timeout", ""),
        ({"status": -signal.SIGKILL, "cpu": 1.95}, "cpu timeout", ""),
        ({"status": -signal.SIGKILL, "cpu": 0.5}, "killed", "SIGKILL"),
        ({"status": -signal.SIGSYS}, "forbidden call", ""),
        ({"status": -signal.SIGSEGV}, "killed", "SIGSEGV"),
        ({"status": -signal.SIGRTMIN - 1}, "killed", "signal 35"),
        ({"status": -9999}, "killed", "signal 9999"),
        ({"status": -signal.SIGKILL, "stopped": "late"}, "wall timeout", ""),
        ({"status": -signal.SIGKILL, "stopped": "late", "cpu": 2.0}, "cpu timeout", ""),
        ({"status": -signal.SIGKILL, "stopped": "flood"}, "no verdict", "it wrote too much"),
        ({"status": 0, "stopped": "late"}, "wall timeout", ""),
    ],
)
def test_how_a_program_ended_counts_more_than_what_it_said(changes: dict[str, Any], ended: str, detail: str) -> None:
    found = read(packed(RIGHT), **changes)
    assert (found.ended, found.detail) == (ended, detail)


@pytest.mark.parametrize(
    ("end", "ended", "detail"),
    [
        (["raised", "exception", "ValueError: no"], "exception", "ValueError: no"),
        (["raised", "memory", "MemoryError"], "memory", "MemoryError"),
        (["raised", "syntax error", "SyntaxError: x"], "syntax error", "SyntaxError: x"),
        (["raised", "exception", "E: <f at 0x7f3a5c00aa10>"], "exception", "E: <f at 0x…>"),
        (["raised", "exception", "E:  a\n\tb\r\x0b c "], "exception", "E: a b c"),
        (["raised", "exception", "E: " + "x" * 1000], "exception", "E: " + "x" * 197),
        (["raised", "exception", 3], "exception", "3"),
    ],
)
def test_an_exception_is_one_short_line_that_stays_the_same(end: list[Any], ended: str, detail: str) -> None:
    found = read(packed([NONCE, ANSWERS[:1], end]), status=1)
    assert (found.ended, found.detail, found.answers) == (ended, detail, (1,))


@given(st.text(st.characters(exclude_categories=())))
def test_any_detail_can_be_printed_and_stored(text: str) -> None:
    found = read(packed([NONCE, [], ["raised", "exception", text]]), status=1)
    assert found.ended == "exception"
    assert found.detail.isprintable()
    found.detail.encode()
    assert len(found.detail) <= 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
nearly = st.tuples(
    st.sampled_from([NONCE, NONCE, OTHER]) | json_values,
    st.lists(st.sampled_from([["value", 1], ["held"], ["value", {"list": [2]}]]) | json_values, max_size=3) | json_values,
    st.sampled_from([["done"], ["done"], ["raised", "exception", "x"], ["raised", "done", ""], ["raised"]]) | json_values,
)


@given(st.binary() | (json_values | nearly).map(packed) | st.lists(nearly | json_values).map(lambda all_: packed(*all_)))
def test_no_bytes_but_the_right_ones_are_done(output: bytes) -> None:
    found = read(output)
    if found.ended == "done":
        message, rest = wire.first(output)
        nonce, (value, held), end = json.loads(message)
        assert (nonce, value[0], held, end, rest) == (NONCE, "value", ["held"], ["done"], b"")
    else:
        assert found.ended in ("no verdict", "exception", "memory", "syntax error")


@given(st.data())
def test_right_bytes_that_are_changed_are_done_only_if_they_say_the_same(data: st.DataObject) -> None:
    output = bytearray(packed(RIGHT))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(output) - 1))
        output[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    found = read(bytes(output))
    if found.ended == "done":
        nonce, (value, held), end = json.loads(bytes(output[4:]))
        assert (nonce, value[0], held, end) == (NONCE, "value", ["held"], ["done"])


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("status", "stopped", "cpu", "wall", "stderr", "more"), json_values)),
    st.sampled_from([packed(RIGHT), b""]),
)
def test_any_reply_is_an_outcome_or_garbled(content: dict[str, Any], output: bytes) -> None:
    try:
        found = outcome(PROGRAM, LIMITS, NONCE, content, output)
    except wire.Garbled:
        return
    if found.ended == "done":
        assert int(content["status"]) == 0
        assert not content["stopped"]
        assert output


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status", "Infinity"),
        ("status", "NaN"),
        ("status", "null"),
        ("status", '"x"'),
        ("cpu", "1" * 400),
        ("cpu", "[]"),
        ("wall", "1" * 400),
        ("wall", '"x"'),
    ],
)
def test_a_reply_of_odd_numbers_is_garbled(name: str, content: str) -> None:
    with pytest.raises(wire.Garbled):
        outcome(PROGRAM, LIMITS, NONCE, reply(**{name: json.loads(content)}), b"")


@pytest.fixture(scope="module")
def tier() -> Any:
    found = best_tier().tier
    if found == "C":
        pytest.skip("nothing confines random programs here")
    return found


sources = (
    st.binary(max_size=80).map(lambda content: content.decode("latin-1"))
    | st.text(st.characters(exclude_categories=()), max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "def f(x): return ",
                "\n",
                "    ",
                "x",
                "=",
                "1",
                "(",
                ")",
                "[",
                "]",
                "lambda ",
                "'",
                '"""',
                "\\",
                ":",
                "for ",
                "in ",
            ]
        )
        | st.sampled_from(
            ["if ", "while ", "try", "raise ", "*", ",", ".", "@", "{", "}", "#", "\0", "f'", "match ", "async ", "\f", "\r"]
        ),
        max_size=30,
    ).map("".join)
)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sources, min_size=30, max_size=30))
def test_no_text_as_a_program_ends_a_worker(tier: Any, texts: list[str]) -> None:
    questions = (Question("value", "f(1)"), Question("holds", "assert f(2)"))
    programs = [*(Program((text,), questions) for text in texts), *(Program((), (Question("value", t),)) for t in texts)]
    for found in through_one_worker(tier, programs):
        assert found.detail != "with its worker, twice"
        assert found.detail.isprintable()


@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=2000), min_size=60, max_size=60))
def test_no_bytes_on_stderr_end_a_worker(tier: Any, said: list[bytes]) -> None:
    programs = [Program(("import os",), (Question("value", f"os.write(2, {one!r})"),)) for one in said]
    for one, found in zip(said, through_one_worker(tier, programs), strict=True):
        assert (found.ended, found.answers) == ("done", (len(one),))
        assert found.stderr == one.decode(errors="replace")[:500]


@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=300) | nearly.map(packed), min_size=60, max_size=60))
def test_no_bytes_on_the_channel_end_a_worker(tier: Any, said: list[bytes]) -> None:
    programs = [Program((f"import os\nos.write(3, {one!r})",), (Question("value", "1"),)) for one in said]
    for one, found in zip(said, through_one_worker(tier, programs), strict=True):
        assert found.ended == ("no verdict" if one else "done")
    leaving = [Program((f"import os\nos.write(3, {one!r})\nos._exit(0)",), (Question("value", "1"),)) for one in said]
    assert {found.ended for found in through_one_worker(tier, leaving)} == {"no verdict"}


def test_a_flood_is_cut_off(tier: Any) -> None:
    flood = f"import os\nfor _ in range({MOST_OUTPUT >> 15}):\n    os.write(3, bytes(1 << 16))"
    found = through_one_worker(tier, [Program((flood,), ()), Program(("x = 1",), (Question("value", "x"),))])
    assert [(one.ended, one.answers) for one in found] == [("no verdict", ()), ("done", (1,))]


def through_one_worker(tier: Any, programs: list[Program]) -> list[Outcome]:
    """The outcomes in order, of one and the same worker."""
    with Pool(tier, Limits(1), 1) as pool:
        list(pool.run([Program((), ())]))
        before = [worker._process.pid for worker in pool._idle]
        outcomes = dict(pool.run(programs))
        assert [worker._process.pid for worker in pool._idle] == before
    return [outcomes[index] for index in range(len(programs))]


def test_what_was_made_of_a_value_is_believed_only_where_it_was_asked() -> None:
    answered = packed([NONCE, [["wrapped", 3]], ["done"]])
    asked = Program(("def f(x): return x",), (Question("value", "f(1)", "len(value)"),))
    assert outcome(asked, LIMITS, NONCE, reply(), answered).answers == (values.Wrapped(3),)
    unasked = Program(("def f(x): return x",), (Question("value", "f(1)"),))
    assert outcome(unasked, LIMITS, NONCE, reply(), answered).ended == "no verdict"
