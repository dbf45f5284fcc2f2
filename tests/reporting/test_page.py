"""The page in a real browser: what the reader sees, clicks and types."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sirev.metrics.equations import equations
from sirev.reporting.facts import Facts
from sirev.reporting.page import explorer_data, render_page
from tests.reporting.page_data import HOSTILE, hostile_answers, problems, whole_page

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

COUNT = 1319
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--force-prefers-reduced-motion", "--window-size=1440,1000",
)  # fmt: skip


class Page:
    """A page in the browser, and what the tests ask of it."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def js(self, body: str, *arguments: Any) -> Any:
        return self.driver.execute_script(body, *arguments)

    def open(self, name: str, hash_: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get(f"file://{self.folder / name}{hash_}")
        self.until("return document.documentElement.dataset.ready === 'true'")
        self.until("return document.querySelector('#problem .columns') !== null")

    def until(self, body: str) -> None:
        end = time.monotonic() + 60
        while not self.js(body):
            assert time.monotonic() < end, f"never true: {body}\n{self.driver.get_log('browser')}"
            time.sleep(0.02)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def select(self, name: str, value: str) -> None:
        self.js("const s = document.getElementById(arguments[0]); s.value = arguments[1];"
                "s.dispatchEvent(new Event('change', {bubbles: true}))", name, value)  # fmt: skip

    def chosen(self) -> str:
        return str(self.js("return document.querySelector('#problem h3').textContent"))

    def found(self) -> int:
        return int(self.find("#found").text.split()[0].replace(",", ""))


@pytest.fixture(scope="module")
def data() -> tuple[list[dict[str, str]], dict[str, Any]]:
    some = problems(COUNT)
    return some, hostile_answers(some)


@contextmanager
def chromium_page(folder: Path) -> Iterator[Page]:
    """A headless browser for the pages in a folder."""
    chromium, chromedriver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not chromium or not chromedriver:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
        try:
            yield Page(driver, folder)
        finally:
            driver.quit()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, data: Any) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(whole_page(explorer_data(*data)), encoding="utf-8")
    with chromium_page(folder) as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """The page as it opens; afterwards nothing must have complained, and no text of the data may have run."""
    browser.open("page.html")
    browser.js("localStorage.clear()")  # votes and colours of the test before
    yield browser
    assert browser.js("return window.hacked") is None
    assert browser.driver.get_log("browser") == []


def test_the_page_is_small_and_loads_nothing(page: Page) -> None:
    assert (page.folder / "page.html").stat().st_size < 10_000_000
    assert page.js("return performance.getEntriesByType('resource').filter((r) => !r.name.startsWith('data:')).length") == 0


def test_a_search_finds_ids_and_words_and_draws_only_what_is_in_sight(page: Page) -> None:
    for query in ("clips", "case 4", "zzz", "", "0713", "ann may 77", "e", "gsm8k-test-1318"):
        page.js(
            "const s = document.getElementById('search'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('input', {bubbles: true}))",
            query,
        )
        assert page.js("return document.querySelectorAll('#list *').length") < COUNT, query
    assert page.found() == 1
    page.until("return document.querySelector('#problem h3').textContent === 'gsm8k-test-1318'")


def test_a_search_also_finds_what_only_answers_say(page: Page, data: Any) -> None:
    some, given = data
    text = "that is it."
    expected = sum(
        any(
            text in a["text"].lower()
            for step in given["sft 0"].values()
            for a in (step["greedy"][p["id"]], *step["draws"][p["id"]])
        )
        for p in some
    )
    page.find("#search").send_keys(f'"{text}"')
    page.until("return !document.getElementById('found').textContent.includes('looking')")
    assert 0 < page.found() == expected


def test_the_filters_keep_exactly_the_problems_of_their_sets(page: Page, data: Any) -> None:
    some, given = data
    greedy = {t: {i: a["correct"] for i, a in step["greedy"].items()} for t, step in given["sft 0"].items()}
    ids = [p["id"] for p in some]
    for t in (2, 5):
        page.select("set", f"is-{t}")
        assert page.found() == sum(greedy[t][i] and not greedy[1][i] for i in ids)
        page.select("set", f"ls-{t}")
        assert page.found() == sum(greedy[1][i] and not greedy[t][i] for i in ids)
        page.select("set", f"flip-{t}")
        assert page.found() == sum(greedy[t - 1][i] != greedy[t][i] for i in ids)
    page.select("set", "flipped")
    assert page.found() == sum(len({greedy[t][i] for t in greedy}) > 1 for i in ids)
    page.select("level", "3")
    assert page.found() == sum(len({greedy[t][p["id"]] for t in greedy}) > 1 for p in some if p["level"] == "3")
    page.select("run", "1")
    other = {t: {i: a["correct"] for i, a in step["greedy"].items()} for t, step in given["dpo 0"].items()}
    assert page.found() == sum(len({other[t][p["id"]] for t in other}) > 1 for p in some if p["level"] == "3")


