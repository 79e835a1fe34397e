"""The content of one message of a prompt: a template, or parts, some of which are places for images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Template

from evalkit.config.questions import PartSpec
from evalkit.content_parts import PLACE
from evalkit.errors import ConfigError
from evalkit.records import Json, Sample
from evalkit.templates import compile_template, render_template, template_variables

__all__ = ["ContentTemplate"]


@dataclass(frozen=True, slots=True)
class ContentTemplate:
    """A message's content, compiled; `variables` are the names its templates need."""

    variables: frozenset[str]
    _whole: Template | None = None
    _parts: tuple[Template | Mapping[str, Json], ...] = ()

    @classmethod
    def compile(cls, source: str | Sequence[PartSpec], role: str = "user") -> "ContentTemplate":
        """Return the compiled content of a message.

        Raises:
            ConfigError: a template does not parse, a part is not whole, or images go to another role than user.
        """
        if isinstance(source, str):
            return cls(template_variables(source), compile_template(source))
        for part in source:
            _check(part, role)
        texts = [part.text for part in source if part.text is not None]
        variables = frozenset(name for text in texts for name in template_variables(text))
        return cls(variables, None, tuple(_part(part) for part in source))

    def render(self, context: Mapping[str, Json], sample: Sample) -> Json:
        """Return the content for a sample: text, or parts; places for images are left out where it has none.

        Raises:
            ConfigError: a template cannot be rendered.
        """
        if self._whole is not None:
            return render_template(self._whole, context, sample)
        return [
            {"type": "text", "text": render_template(part, context, sample)} if isinstance(part, Template) else part
            for part in self._parts
            if isinstance(part, Template) or sample.images
        ]


def _check(part: PartSpec, role: str) -> None:
    if part.type == "text" and (part.text is None or part.detail is not None):
        raise ConfigError("prompt: a part of type text has text, and nothing else")
    if part.type == PLACE and part.text is not None:
        raise ConfigError("prompt: a part of type image stands for the sample's images and has no text")
    if part.type == PLACE and role != "user":
        raise ConfigError(f"prompt: images go into a user message, not one of {role}")


def _part(part: PartSpec) -> Template | Mapping[str, Json]:
    if part.text is not None:
        return compile_template(part.text)
    return {"type": PLACE} if part.detail is None else {"type": PLACE, "detail": part.detail}
