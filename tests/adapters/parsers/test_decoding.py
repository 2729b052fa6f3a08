"""Encodings that nobody names (product.md 5.5), down to single words."""

import pytest

from clary.adapters.parsers.confined.decoding import decoded

SIMPLIFIED = (
    "测试 退货流程 你好 公司制度 问题 答案 价格表 库存清单 张三 北京市朝阳区 合同编号 如何重置密码？ 快递单号 咖啡"
)
TRADITIONAL = (
    "測試 退貨流程 您好 公司制度 問題 答案 價格表 庫存清單 張三 台北市信義區 合約編號 如何重設密碼？ 快遞單號 咖啡"
)
JAPANESE = "これはテストです カタカナ 日本語のファイル 東京都にお住まいの方 よくある質問"
LATIN = ["café", "Müller GmbH", "naïve résumé", "El niño comió", "Größe: 5 m²", "Ça va?", "It’s fine"]


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (SIMPLIFIED.split(), "gb18030"),
        (SIMPLIFIED.split(), "utf-8"),
        (SIMPLIFIED.split(), "utf-16"),
        (TRADITIONAL.split(), "big5"),
        (TRADITIONAL.split(), "gb18030"),
        (JAPANESE.split(), "shift_jis"),
        (JAPANESE.split(), "euc_jp"),
        (LATIN, "cp1252"),
    ],
)
def test_words_are_read_in_the_encoding_they_are_in(words: list[str], encoding: str) -> None:
    assert [getattr(decoded(word.encode(encoding)), "text", None) for word in words] == words


def test_a_longer_text_needs_no_mark_for_utf_16() -> None:
    text = "这份文件说明公司的报销制度和流程。"
    assert decoded(text.encode("utf-16-le")) == (text, "utf-16")
    assert decoded(text.encode("utf-16-be")) == (text, "utf-16")


def test_a_damaged_byte_does_not_change_the_encoding() -> None:
    content = ("这份文件说明公司的报销制度和流程。" * 20).encode()
    found = decoded(content[:100] + b"\xff" + content[100:])
    assert found is not None
    assert found.encoding == "utf-8"
    assert found.text.count("\ufffd") >= 1


@pytest.mark.parametrize("content", [b"\0\1\2\3" * 50, bytes(range(256)) * 20, b"\x80\x81\xfe\xff" * 64])
def test_bytes_that_are_no_text_are_none(content: bytes) -> None:
    assert decoded(content) is None


@pytest.mark.parametrize(
    "text",
    [
        "これはテスト です。カタカナも\nあります。日本語のファイル",
        "Это проверка, и\nвот ещё строка",
        "Αυτό είναι ένα κείμενο\nστα ελληνικά",
        "이것은 시험입니다\n한국어 문서",
        "זהו מבחן של\nטקסט",
        "هذا اختبار\nللنص العربي",
        "นี่คือการทดสอบ\nภาษาไทย",
        "這份文件說明公司的制度\n退貨流程",
    ],
    ids=["kana", "cyrillic", "greek", "hangul", "hebrew", "arabic", "thai", "traditional"],
)
def test_utf_16_without_a_mark_is_found_in_any_script(text: str) -> None:
    assert [decoded(text.encode(each)) for each in ("utf-16-le", "utf-16-be")] == [(text, "utf-16")] * 2


def test_utf_16_without_a_mark_needs_no_blank() -> None:
    words = ["Проверка", "これはテストです", "δοκιμή"]
    found = [decoded(word.encode(each)) for each in ("utf-16-le", "utf-16-be") for word in words]
    assert [each.text if each else None for each in found] == words * 2


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("iso-2022-jp", "会議は十時です"),
        ("ISO-2022-JP", "①半角ｶﾅ"),
        ("iso-2022-kr", "회의는 열 시입니다"),
        ("hz-gb-2312", "会议在十点"),
        ("utf-7", "Größe: 5 m, 会议"),
    ],
)
def test_an_encoding_of_seven_bits_counts_where_it_is_declared(declared: str, text: str) -> None:
    encoding = {"ISO-2022-JP": "iso2022_jp_ext"}.get(declared, declared)
    content = text.replace("①", "").encode(encoding)
    found = decoded(content, declared)
    assert found is not None
    assert found.text == text.replace("①", "")


def test_a_declared_encoding_of_seven_bits_changes_no_other_text() -> None:
    assert decoded(b"a~b, 1 + 2 is 3", "utf-7") == ("a~b, 1 + 2 is 3", "utf-8")
    assert decoded("会议 \x1b[0m".encode(), "iso-2022-jp") == ("会议 \x1b[0m", "utf-8")
    damaged = "会議".encode("iso-2022-jp").replace("議".encode("iso-2022-jp")[3:5], b"\x7e\x7e")
    found = decoded(damaged, "iso-2022-jp")
    assert found is not None
    assert found.text.startswith("会")


@pytest.mark.parametrize("declared", ["rot13", "base64", "hex", "zip", "punycode", "undefined", "no-such", "a\0b"])
def test_what_is_declared_but_no_encoding_counts_as_nothing(declared: str) -> None:
    assert decoded("会议在十点".encode("gb18030"), declared) == ("会议在十点", "gb18030")
    assert decoded("naïve café".encode("cp1252"), declared, "cp1252") == ("naïve café", "cp1252")