def test_the_keyboard_is_enough(page: Page) -> None:
    page.press("j", "j", "k")
    page.until("return document.querySelector('#problem h3').textContent === 'gsm8k-test-0001'")
    assert "draws 1 to 4 of 8" in page.find(".pager").text
    page.press("]")
    page.until("return document.querySelector('.pager').textContent.includes('draws 5 to 8 of 8')")
    page.press("[")
    page.until("return document.querySelector('.pager').textContent.includes('draws 1 to 4 of 8')")
    page.press("/")
    assert page.js("return document.activeElement.id") == "search"
    page.press("c", "l", "i", "p", "s", "j")  # letters typed into the search move nothing
    assert page.js("return document.activeElement.value") == "clipsj"
    page.press(Keys.ESCAPE)
    assert page.js("return document.activeElement.id") == "list"
    page.js("const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input', {bubbles: true}))")
    page.press(Keys.END)
    page.until("return document.querySelector('#problem h3').textContent === 'gsm8k-test-1318'")
    page.press(Keys.ARROW_UP)
    page.until("return document.querySelector('#problem h3').textContent === 'gsm8k-test-1317'")
    active = page.js(
        "return document.getElementById(document.getElementById('list').getAttribute('aria-activedescendant')).ariaSelected"
    )
    assert active == "true"
    page.press("?")
    assert page.js("return document.getElementById('help').open")
    page.press(Keys.ESCAPE)
    assert not page.js("return document.getElementById('help').open")


def test_a_click_chooses_and_few_rows_are_drawn(page: Page) -> None:
    assert page.js("return document.querySelectorAll('.row').length") < 60
    page.js("document.getElementById('list').scrollTop = 58 * 600")
    page.until("return document.querySelector('.row[data-problem=\"603\"]') !== null")
    page.js("document.getElementById('explorer').scrollIntoView({behavior: 'instant'})")
    page.find('.row[data-problem="603"]').click()
    page.until("return document.querySelector('#problem h3').textContent === 'gsm8k-test-0603'")
    assert page.js("return document.querySelectorAll('.row').length") < 60


def test_a_link_leads_to_its_problem_and_run(page: Page) -> None:
    page.open("page.html", "#p=gsm8k-test-0900&m=dpo%200")
    assert page.chosen() == "gsm8k-test-0900"
    assert page.find("#run").get_attribute("value") == "1"
    page.select("level", "2")
    page.js("location.hash = '#p=gsm8k-test-0901&m=sft%200'")
    page.until("return document.querySelector('#problem h3').textContent === 'gsm8k-test-0901'")
    assert page.find("#run").get_attribute("value") == "0"
    assert page.js("return location.hash") == "#p=gsm8k-test-0901&m=sft%200"


def test_hostile_texts_are_shown_and_nothing_else(page: Page, data: Any) -> None:
    shown = []
    for key, wanted in (("[", "draws 1 to 4"), ("]", "draws 5 to 8")):
        page.press(key)
        page.until(f"return document.querySelector('.pager').textContent.includes('{wanted}')")
        texts = page.js("""const texts = document.querySelectorAll('.column:first-child .answer pre');
            return JSON.stringify([...texts].map((pre) => pre.textContent))""")  # as JSON, which can hold half a pair
        shown += json.loads(texts)
    assert shown == [HOSTILE[0], *HOSTILE[:4], HOSTILE[0], *HOSTILE[4:6], HOSTILE[6][:3000]]
    assert page.find(".column:first-child .answer:last-child").text.endswith("an empty answer")
    page.js("document.querySelector('.more').click()")
    assert page.js("return document.querySelector('.whole pre').textContent.length") == 100_000
    assert page.js("return document.querySelectorAll('#problem script, #problem img, #problem svg, .card script').length") == 0


def test_equal_equations_have_equal_tints_and_are_those_of_the_metric(page: Page, data: Any) -> None:
    some, _ = data
    page.open("page.html", f"#p={some[77]['id']}&m=sft%200")
    cards = page.js("""return [...document.querySelectorAll('.answer')].map((card) => [card.querySelector('pre').textContent,
        [...card.querySelectorAll('mark')].map((mark) => mark.textContent.replace(/\\s+/g, '')),
        card.querySelector('mark').className])""")
    tints: dict[tuple[str, ...], set[str]] = {}
    for text, marks, style in cards:
        assert tuple(marks) == equations(text)
        tints.setdefault(tuple(marks), set()).add(style)
    assert len(cards) == 25
    assert all(len(styles) == 1 for styles in tints.values())
    named = [style for styles in tints.values() for style in styles if style != "once"]
    assert len(set(named)) == len(named) > 1


