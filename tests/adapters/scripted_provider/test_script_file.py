"""Files are read as documented, and mistakes in them are told with their place."""

import json
import re
from pathlib import Path

import pytest

from clary.adapters.scripted_provider import (
    Attempts,
    Call,
    CallTools,
    Fault,
    Form,
    Paced,
    Raw,
    Say,
    ScriptFileError,
    Tokens,
    load_script,
    read_script,
)
from clary.adapters.scripted_provider import script_file as module

DOCUMENT = Path(__file__).parents[3] / "docs" / "scripted-provider.md"


def test_the_documented_example_is_a_script():
    example = re.search(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert example is not None
    script = read_script(json.loads(example[1]))
    assert script.default == Say("Hello.")
    assert script.scripts == {
        "lamp": (CallTools([Call("switch", {"on": True})]), Say("It is on.", pieces=3, delay_seconds=0.05)),
        "flaky": (Attempts([Fault("status", status=429, headers={"Retry-After": "1"}), Say("Yes.")]),),
        "load": (Paced(100, 0.05, "token "),),
    }


def test_the_document_names_every_step_field_and_fault():
    text = DOCUMENT.read_text()
    for key, (made, main) in module.MAIN_FIELDS.items():
        assert f"`{key}`" in text
        assert all(f"`{name}`" in text for name in made.__dataclass_fields__ if name != main)
    for nested in (Tokens, Form):
        assert all(name in text for name in nested.__dataclass_fields__)
    for kind in module.Fault.__dataclass_fields__["kind"].type.__args__:
        assert f"| `{kind}` |" in text


def test_nested_fields_and_raw():
    step = {"say": "x", "usage": {"prompt": 1}, "form": {"crlf": True}}
    script = read_script({"scripts": {"a": [step, {"raw": ["data: x\n\n"]}, {"say": "x", "usage": None}]}})
    assert script.scripts["a"] == (
        Say("x", usage=Tokens(1), form=Form(crlf=True)),
        Raw((b"data: x\n\n",)),
        Say("x", usage=None),
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "the file: not an object"),
        ({"script": {}}, "the file: unknown script"),
        ({"scripts": {"a": []}}, "scripts.a: not a list"),
        ({"scripts": {"a": [{"said": "x"}]}}, "scripts.a[0]: needs exactly one of say"),
        ({"scripts": {"a": [{"say": "x", "call": []}]}}, "needs exactly one"),
        ({"scripts": {"a": [{"say": "x", "piece": 1}]}}, "scripts.a[0]: unknown piece"),
        ({"scripts": {"a": [{"say": "x", "form": {"lf": 1}}]}}, "scripts.a[0].form: unknown lf"),
        ({"scripts": {"a": [{"fault": "fire"}]}}, "scripts.a[0].kind"),
        ({"scripts": {"a": [{"paced": 3}]}}, "scripts.a[0].interval_seconds"),
        ({"scripts": {"a": [{"attempts": []}]}}, "attempts are a list"),
        ({"scripts": {"a": [{"attempts": [{"attempts": [{"say": "x"}]}]}]}}, "attempts are a list"),
        ({"default": {"say": 5}}, "default.text"),
    ],
)
def test_mistakes_are_told_with_their_place(value, told):
    with pytest.raises(ScriptFileError) as caught:
        read_script(value)
    assert told in str(caught.value)


def test_a_file_that_is_no_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(ScriptFileError, match="not JSON"):
        load_script(path)
