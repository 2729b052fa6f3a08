"""Bytes to text when nobody says how they are encoded.

A detector by statistics fails on short Chinese texts, so candidates are decoded and judged by how common the characters
are that come out: wrong encodings give rare ones.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

_SAMPLE: Final = 64 * 1024
_SIMPLIFIED: Final = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动"
    "面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向"
    "头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活"
    "尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强"
    "即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔单请版本安装使用说明项目系统操作文件数据"
    "服务器公司报告测试错误配置网络密码客户合同价格产品质量费用付款银行订单联系电话地址您好谢需者们员培训考勤假期审批流程标准环境设备故障维修检查结果"
)
_TRADITIONAL: Final = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動"
    "面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向"
    "頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活"
    "爾更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強"
    "即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運筆單請版安裝項目系統操作檔案資料服務器"
    "報告測試錯誤配置網路密碼客戶合約價格產品質量費用付款銀行訂單聯絡電話地址您好謝需臺灣繁體範例內容歡迎"
)
_CHINESE: Final = _SIMPLIFIED | _TRADITIONAL
_JAPANESE: Final = frozenset(
    "日本人大年出会中行見事月分者生間上東時手前子女合立国物社学方地業高場新長部目電定田入動体気明理文化語書使用説明設定確認情報株式会社様件名今後下"
)
_LOW: Final = range(0x40, 0x7F)
_HIGH: Final = range(0xA1, 0xFF)


def _level(encoding: str, leads: range, trails: Iterable[int]) -> frozenset[str]:
    """The characters of a level of an encoding: the first one holds those in use."""
    return frozenset("".join(bytes((lead, trail)).decode(encoding, "ignore") for lead in leads for trail in trails))


_FIRST_LEVEL: Final = _level("gb2312", range(0xB0, 0xD8), _HIGH)
_FIRST_LEVEL_TRADITIONAL: Final = _level("big5", range(0xA4, 0xC7), (*_LOW, *_HIGH))
_KANJI: Final = _level("euc_jp", range(0xB0, 0xD0), _HIGH)
_PUNCTUATION: Final = frozenset("，。、；：？！“”‘’（）《》【】—…·「」『』　０１２３４５６７８９％～￥")
_LATIN: Final = re.compile(r"[A-Za-z][à-öø-ÿÀ-ÖØ-ÞßŒœŠšŸ]|[à-öø-ÿÀ-ÖØ-ÞßŒœŠšŸ][A-Za-z]")
_LATIN_SIGNS: Final = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝœŒšŠ€£§°©®™“”‘’–—…•«»¿¡½¼²³µ·\u00a0"
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPES: Final = (
    ("iso2022", re.compile(rb"[\x1b\x0e]")),
    ("hz", re.compile(rb"~\{")),
    ("utf-7", re.compile(rb"\+[A-Za-z0-9+/]{3}")),
)
"""What shows that an encoding of seven bits is in use."""
_NO_ENCODINGS: Final = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "charmap", "mbcs", "oem"}
)
_ALPHABETS: Final = tuple(
    range(*bounds)
    for bounds in (
        *((0x80, 0x250), (0x370, 0x400), (0x400, 0x530), (0x530, 0x590), (0x590, 0x600), (0x600, 0x780)),
        *((start, start + 0x80) for start in range(0x900, 0x1000, 0x80)),
        *((0x1000, 0x10A0), (0x10A0, 0x1100), (0x1200, 0x13A0), (0x1780, 0x1800)),
    )
)
"""Latin, Greek, Cyrillic and so on: blocks of letters; a text is in one of them."""
_HANGUL: Final = range(0xAC00, 0xD7A4)


class Decoded(NamedTuple):
    """A text and the encoding it was in."""

    text: str
    encoding: str


def decoded(content: bytes, *declared: str | None) -> Decoded | None:
    """The text of bytes; None if they are none.

    A byte order mark counts most, then a declared encoding of seven bits whose escapes occur, then UTF-8, then what is
    declared otherwise, the first one before the others.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return Decoded(content.decode(encoding, "replace").removeprefix("\ufeff"), encoding.removesuffix("-sig"))
    wide = _wide(content[:_SAMPLE])
    if wide is not None:
        return Decoded(content.decode(wide, "replace"), wide[:6])
    if b"\0" in content[:_SAMPLE]:
        return None
    names = [name for each in declared if each and (name := _codec_of(each)) is not None]
    for encoding in names:
        text = _unescaped(content, encoding)
        if text is not None:
            return Decoded(text, encoding)
    for encoding in ("utf-8", *names):
        text = _strict(content, encoding)
        if text is not None and not _is_binary(text[:_SAMPLE]):
            return Decoded(text, encoding)
    return _guessed(content)


def _codec_of(declared: str) -> str | None:
    """The name of the encoding that is declared; None: nobody writes texts in it, or it is none at all."""
    try:
        name = codecs.lookup(declared).name
        # Codecs of bytes (`base64`) and of letters (`rot13`) refuse to be this.
        b"a".decode(name, "ignore")
    except (LookupError, ValueError):
        return None
    return None if name in _NO_ENCODINGS else name


