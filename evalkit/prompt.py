"""A sample and a template to the messages that are sent; few-shot samples are put before it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jinja2 import Template

from evalkit.choices import LETTERS, present_choices, target_letters
from evalkit.config.questions import PartSpec
from evalkit.config.schema import MessageSpec, PromptSpec
from evalkit.content_parts import place_images
from evalkit.digest import digest_json
from evalkit.errors import ConfigError
from evalkit.few_shot import select_shots
from evalkit.prompt_content import ContentTemplate
from evalkit.records import Json, Message, Sample
from evalkit.targets import TargetError, target_texts
from evalkit.templates import SAMPLE_VARIABLES, compile_template, render_template, template_variables

__all__ = ["DEFAULT_TEMPLATE", "SAMPLE_VARIABLES", "PromptTemplate", "present_choices", "select_shots"]

DEFAULT_TEMPLATE = "{{ input }}"
"""The prompt when none is written: the input alone, or the sample's own messages where it has some."""

_CHOICE_TEMPLATE = "{{ letter }}. {{ choice }}"


class _Choices(tuple[str, ...]):  # noqa: SLOT001  a tuple cannot have slots with a value
    """The texts of the choices: a sequence for loops, the formatted list when written out."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A compiled prompt: one or more templates with their roles, and an optional system message.

    `variables` are the names the templates need, `digest` names the prompt as written; the system prompt of a model
    is not in it.
    """

    variables: frozenset[str]
    digest: str
    system: str | None = None
    _parts: tuple[tuple[str, ContentTemplate], ...] = field(default=(), repr=False, compare=False)
    _choice: Template | None = field(default=None, repr=False, compare=False)
    _is_default: bool = field(default=False, repr=False, compare=False)
    _drops_system: bool = field(default=False, repr=False, compare=False)

    @classmethod
    def compile(
        cls, prompt: str | Sequence[MessageSpec] | PromptSpec, *, system: str | None = None
    ) -> "PromptTemplate":
        """Return the compiled prompt.

        `system` is the model's own system prompt, sent as it is; it wins over every system message of the prompt,
        and an empty one means none. A prompt's own `system` is a template like the rest.

        Raises:
            ConfigError: a template does not parse, or uses `target`, which only few-shot samples may show.
        """
        spec = _spec(prompt)
        sources = _sources(spec, system)
        choice_source = spec.choices_format or _CHOICE_TEMPLATE
        parts = tuple((role, ContentTemplate.compile(source, role)) for role, source in sources)
        names = {name for _, content in parts for name in content.variables}
        stray = template_variables(choice_source) - {"letter", "choice"}
        if stray:
            raise ConfigError(f"prompt: choices_format knows letter and choice only, not {', '.join(sorted(stray))}")
        if "target" in names:
            raise ConfigError("prompt: a template may not use target: the model would be shown the answer")
        return cls(
            variables=frozenset(names),
            digest=digest_json(spec.model_dump(mode="json")),
            system=system or None,
            _parts=parts,
            _choice=None if spec.choices_format is None else compile_template(choice_source),
            _is_default=[(role, _is_input(source)) for role, source in sources if role != "system"] == [("user", True)],
            _drops_system=system is not None,
        )

    def render(self, sample: Sample, shots: Sequence[Sample] = ()) -> tuple[Message, ...]:
        """Return the messages for one sample, `shots` before it, each as question and answer.

        With the default prompt a sample's own messages are sent in its place, and an input of content parts stays one.
        Images are in the messages by reference, those of a shot in its own question.

        Raises:
            ConfigError: a template cannot be rendered; the message names the sample and the variable.
        """
        turns = self._turns(sample)
        if self._drops_system:
            turns = [turn for turn in turns if turn.role != "system"]
        lead = [Message("system", self.system)] if self.system else []
        if not shots:
            return (*lead, *turns)
        while turns and turns[0].role == "system":
            lead.append(turns.pop(0))
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
        turns = self._said(sample)
        try:
            return place_images(turns, sample.images)
        except ConfigError as error:
            raise ConfigError(f"prompt: sample {sample.id!r}: {error}") from None

    def _said(self, sample: Sample) -> list[Message]:
        parts, own = self._parts, self._own_turns(sample)
        if own:
            parts = tuple(part for part in parts if part[0] == "system")
            if not parts:
                return own
            own = [turn for turn in own if turn.role != "system"]
        context = self._context(sample)
        return [*(Message(role, content.render(context, sample)) for role, content in parts), *own]

    def _own_turns(self, sample: Sample) -> list[Message]:
        """Return what the default prompt sends as it is: the sample's messages, or its input."""
        if self._is_default and sample.messages is not None:
            return list(sample.messages)
        question: Json = sample.input
        return [Message("user", question)] if self._is_default and isinstance(question, (str, list)) else []

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
            lines = [
                render_template(self._choice, {"letter": letter, "choice": text}, sample) for letter, text in pairs
            ]
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


def _is_input(source: str | Sequence[PartSpec]) -> bool:
    return isinstance(source, str) and source.replace(" ", "").strip() == DEFAULT_TEMPLATE.replace(" ", "")


def _sources(spec: PromptSpec, system: str | None) -> list[tuple[str, str | list[PartSpec]]]:
    """Return role and source of each message; the model's system prompt takes the place of all others."""
    sources: list[tuple[str, str | list[PartSpec]]]
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
    except TargetError as error:
        raise ConfigError(f"prompt: a few-shot sample cannot be shown: {error}") from None
