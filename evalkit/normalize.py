"""Text to comparable text: case, spaces, punctuation, unicode forms, and the numbers written in it."""

import re
import unicodedata
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

__all__ = ["find_numbers", "last_number", "normalize_text", "parse_number"]

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SUPERSCRIPT_RUN = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]++")
_GROUPING = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_IN_NUMBER = re.compile(r"(?<=\d)[.,/:-](?=\d)|(?<![\w.])-(?=\.?\d)")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)
_REMOVED_SYMBOLS = frozenset("$^`|~")


def normalize_text(text: str, *, case: bool = True, punctuation: bool = False, articles: bool = False) -> str:
    """Return `text` in the form in which two answers are compared; doing it twice changes nothing.

    Always: compatibility forms (NFKC) with an exponent kept apart (x² reads x^2, not x2), runs of white space
    made one space, ends stripped. `case` folds case, `punctuation` removes it (but not the sign, point or slash of
    a number), `articles` removes a, an, the unless nothing else is left.
    """
    text = _compatible(text, case=case)
    if punctuation:
        text = _compatible(_without_punctuation(text), case=case)
    text = " ".join(text.split())
    if articles:
        return " ".join(_ARTICLES.sub(" ", text).split()) or text
    return text


def _compatible(text: str, *, case: bool) -> str:
    if text.isascii():
        return text.lower() if case else text
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^" + run[0].translate(_SUPERSCRIPTS), text)
    if not case:
        return unicodedata.normalize("NFKC", text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold()).casefold()
    return unicodedata.normalize("NFKC", folded)


def _without_punctuation(text: str) -> str:
    """Remove marks until none is left: taking one away can make its neighbour one."""
    while True:
        text = _GROUPING.sub("", text)
        kept = {found.start() for found in _IN_NUMBER.finditer(text)}
        shorter = "".join(char for place, char in enumerate(text) if place in kept or not _is_removed(char))
        if shorter == text:
            return text
        text = shorter


def _is_removed(mark: str) -> bool:
    return mark in _REMOVED_SYMBOLS or unicodedata.category(mark).startswith("P")


# Numbers. A token is the whole numeric expression, so that a date, a range or an uncomputed sum is seen
# as what it is and not as its last piece; `parse_number` then understands it or says None. No token crosses a line.
_GAP = r"[^\S\n]"
_SIGN = r"[-+\u2212\u2013\uff0d]"
_CURRENCY = r"(?:\\?[$€£¥₹₩₽￥\uff04]|(?:USD|EUR|GBP|JPY|CNY|INR|CAD|AUD|CHF|US\$|Rs\.?))"
_GROUP_SPACE = "\u00a0\u202f\u2009'\u2019_"
_DIGITS = rf"\d++(?:[.,{_GROUP_SPACE}]\d++)*+"
_TIMES_TEN = rf"{_GAP}?(?:x|\*|\u00d7|·|\\times|\\cdot){_GAP}?10{_GAP}?"
_EXPONENT = rf"(?:[eE]{_SIGN}?\d++|{_TIMES_TEN}(?:(?:\^|\*\*){_GAP}?\{{?{_SIGN}?\d++\}}?|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]++))"
_PLAIN = rf"(?:{_DIGITS}|(?<!\.)\.\d++){_EXPONENT}?"
_POWER = r"(?:\^\{?-?\d++\}?|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]++)"
_CHAIN = rf"(?:(?:[-/:*+x\u00d7÷\u2212\u2013]|\\div)[$€£]?(?:{_DIGITS}|\.\d++)|{_POWER})"
_SCALE = rf"(?:{_GAP}?(?:thousand|million|billion|trillion)\b|k\b|(?:bn|[KMB])\b)"
_PERCENT = rf"(?:{_GAP}?\\?[%\uff05])?"
_TOKEN = re.compile(
    rf"(?:(?<![\w)\]}}%.]){_SIGN}|(?:(?<=[=:(])|(?<=[=:(] )){_SIGN} )?"
    rf"(?:(?<![A-Za-z]){_CURRENCY}{_GAP}?{_SIGN}?|(?<![A-Za-z\d])(?<![A-Za-z\d]_))"
    rf"(?:\\[dt]?frac\{{-?\d++\}}\{{\d++\}}|\d++{_GAP}\d++/\d++(?![/\d])|{_PLAIN}{_CHAIN}*+)"
    rf"{_SCALE}?{_PERCENT}"
)
_READ = re.compile(
    rf"(?:(?P<sign>{_SIGN}) ?)?(?P<currency>{_CURRENCY})?\s*(?P<inner>{_SIGN})?"
    rf"(?:\\[dt]?frac\{{(?P<above>-?\d+)\}}\{{(?P<below>\d+)\}}"
    rf"|(?:(?P<whole>\d+)\s)?(?P<top>\d+)/(?P<bottom>\d+)"
    rf"|(?P<digits>{_DIGITS}|\.\d+)(?P<exponent>{_EXPONENT})?)"
    rf"(?P<scale>{_SCALE})?{_PERCENT}"
)
_SCALES = {"thousand": 3, "k": 3, "million": 6, "m": 6, "billion": 9, "b": 9, "bn": 9, "trillion": 12}
_ONLY_MONEY = frozenset({"K", "M", "B", "bn"})
_WHOLE = re.compile(rf"\d*|\d{{1,3}}(?:[,{_GROUP_SPACE}]\d{{2,3}})*[,{_GROUP_SPACE}]\d{{3}}")
_SEPARATORS = re.compile(rf"[,{_GROUP_SPACE}]")
_WIDE = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_MAX_POWER_DIGITS = 9


