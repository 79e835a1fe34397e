"""A sample and a template to the messages that are sent; few-shot samples are put before it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalkit.choices import LETTERS, present_choices, target_letters
from evalkit.config.schema import MessageSpec, PromptSpec
from evalkit.digest import digest_json
from evalkit.errors import ConfigError
from evalkit.few_shot import select_shots
from evalkit.records import Json, Message, Sample
from evalkit.registry import nearest
from evalkit.targets import target_texts

__all__ = ["DEFAULT_TEMPLATE", "SAMPLE_VARIABLES", "PromptTemplate", "present_choices", "select_shots"]

DEFAULT_TEMPLATE = "{{ input }}"
"""The prompt when none is written: the input alone, or the sample's own messages where it has some."""

SAMPLE_VARIABLES = frozenset({"choices", "id", "input"})
"""What a template sees of every sample beside the columns of its row; these win over columns of the same name."""

_CHOICE_TEMPLATE = "{{ letter }}. {{ choice }}"


class _Choices(tuple[str, ...]):
    """The texts of the choices: a sequence for loops, the formatted list when written out."""

    text: str

    def __str__(self) -> str:
        return self.text


class _NullError(TypeError):
    """A template wrote a value that is null."""


def _write(value: object) -> object:
    """Write what a template outputs: text as it is, lists and mappings as JSON, null not at all."""
    if isinstance(value, str) or (isinstance(value, (int, float, _Choices)) and not isinstance(value, bool)):
        return value
    if value is None:
        raise _NullError("a value is null; write {{ name or '' }} if it may be")
    if isinstance(value, (bool, list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False)
    return value


_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False, finalize=_write
)


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A compiled prompt: one or more templates with their roles, and an optional system message.

    `variables` are the names the templates need, `digest` names the prompt as written; the system prompt of a model
    is not in it.
    """

    variables: frozenset[str]
    digest: str
    system: str | None = None
    _parts: tuple[tuple[str, Template], ...] = field(default=(), repr=False, compare=False)
    _choice: Template | None = field(default=None, repr=False, compare=False)
    _is_default: bool = field(default=False, repr=False, compare=False)

    @classmethod
    def compile(cls, prompt: str | Sequence[MessageSpec] | PromptSpec, *, system: str | None = None) -> "PromptTemplate":
        """Return the compiled prompt.

        `system` is the model's own system prompt, sent as it is; it wins over every system message of the prompt,
        and an empty one means none. A prompt's own `system` is a template like the rest.

        Raises:
            ConfigError: a template does not parse, or uses `target`, which only few-shot samples may show.
        """
        spec = _spec(prompt)
        sources = _sources(spec, system)
        choice_source = spec.choices_format or _CHOICE_TEMPLATE
        names = {name for _, source in sources for name in _names(source)}
        stray = _names(choice_source) - {"letter", "choice"}
        if stray:
            raise ConfigError(f"prompt: choices_format knows letter and choice only, not {', '.join(sorted(stray))}")
        if "target" in names:
            raise ConfigError("prompt: a template may not use target: the model would be shown the answer")
        return cls(
            variables=frozenset(names),
            digest=digest_json(spec.model_dump(mode="json")),
            system=system or None,
            _parts=tuple((role, _compiled(source)) for role, source in sources),
            _choice=None if spec.choices_format is None else _compiled(choice_source),
            _is_default=[_is_input(source) for role, source in sources if role != "system"] == [True],
        )

    def render(self, sample: Sample, shots: Sequence[Sample] = ()) -> tuple[Message, ...]:
        """Return the messages for one sample, `shots` before it, each as question and answer.

        With the default prompt a sample's own messages are sent in its place, and an input of content parts stays one.

        Raises:
            ConfigError: a template cannot be rendered; the message names the sample and the variable.
        """
        own = self._turns(sample)
        lead = [Message("system", self.system)] if self.system else [turn for turn in own if turn.role == "system"]
        turns = [turn for turn in own if turn.role != "system"]
        if not shots:
            return (*lead, *turns)
        examples: list[Message] = []
        for shot in shots:
            examples.extend(turn for turn in self._turns(shot) if turn.role != "system")
            examples.append(Message("assistant", _answer(shot)))
        return (*lead, *examples, *turns)

    def leaking(self, samples: Iterable[Sample]) -> tuple[str, ...]:
        """Return the columns used here that are the target in every one of `samples`: they would show the answer."""
        suspects = self.variables - SAMPLE_VARIABLES
        distinct: set[str] = set()
        for sample in samples:
            suspects = {name for name in suspects if sample.fields.get(name) == sample.target}
            distinct.add(str(sample.target))
            if not suspects:
                return ()
        return tuple(sorted(suspects)) if len(distinct) > 1 else ()

    def _turns(self, sample: Sample) -> list[Message]:
        parts, own = self._parts, list[Message]()
        if self._is_default and sample.messages is not None:
            parts = tuple(part for part in parts if part[0] == "system")
            own = [turn for turn in sample.messages if not parts or turn.role != "system"]
        elif self._is_default and isinstance(sample.input, (str, list)):
            parts = tuple(part for part in parts if part[0] == "system")
            own = [Message("user", sample.input)]
        if not parts:
            return own
        context = self._context(sample)
        return [*(Message(role, _render(template, context, sample)) for role, template in parts), *own]

    def _context(self, sample: Sample) -> dict[str, Json]:
        fields = sample.fields
        context = {name: fields[name] for name in self.variables if name in fields}
        if "input" in self.variables:
            context["input"] = sample.input
        if "id" in self.variables:
            context["id"] = sample.id
        if "choices" in self.variables:
            context.pop("choices", None)
            if sample.choices is not None:
                context["choices"] = self._choices(sample)
        return context

    def _choices(self, sample: Sample) -> _Choices:
        texts = sample.choices or ()
        if len(texts) > len(LETTERS):
            raise ConfigError(f"prompt: sample {sample.id!r} has {len(texts)} choices; letters end at Z")
        shown = _Choices(texts)
        if self._choice is None:
            lines = [f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False)]
        else:
            pairs = zip(LETTERS, texts, strict=False)
            lines = [_render(self._choice, {"letter": letter, "choice": text}, sample) for letter, text in pairs]
        shown.text = "\n".join(lines)
        return shown


def _spec(prompt: str | Sequence[MessageSpec] | PromptSpec) -> PromptSpec:
    spec = prompt
    if isinstance(spec, str):
        spec = PromptSpec(template=spec)
    elif not isinstance(spec, PromptSpec):
        spec = PromptSpec(messages=list(spec))
    if spec.template is not None and spec.messages is not None:
        raise ConfigError("prompt: template and messages exclude each other; keep one")
    if spec.messages == []:
        raise ConfigError("prompt: messages is empty; write at least one")
    return spec


def _is_input(source: str) -> bool:
    return source.replace(" ", "").strip() == DEFAULT_TEMPLATE.replace(" ", "")


def _sources(spec: PromptSpec, system: str | None) -> list[tuple[str, str]]:
    """Return role and source of each message; the model's system prompt takes the place of all others."""
    if spec.messages is not None:
        sources = [(str(message.role), message.content) for message in spec.messages]
    else:
        sources = [("user", spec.template if spec.template is not None else DEFAULT_TEMPLATE)]
    if spec.system is not None:
        sources = [("system", spec.system), *(part for part in sources if part[0] != "system")]
    return [part for part in sources if part[0] != "system"] if system is not None else sources