def test_of_programs_the_lines_are_marked_that_m_1_lacks(page: Page) -> None:
    one = problems(1)
    texts = {1: "def f(x):\n    return x + 1", 2: "def f(x):\n    y = x\n    return x + 1\n", 3: "def f(x):\n    return 2"}
    given = {
        "sft 0": {t: {"greedy": {one[0]["id"]: {"text": text, "correct": True, "reason": "right"}}} for t, text in texts.items()}
    }
    made = render_page(
        {"answers": "code"}, facts=Facts("code", ""), tables_html="", figures=[], explorer=explorer_data(one, given)
    )
    (page.folder / "code.html").write_text(made, encoding="utf-8")
    page.open("code.html")
    marks = page.js(
        "return [...document.querySelectorAll('.answer')].map((c) => [...c.querySelectorAll('mark')].map((m) => m.textContent))"
    )
    assert marks == [[], ["    y = x"], ["    return 2"]]
    notes = page.js("return [...document.querySelectorAll('.path')].map((note) => note.textContent)")
    assert notes == ["base", "+1 −0", "+1 −1"]
    assert "Greedy answers only." in page.find("#problem").text


def test_an_audit_shows_twenty_right_answers_and_the_same_ones_for_the_same_seed(page: Page) -> None:
    def sample() -> list[list[str]]:
        seen = []
        for _ in range(20):
            page.until("return document.querySelector('.audited .answer') !== null")
            card = page.find(".audited .answer")
            seen.append([page.chosen(), card.get_attribute("aria-label"), card.get_attribute("class")])
            at = page.find(".progress").text
            page.press("j")
            if len(seen) < 20:
                page.until(f"return document.querySelector('.progress').textContent !== '{at}'")
        return seen

    page.select("set", "is-5")
    page.find("#audit").click()
    first = sample()
    assert len({tuple(item[:2]) for item in first}) == 20
    assert all("right" in item[2] for item in first)
    page.press("2")
    page.until("return document.querySelector('.tally').textContent === '0 sound, 1 flawed, 0 unsure'")
    page.press("a")
    page.until("return document.querySelector('#problem .columns') !== null")
    page.press("a")
    assert sample() == first


def test_colours_follow_the_choice_and_every_part_fits_a_narrow_screen(page: Page) -> None:
    backgrounds = []
    for _ in range(3):
        page.find("#theme").click()
        shown = page.js(
            "return [...document.querySelectorAll('figure img')].filter((i) => i.offsetWidth).map((i) => i.className)"
        )
        backgrounds.append((page.js("return getComputedStyle(document.body).backgroundColor"), shown))
    assert backgrounds[0][1] == ["for-light"]
    assert backgrounds[1][1] == ["for-dark"]
    assert backgrounds[0][0] != backgrounds[1][0]
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        page.open("page.html")
        assert page.js("return document.documentElement.scrollWidth") <= 390
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_answers_the_explorer_says_so(page: Page) -> None:
    (page.folder / "empty.html").write_text(whole_page(explorer_data([], {})), encoding="utf-8")
    page.driver.get(f"file://{page.folder / 'empty.html'}")
    page.until("return document.documentElement.dataset.ready === 'true'")
    assert page.find("#explorer-none").text == "This report has no answers to look at."
    assert not page.find("#explorer-body").is_displayed()


def test_a_single_step_without_draws_can_be_looked_at(page: Page) -> None:
    one = problems(2)
    given = {"sft 0": {1: {"greedy": {p["id"]: {"text": "3", "correct": True, "reason": "right"} for p in one}}}}
    (page.folder / "single.html").write_text(whole_page(explorer_data(one, given)), encoding="utf-8")
    page.open("single.html")
    assert "missing" not in page.find("#problem").text
    assert [option.get_attribute("value") for option in page.driver.find_elements(By.CSS_SELECTOR, "#set option")] == [
        "all",
        "right",
        "wrong",
    ]
    page.press("a", "j", "j")
    page.until("return document.querySelector('.progress')?.textContent === '2 of 2, out of 2'")


