r"""Which option letters a free answer states: `The answer is (B)`, `**B**`, `B. Paris`, `\boxed{C}`, `A and C`."""

import re
import unicodedata

__all__ = ["stated_letters"]

# An upper-case letter standing alone (A and I only where they cannot be words), a lower-case one marked as an option.
_WORD = r"(?:and|or|because|since|as|is|are|with)\b"
_UPPER = rf"(?:[A-Z](?!['\u2019_]?[A-Za-z\d])(?!-\w)(?:(?<![AI])|(?![ \t]{{1,3}}(?!{_WORD})[a-z])))"
_LOWER = r"(?:[a-z](?=[*_`\"'\u2019$\]}]{0,5}(?:[).:]|[ \t]{0,5}$)))"
_LETTER = rf"(?:(?<![A-Za-z\d])(?<!\w['\u2019])(?:{_UPPER}|{_LOWER}))"
_OPEN = r"[\s*_`\"'“\u2018$(\[{<\\]*+"
_JOIN = rf"[ )\]*_`\"'”\u2019$}}.]*+(?:[,;&/]|(?:and|or)\b){_OPEN}(?:(?:and|or)\b{_OPEN})?"
_LIST = rf"({_LETTER}(?:{_JOIN}{_LETTER})*+)"
# Words and marks that may stand between "answer" and its letter: one possessive loop, so that time stays linear.
_BETWEEN = (
    r"(?:[\s*_`\"'“\u2018$(\[{<>:=\u2013—-]|\\[a-z]++"
    r"|(?i:is|are|would\s+be|should\s+be|must\s+be|ist|est|es|therefore|thus|hence|clearly|definitely|indeed|probably"
    r"|most|likely|then|simply|the|correct|option|choice|letter|either|both)\b|[是为はé])*+"
)
_MARKERS = (
    *("answer", "choose", "chose", "pick", "select", "correct ", "right ", "best "),
    *("antwort", "respuesta", "resposta", "risposta", "réponse", "ответ", "答案", "答え", "正解", "選択肢"),
)
_ANSWER = re.compile(
    r"(?:(?i:answers?\b|antwort|respuesta|resposta|risposta|réponse|ответ|chose|choose|pick|select)"
    r"|(?i:correct|right|best)\s(?i:option|choice|letter)\b|答案|答え|正解|選択肢)" + _BETWEEN + _LIST,
    re.MULTILINE,
)
_CORRECT = re.compile(rf"{_LIST}[)*_`\"]{{0,4}}\s(?:is|are)\s(?:the\s)?(?:correct|right|best)\b", re.MULTILINE)
_BOX = "\\boxed{"
_BOXED = re.compile(rf"\\boxed\{{(?:{_OPEN}(?:text|math)(?:bf|rm|tt)?)?{_OPEN}{_LIST}", re.MULTILINE)
_ALONE = re.compile(rf"[>#\-\s]*+{_OPEN}(?:(?i:option|choice)\s)?{_OPEN}{_LIST}[\s)\]*_`\"'”\u2019$}}>.!]*+")
_START = re.compile(
    r"[*_`\"(\[]{0,4}([A-Za-z])(?:[*_`]{0,3}[).:\]][*_`]{0,3}|[*_`]{1,3})(?=\s|$)(?!\s{1,3}(?:and|or)\b)"
)
_IN_BRACKETS = re.compile(r"(?<!\w)\(([A-Za-z])\)")
_OPTION = re.compile(r"(?i:\b(?:option|choice)\s)[*_`\"'(]{0,4}([A-Z])(?!['\u2019]?\w)")
_ANY = re.compile(_LETTER, re.MULTILINE)
_ONE = re.compile(r"(?<![A-Za-z\d])(?<!\w['\u2019])[A-Za-z](?!['\u2019_]?[A-Za-z\d])")
_LINE_CHARS = 80


def stated_letters(text: str, *, loose: bool = False) -> tuple[str, ...]:
    """Return the letters that `text` gives as its answer, upper case, sorted; empty when it states none.

    The most explicit form wins, and among equals the last one: the last box, `the answer is X`, `X is correct`, a
    line that is only a letter, the one line that starts with `X.` or `(X)`, one bracketed or named option in the
    whole text. With `loose` the last letter standing alone counts too. Takes time linear in the text.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if len(text) == 1:
        return (text.upper(),) if text.isascii() and text.isalpha() else ()
    stated = _boxed(text) or _after_marker(text) or _correct(text) or _from_lines(text)
    if stated:
        return stated
    for pattern in (_IN_BRACKETS, _OPTION):
        named = {letter.upper() for letter in pattern.findall(text)}
        if len(named) == 1:
            return (named.pop(),)
    alone = _ANY.findall(text) if loose else []
    return (alone[-1].upper(),) if alone else ()


def _boxed(text: str) -> tuple[str, ...]:
    start = text.rfind(_BOX)
    found = _BOXED.match(text, start) if start >= 0 else None
    return _letters(found[1]) if found else ()


def _after_marker(text: str) -> tuple[str, ...]:
    """Read what follows the last marker that a letter follows; plain searches, since most text holds no marker."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    starts = {found.start() for word in _MARKERS if word in lowered for found in re.finditer(word, lowered)}
    for start in sorted(starts, reverse=True):
        found = _ANSWER.match(text, start)
        if found:
            return _letters(found[1])
    return ()


def _correct(text: str) -> tuple[str, ...]:
    if not any(word in text for word in ("correct", "right", "best")):
        return ()
    last = None
    for found in _CORRECT.finditer(text):
        last = found
    return _letters(last[1]) if last else ()


def _from_lines(text: str) -> tuple[str, ...]:
    """Read the last line that is only letters, else the one letter that lines start with."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        found = _ALONE.fullmatch(line) if len(line) <= _LINE_CHARS else None
        if found:
            return _letters(found[1])
    starts = {found[1].upper() for line in lines if (found := _START.match(line))}
    return (starts.pop(),) if len(starts) == 1 else ()


def _letters(listed: str) -> tuple[str, ...]:
    return tuple(sorted({letter.upper() for letter in _ONE.findall(listed)}))
