"""Which markers of an answer stand in its text (product.md 5.10)."""

import re
import time

import pytest

from clary.features.conversations.sources import without_code


@pytest.mark.parametrize(
    ("answer", "cited"),
    [
        ("a [1]\n\n    b [2]\n\n    c [3]\n\nd [4]", "14"),
        ("    a [1]\nb [2]", "2"),
        ("# Title [1]\n    a [2]\nb [3]", "13"),
        ("a [1]\n    b [2]\n\tc [3]", "123"),
        ("a [1]\n\n\tb [2]", "1"),
        ("- a [1]\n    - b [2]\n        - c [3]", "123"),
        ("- a [1]\n\n    b [2]\n\n      c [3]\n\nd [4]", "124"),
        ("1. a [1]\n\n   b [2]\n\n       c [3]", "12"),
        ("10. a [1]\n\n    - b [2]\n\n          c [3]\n          d [4]", "12"),
        ("- a [1]\nb [2]\n\n    c [3]", "123"),
        ("- a [1]\n\nb [2]\n\n    c [3]", "12"),
        ("> a [1]\n>\n>     b [2]\n\nc [3]", "13"),
        ("> - a [1]\n\n    b [2]", "1"),
        ("1. a [1]\n    ```\n    b [2]\n    ```\n\n    c [3]", "13"),
        ("```\na [1]\n```\n    b [2]\nc [3]", "3"),
        ("    ```\na [1]", "1"),
        ("a `b [1]\n\n    c` [2]\n\nd [3]", "13"),
    ],
)
def test_a_marker_in_an_indented_block_is_none(answer: str, cited: str) -> None:
    assert "".join(re.findall(r"\[(\d)\]", without_code(answer))) == cited


@pytest.mark.parametrize("piece", ["> ", "- ", "    ", "\t", "1. ", "#", "- a\n", "  - a\n\n"])
def test_no_answer_is_slow_to_read(piece: str) -> None:
    began = time.process_time()
    without_code(piece * 20_000 + "x")
    assert time.process_time() - began < 2