def _answer(shot: Sample) -> str:
    """Write a few-shot sample's target as the model should write it: a letter where the target is an index."""
    try:
        if shot.choices and not isinstance(shot.target, str):
            return ", ".join(target_letters(shot))
        return target_texts(shot)[0]
    except ValueError as error:
        raise ConfigError(f"prompt: a few-shot sample cannot be shown: {error}") from None


def _render(template: Template, context: Mapping[str, Json], sample: Sample) -> str:
    try:
        return template.render(context)
    except UndefinedError as error:
        raise ConfigError(f"prompt: sample {sample.id!r}: {error.message}{_hint(error, sample)}") from None
    except _NullError as error:
        nulls = sorted(name for name, value in context.items() if value is None)
        raise ConfigError(f"prompt: sample {sample.id!r}: {', '.join(nulls) or 'an expression'}: {error}") from None
    except TemplateError as error:
        raise ConfigError(f"prompt: sample {sample.id!r}: {error}") from None
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001  a filter may raise anything on a value it does not expect
        raise ConfigError(f"prompt: sample {sample.id!r}: {type(error).__name__}: {error}") from None


def _hint(error: UndefinedError, sample: Sample) -> str:
    message = error.message or ""
    if not message.endswith("is undefined"):
        return ""
    word = message.split("'")[1] if "'" in message else message
    if word == "choices":
        return "; the dataset has no choices, set fields.choices"
    return nearest(word, {*SAMPLE_VARIABLES, *sample.fields} - {"target"})


@lru_cache(maxsize=256)
def _names(source: str) -> frozenset[str]:
    try:
        return frozenset(meta.find_undeclared_variables(_environment.parse(source)))
    except TemplateSyntaxError as error:
        raise ConfigError(f"prompt: line {error.lineno} of the template: {error.message}") from None


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    _names(source)
    return _environment.from_string(source)
