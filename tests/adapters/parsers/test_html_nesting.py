"""Pages whose authors left end tags out (product.md 5.5)."""

import time

import pytest

from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.html_page import add_html
from clary.adapters.parsers.confined.limits import Limits


def text_of(page: str) -> list[str]:
    """The paragraphs of a page."""
    draft = TextDraft(Limits())
    add_html(draft, page)
    return draft.finish().text.split("\n\n")


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<p hidden>no<p>one<p>two", ["one", "two"]),
        ("<p hidden>no<b>no</b><div>one</div>two", ["one", "two"]),
        ("<div><p hidden>no</div>one", ["one"]),
        ("<ul><li hidden>no<ul><li>no</ul><li>one</ul>two", ["- one", "two"]),
        ("<ul><li hidden>no<p>no</ul>one", ["one"]),
        ("<dl><dt hidden>no<dd>one<dd hidden>no<dt>two</dl>", ["one", "two"]),
        ("<table><tr hidden><td>no<tr><td>one<td>two</table>", ["| one | two |\n| --- | --- |"]),
        (
            "<table><tr><td>a<td hidden>no<td>b<tr><td>one<td>two<td hidden>no</table>three",
            ["| a | b |\n| --- | --- |\n| one | two |", "three"],
        ),
        ("<table><tbody hidden><tr><td>no<tbody><tr><td>one<td>two</table>", ["| one | two |\n| --- | --- |"]),
        ("<div><nav>no<ul><li>no</ul></div>one", ["one"]),
        ("<div><div hidden>no<p>no</div></div>one", ["one"]),
        ("<section><div hidden>no</section>one", ["one"]),
    ],
)
def test_a_hidden_element_without_an_end_tag_ends_where_it_must(page: str, shown: list[str]) -> None:
    assert text_of(page) == shown


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<div hidden>no<div>no</div>no</div>one", ["one"]),
        ("<span hidden>no<span>no</span>no<p>no</p></span>one", ["one"]),
        ("<div>one<table hidden><tr><td>no</div>no</table>two</div>", ["onetwo"]),
        ("<p>one<svg><title>no</title><p>no</p></svg>two</p>", ["onetwo"]),
        ("<table><tr><td>a<td><template><tr><td>no</template>b</table>", ["| a | b |\n| --- | --- |"]),
        ("<nav><p>no<div>no</nav>one", ["one"]),
        ("<ul><li>one<nav><li>no</nav></ul>two", ["- one", "two"]),
        ("<div hidden>no</p>no</li>no</div>one", ["one"]),
    ],
)
def test_what_is_hidden_stays_hidden_to_its_end(page: str, shown: list[str]) -> None:
    assert text_of(page) == shown


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<h2>a</h2><table><tr><td>one<td>two<tr><td>three<td>four", "| one | two |\n| --- | --- |\n| three | four |"),
        ("<table><tr><td>one<table><tr><td>two<td>three", "one"),
        ("<body><table><tr><td>one</body></html>", "one"),
    ],
)
def test_a_table_without_an_end_loses_nothing(page: str, shown: str) -> None:
    whole = "\n\n".join(text_of(page))
    assert shown in whole
    assert all(word in whole for word in ("one", "two", "three") if word in page)


@pytest.mark.parametrize("piece", ["<div>", "<p hidden>", "<td>", "<table>", "<span hidden>", "</p></b></td>", "<li>"])
def test_no_page_is_slow_to_read(piece: str) -> None:
    began = time.process_time()
    text_of("one" + "<div>" * 2000 + piece * 20_000)
    assert time.process_time() - began < 10