def test_answers_that_the_store_lacks_are_no_answers_that_nobody_sampled(page: Page) -> None:
    one = problems(2)
    answer = {p["id"]: {"text": "3", "correct": True, "reason": "right"} for p in one}
    given = {"sft 0": {1: {"greedy": answer}, 2: {"greedy": answer, "lost": ["draws"]}, 3: {"lost": ["greedy", "draws"]}}}
    made = whole_page(explorer_data(one, given), missing=["draws of M_2"])
    (page.folder / "lost.html").write_text(made, encoding="utf-8")
    page.open("lost.html")
    heads = page.js("return [...document.querySelectorAll('.column-head span')].map((head) => head.textContent)")
    assert heads == ["no draws", "draws missing from the store", "draws missing from the store"]
    assert page.js("return document.querySelectorAll('.answer.lost').length") == 1
    assert "Missing from the store" in page.find(".answer.lost").text
    gone = whole_page(explorer_data([], {}), missing=["the problems"])
    (page.folder / "gone.html").write_text(gone, encoding="utf-8")
    page.driver.get(f"file://{page.folder / 'gone.html'}")
    page.until("return document.documentElement.dataset.ready === 'true'")
    assert "missing from the store" in page.find("#explorer-none").text


def test_names_of_steps_stand_in_the_explorer(page: Page) -> None:
    one = problems(2)
    answer = {p["id"]: {"text": "3", "correct": p is one[0], "reason": "right"} for p in one}
    data = explorer_data(one, {"samples 0": {1: {"greedy": answer}, 2: {"greedy": answer}}}, {"samples 0": ["base", "round-1"]})
    (page.folder / "named.html").write_text(whole_page(data), encoding="utf-8")
    page.open("named.html")
    heads = page.js("return [...document.querySelectorAll('.column-head h4')].map((head) => head.textContent)")
    assert heads == ["M_1 base", "M_2 round-1"]
    page.select("set", "wrong-last")
    assert page.found() == 1
    assert page.find("#set-meaning").text == "M_2 round-1’s greedy answer is wrong."


def test_draws_without_greedy_answers_can_be_looked_at_filtered_and_audited(page: Page) -> None:
    some = problems(3)
    right = {some[0]["id"]: (0, 0), some[1]["id"]: (1, 0), some[2]["id"]: (1, 1)}
    draws = {i: [{"text": "3", "correct": bool(one), "reason": None} for one in two] for i, two in right.items()}
    given = {"mine": {1: {"draws": draws}, 2: {"draws": draws}}}
    (page.folder / "draws.html").write_text(whole_page(explorer_data(some, given)), encoding="utf-8")
    page.open("draws.html")
    assert page.js("return [...document.querySelectorAll('.row .marks')].map((marks) => marks.textContent)") == [
        "0 0",
        "1 1",
        "2 2",
    ]
    assert page.js("return document.querySelectorAll('.answer.absent').length") == 0
    assert page.find(".pager").text.replace("\n", " ").strip("‹› ").startswith("Draws 1 to 2 of 2 on this page")
    for name, place in (("none-last", 0), ("some-last", 1), ("every-last", 2)):
        page.select("set", name)
        assert page.found() == 1
        assert page.chosen() == some[place]["id"]
    page.select("set", "all")
    page.press("a")
    page.until("return document.querySelector('.progress')?.textContent === '1 of 6, out of 6'")


def test_every_model_is_in_view_on_a_laptop(page: Page) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        page.open("page.html")
        assert page.js("return document.querySelector('.column:last-child').getBoundingClientRect().right") <= 1280
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_wrong_answers_are_audited_and_votes_outlast_a_reload_and_can_be_saved(page: Page, data: Any) -> None:
    some, given = data
    page.press("a")
    page.js("""const grade = document.querySelector('[data-keep="grade"]'); grade.value = 'wrong';
        grade.dispatchEvent(new Event('change', {bubbles: true}))""")
    page.until("return document.querySelector('.audited .answer.wrong') !== null")
    wrong = sum(
        not a["correct"]
        for step in given["sft 0"].values()
        for p in some
        for a in (step["greedy"][p["id"]], *step["draws"][p["id"]])
    )
    assert page.find(".progress").text == f"1 of 20, out of {wrong:,}"
    seen = page.find(".audited .answer").get_attribute("aria-label")
    page.press("2")
    page.until("return document.querySelector('.tally').textContent === '0 sound, 1 flawed, 0 unsure'")
    page.open("page.html")
    page.press("a")
    page.js("""const grade = document.querySelector('[data-keep="grade"]'); grade.value = 'wrong';
        grade.dispatchEvent(new Event('change', {bubbles: true}))""")
    page.until("return document.querySelector('.tally').textContent === '0 sound, 1 flawed, 0 unsure'")
    page.js("""window.saved = null; const made = URL.createObjectURL;
        URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return made.call(URL, blob); };
        document.querySelector('[data-keep="save"]').click()""")
    page.until("return window.saved !== null")
    head, row, end = page.js("return window.saved").split("\n")
    assert head == "run,problem,t,answer,grade,vote"
    assert row.startswith('"sft, seed 0","gsm8k-test-')
    assert row.endswith(",wrong,flawed")
    assert seen.split(", ")[1].removesuffix(": wrong") in row
    assert end == ""
