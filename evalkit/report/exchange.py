"""The block of a report that holds two answers to one sample beside each other."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Answer", "Exchange"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One side's answer to a sample: whose, the mark beside it, the text, and what is to be said under it."""

    title: str
    mark: str
    style: Literal["ok", "zero", "bad", "part"]
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A sample with two answers beside each other; `change` says in a word what became of it."""

    title: str
    change: str
    question: str
    target: str
    answers: tuple[Answer, Answer]
