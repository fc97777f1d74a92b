"""How one browser wants its pages: language, size and colours, in a cookie without identity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from flask import Request

__all__ = ["LOOK_COOKIE", "Language", "Look", "Mode", "Theme"]

LOOK_COOKIE = "linli_look"


class Language(StrEnum):
    """Languages of the pages; the value is the HTML ``lang`` tag."""

    ZH = "zh-CN"
    EN = "en"

    @property
    def short(self) -> str:
        """The name of the message table."""
        return self.value[:2]


class Mode(StrEnum):
    """Size of text and targets."""

    STANDARD = "standard"
    CARE = "care"
    """长辈版: large text, targets of at least 60 px."""


class Theme(StrEnum):
    """Colours."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


_E = TypeVar("_E", bound=StrEnum)


def _member(enum: type[_E], value: str, default: _E) -> _E:
    return enum(value) if value in list(enum) else default


@dataclass(frozen=True, slots=True)
class Look:
    """One choice of each."""

    language: Language = Language.ZH
    mode: Mode = Mode.STANDARD
    theme: Theme = Theme.AUTO

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the cookie; without one, the browser's language decides, and Chinese wins ties."""
        tags = {"zh": Language.ZH, "en": Language.EN}
        language = tags[request.accept_languages.best_match(list(tags)) or "zh"]
        parts = request.cookies.get(LOOK_COOKIE, "").split(".")
        if len(parts) != 3:
            return cls(language=language)
        return cls(
            _member(Language, parts[0], language),
            _member(Mode, parts[1], Mode.STANDARD),
            _member(Theme, parts[2], Theme.AUTO),
        )

    def changed(self, *, language: str = "", mode: str = "", theme: str = "") -> Look:
        """Return the look with what is named replaced; unknown names change nothing."""
        return Look(
            _member(Language, language, self.language),
            _member(Mode, mode, self.mode),
            _member(Theme, theme, self.theme),
        )

    def cookie(self) -> str:
        """Return the cookie's value."""
        return f"{self.language}.{self.mode}.{self.theme}"
