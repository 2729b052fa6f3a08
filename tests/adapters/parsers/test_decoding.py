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