def _unescaped(content: bytes, encoding: str) -> str | None:
    """The text of an encoding whose bytes are all ASCII: whoever takes them for UTF-8 finds no fault, and no text."""
    escape = next((escape for prefix, escape in _ESCAPES if encoding.startswith(prefix)), None)
    if escape is None or not content.isascii() or escape.search(content) is None:
        return None
    # Mails say `iso-2022-jp` of more than its standard has.
    wider = ("iso2022_jp_ext",) if encoding.startswith("iso2022_jp") else ()
    found = (_strict(content, each) for each in (encoding, *wider))
    return next((text for text in found if text is not None), content.decode(encoding, "replace"))


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: its bytes are letters and zeros in turn, or it reads as a text of one script."""
    if len(sample) < 4:
        return None
    even = sample[: len(sample) // 2 * 2]
    best, best_score = None, 0.6
    for encoding, zeros, others in (("utf-16-le", even[1::2], even[::2]), ("utf-16-be", even[::2], even[1::2])):
        text = _strict(even, encoding, is_whole=False)
        if text is None or _is_binary(text) or "\0" in text:
            continue
        if zeros.count(0) > len(zeros) * 0.4 and others.count(0) < len(others) * 0.02:
            return encoding
        score = max(judge(text) for judge in _SCRIPTS) if b"\0" in sample else 0.0
        if score > best_score:
            best, best_score = encoding, score
    return best


def _strict(content: bytes, encoding: str, *, is_whole: bool = True) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(content, is_whole)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _guessed(content: bytes) -> Decoded | None:
    """The candidate whose text has the most common characters; broken bytes are allowed when nothing fits whole."""
    sample = content[:_SAMPLE]
    best, best_score = "cp1252", 0.0
    for encoding, judge in _CANDIDATES:
        text = _strict(sample, encoding, is_whole=False)
        score = judge(text) if text is not None and not _is_binary(text) else 0.0
        if score > best_score + 0.02:
            best, best_score = encoding, score
    if best_score < 0.2:
        best, best_score = _nearly(sample, best, best_score)
    text = content.decode(best, "replace")
    if best_score < 0.05 or _is_binary(text[:_SAMPLE]):
        return None
    return Decoded(text, best)


def _nearly(sample: bytes, best: str, best_score: float) -> tuple[str, float]:
    """Some bytes are damaged: whoever gives the fewest wrong characters."""
    for encoding in ("utf-8", "gb18030", "cp950", "cp932"):
        text = sample.decode(encoding, "replace")
        foreign = sum(1 for letter in text if letter > "\x7f")
        wrong = text.count("\ufffd") / max(1, foreign)
        score = 0.0 if wrong > 0.2 else (1 - wrong) * (0.6 if encoding == "utf-8" else _chinese(text))
        if score > best_score:
            best, best_score = encoding, score
    return best, best_score


def _is_binary(text: str) -> bool:
    odd = sum(1 for letter in text if letter < " " and letter not in "\t\n\r\f\x1b\x1a\x0b")
    return odd > len(text) * 0.01


def _share(text: str, worth: Callable[[str], float]) -> float:
    foreign = [letter for letter in text if letter > "\x7f"]
    return sum(map(worth, foreign)) / len(foreign) if foreign else 0.0


def _chinese(text: str) -> float:
    return _share(text, lambda letter: _worth(letter, _CHINESE, _FIRST_LEVEL))


def _alphabetic(text: str) -> float:
    return max(_share_in(text, alphabet) for alphabet in _ALPHABETS)


def _korean(text: str) -> float:
    """A little less than certain: Greek with its bytes exchanged is in this block as well."""
    return 0.95 * _share_in(text, _HANGUL)


def _share_in(text: str, block: range) -> float:
    return _share(text, lambda letter: float(ord(letter) in block or letter in _PUNCTUATION))


def _wide_script(text: str) -> float:
    """Only in use where it is nearly certain: any bytes are characters in UTF-16."""
    if any("\ud800" <= letter <= "\uf8ff" for letter in text):
        return 0.0
    chinese, others = _chinese(text), max(_japanese(text), _alphabetic(text))
    return 0.9 * max(chinese if chinese > 0.55 else 0.0, others if others > 0.8 else 0.0)


def _traditional(text: str) -> float:
    return _share(text, lambda letter: _worth(letter, _TRADITIONAL, _FIRST_LEVEL_TRADITIONAL))


def _japanese(text: str) -> float:
    if not any("\u3040" <= letter <= "\u30ff" for letter in text):
        return 0.0
    return _share(text, lambda letter: float("\u3040" <= letter <= "\u30ff") or _worth(letter, _JAPANESE, _KANJI))


def _worth(letter: str, usual: frozenset[str], first_level: frozenset[str]) -> float:
    """One for the few hundred characters that make up most of any text, less for the few thousand others in use."""
    if letter in usual or letter in _PUNCTUATION:
        return 1.0
    return 0.6 if letter in first_level else 0.0


def _latin(text: str) -> float:
    foreign = sum(1 for letter in text if letter > "\x7f")
    near = len(_LATIN.findall(text))
    known = _share(text, lambda letter: float(letter in _LATIN_SIGNS))
    return min(1.0, 0.5 * known + 0.5 * near / foreign) * 0.8 if foreign else 0.0


_SCRIPTS: Final = (_chinese, _traditional, _japanese, _korean, _alphabetic)
_CANDIDATES: Final[tuple[tuple[str, Callable[[str], float]], ...]] = (
    ("gb18030", _chinese),
    ("cp950", _traditional),
    ("big5hkscs", _traditional),
    ("cp932", _japanese),
    ("euc_jp", _japanese),
    ("cp1252", _latin),
    ("utf-16-le", _wide_script),
    ("utf-16-be", _wide_script),
)