def find_numbers(text: str) -> list[str]:
    """Return every numeric expression of `text` as it is written there, from left to right.

    A date, a range, a ratio, a power or a sum is one expression, not several; `parse_number` reads it or not.
    Takes time linear in the text.
    """
    return [found[0] for found in _TOKEN.finditer(text)]


def last_number(text: str) -> str | None:
    """Return the last of `find_numbers`, reading the text from its last line up, or None."""
    end = len(text)
    while end >= 0:
        start = text.rfind("\n", 0, end) + 1
        tokens = find_numbers(text[start:end])
        if tokens:
            return tokens[-1]
        end = start - 1
    return None


def parse_number(text: str, *, decimal_comma: bool = False) -> Decimal | None:
    r"""Return the one number that `text` is, exactly, or None when it is none, several or ambiguous.

    Understood: 1,234.5 · 1 234 (no-break spaces) · -5 (also U+2212) · $18 · 45% (a percent sign is a unit: 45) ·
    18 apples · 3/4 and 1 3/4 (divided to 60 digits) · \frac{3}{4} · 1.5e3 · 1.5 x 10^3 · 2 million · $80k · "18.".
    None: 1,5 (a decimal comma? say decimal_comma) · 12/25/1937 · 10:30 · 3-5 · 2^10 · several numbers · words before.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return Decimal(text)
    tokens = find_numbers(text)
    if len(tokens) != 1 or any(char.isalnum() for char in text[: text.index(tokens[0])]):
        return None
    found = _READ.fullmatch(tokens[0])
    return None if found is None else _value(found.groupdict(), decimal_comma=decimal_comma)


def _value(part: dict[str, str | None], *, decimal_comma: bool) -> Decimal | None:
    if part["sign"] and part["inner"]:
        return None
    scale = (part["scale"] or "").strip()
    shift = 0 if scale in _ONLY_MONEY and not part["currency"] else _SCALES.get(scale.lower(), 0)
    if part["digits"]:
        number = _decimal(part["digits"], part["exponent"] or "", shift, decimal_comma=decimal_comma)
    else:
        number = _quotient(
            part["whole"] or "0", part["above"] or part["top"] or "", part["below"] or part["bottom"] or ""
        )
        number = number and number.scaleb(shift, _WIDE)
    negative = (part["sign"] or part["inner"] or "+") != "+"
    return number.copy_negate() if negative and number is not None else number


def _quotient(whole: str, above: str, below: str) -> Decimal | None:
    if not Decimal(below):
        return None
    return _WIDE.add(Decimal(whole), _WIDE.divide(Decimal(above), Decimal(below)))


def _decimal(digits: str, exponent: str, shift: int, *, decimal_comma: bool) -> Decimal | None:
    if decimal_comma:
        digits = digits.translate(str.maketrans(",.", ".,"))
    whole, point, rest = digits.partition(".")
    power = _power_of_ten(exponent)
    if power is None or _SEPARATORS.search(rest) or "." in rest or not _WHOLE.fullmatch(whole):
        return None
    return Decimal(f"{_SEPARATORS.sub('', whole)}{point}{rest}e{power + shift}")


def _power_of_ten(exponent: str) -> int | None:
    if not exponent:
        return 0
    power = exponent[1:] if exponent[0] in "eE" else exponent[exponent.index("10") + 2 :]
    power = re.sub(r"[\u2212\u2013\uff0d]", "-", power.translate(_SUPERSCRIPTS).strip(" ^*{}"))
    return int(power) if len(power) <= _MAX_POWER_DIGITS else None
