"""From a text that somebody wrote to one code, or to the codes it may mean; never a guess.

A text is tried in this order, each time after folding width, case and space:

1. as a whole: it is a code, a label or a synonym;
2. as a code of another classification, alone or before words (``4-07-05-01 保安员``), through the
   crosswalk. The longest beginning of the code that the crosswalk has decides; where it leads to
   several of our codes, the words behind it may say which;
3. as a whole: it is listed as ambiguous, and stays uncoded with its candidates;
4. in parts, cut at ``/ 、 , ; | + &`` and brackets: when every part leads to the same code that is
   the code, otherwise the text stays uncoded and what its parts lead to are the candidates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Coder", "Coding", "Way", "fold"]

Codes = tuple[str, ...]

_CUTS = re.compile(r"[/、,;|+&()\[\]【】]+")
_CLASS = re.compile(
    r"""
    (?P<scheme>gb/?t?6565(?:-2015)?:?)?   # GB/T 6565-2015, the edition this crosswalk is of
    (?P<code>\d-\d\d(?:-\d\d){0,2})       # major-sub-major, then minor and unit group
    (?![\d-])
    (?P<words>.*)
    """,
    re.VERBOSE,
)


class Way(StrEnum):
    """How a text came to its code, or why it has none."""

    WORD = "word"
    """It is a code, a label or a synonym."""
    CROSSWALK = "crosswalk"
    """It is a code of another classification."""
    PARTS = "parts"
    """All its parts lead to one code."""
    AMBIGUOUS = "ambiguous"
    """It may mean several: uncoded."""
    UNKNOWN = "unknown"
    """The list does not know it: uncoded."""


@dataclass(frozen=True, slots=True)
class Coding:
    """What a text is coded as."""

    way: Way
    code: str | None = None
    candidates: Codes = ()
    """What an uncoded text may mean; empty when it is coded or unknown."""

    @property
    def codes(self) -> Codes:
        """The code, or else the candidates."""
        return self.candidates if self.code is None else (self.code,)


_UNKNOWN = Coding(Way.UNKNOWN)


class Coder:
    """Codes texts by one governed list.

    Parameters
    ----------
    words : mapping of str to str
        Code of each folded word.
    ambiguous : mapping of str to tuple of str
        Candidates of each folded word that may mean several.
    crosswalk : mapping of str to tuple of str
        Our codes behind each code of the other classification.

    Examples
    --------
    >>> words = {"保安": "541", "保洁": "911"}
    >>> coder = Coder(words, {"阿姨": ("911", "531")}, {"4-07-05": ("541", "742")})
    >>> coder.read("4-07-05-01 保安").code
    '541'
    >>> coder.read("保安/保洁")
    Coding(way=<Way.AMBIGUOUS: 'ambiguous'>, code=None, candidates=('541', '911'))
    """

    def __init__(
        self,
        words: Mapping[str, str],
        ambiguous: Mapping[str, Codes],
        crosswalk: Mapping[str, Codes],
    ) -> None:
        self._words = words
        self._ambiguous = ambiguous
        self._crosswalk = crosswalk

    def read(self, text: str) -> Coding:
        """Code a text."""
        whole = self._part(text)
        if whole.way is not Way.UNKNOWN:
            return whole
        parts = [part for part in _CUTS.split(unicodedata.normalize("NFKC", text)) if part.strip()]
        found = [self._part(part) for part in parts]
        codes = tuple(dict.fromkeys(code for coding in found for code in coding.codes))
        if len(codes) == 1 and all(coding.code for coding in found):
            return Coding(Way.PARTS, codes[0])
        return Coding(Way.AMBIGUOUS, None, codes) if codes else _UNKNOWN

    def _part(self, text: str) -> Coding:
        word = fold(text)
        if word in self._words:
            return Coding(Way.WORD, self._words[word])
        coding = self._by_class(word)
        if coding is None and word in self._ambiguous:
            return Coding(Way.AMBIGUOUS, None, self._ambiguous[word])
        return coding or _UNKNOWN

    def _by_class(self, word: str) -> Coding | None:
        match = _CLASS.fullmatch(word)
        codes = self._behind(match["code"]) if match else ()
        if match is None or not codes:
            return None
        said = self._words.get(match["words"])
        if said is not None and said not in codes:
            return Coding(Way.AMBIGUOUS, None, (*codes, said))
        code = said or (codes[0] if len(codes) == 1 else None)
        if code is None:
            return Coding(Way.AMBIGUOUS, None, codes)
        return Coding(Way.CROSSWALK, code)

    def _behind(self, code: str) -> Codes:
        while code not in self._crosswalk and "-" in code:
            code = code.rpartition("-")[0]
        return self._crosswalk.get(code, ())


def fold(text: str) -> str:
    """Fold width, case and space, so that equal words compare equal."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
