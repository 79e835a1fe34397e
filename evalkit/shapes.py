"""JSON values to the shapes a sample is made of: a single text, choices, turns of a chat."""

from typing import cast

from evalkit.errors import DatasetError
from evalkit.records import Json, Message

__all__ = ["choice_texts", "message_turns", "single_text"]

_ROLES = ("system", "developer", "user", "assistant")


def single_text(value: Json, name: str) -> str:
    """Return a single value as text; true, false and null as JSON writes them.

    Raises:
        DatasetError: it is a list or an object; the message starts with `name`.
    """
    if isinstance(value, (list, dict)):
        raise DatasetError(
            f"{name}: must be a single value, not {'an object' if isinstance(value, dict) else 'a list'}"
        )
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def choice_texts(value: Json) -> tuple[str, ...] | None:
    """Return the texts of a list of choices; None stays None.

    Raises:
        DatasetError: it is not a list of single values, or is empty.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise DatasetError(f"fields.choices: must give a list with something in it, not {value!r:.80}")
    items = cast("list[Json]", value)
    if None in items:
        raise DatasetError("fields.choices: a choice is null")
    return tuple(single_text(item, "fields.choices") for item in items)


def message_turns(value: Json) -> tuple[Message, ...] | None:
    """Return the turns of a list of {role, content}; None stays None.

    Raises:
        DatasetError: it is something else, is empty, or has a role that no model knows.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise DatasetError(f"fields.messages: must give a list of {{role, content}}, not {value!r:.80}")
    return tuple(_message(item, place) for place, item in enumerate(cast("list[Json]", value), 1))


def _message(value: Json, place: int) -> Message:
    where = f"fields.messages: message {place}"
    turn = cast("dict[str, Json]", value) if isinstance(value, dict) else {}
    if set(turn) != {"role", "content"}:
        raise DatasetError(f"{where} must have role and content, and nothing else")
    role, content = turn["role"], turn["content"]
    if role not in _ROLES:
        raise DatasetError(f"{where} has the role {role!r}; known: {', '.join(_ROLES)}")
    if not isinstance(content, (str, list)):
        raise DatasetError(f"{where}: content must be text or a list of parts")
    return Message(role, content)
