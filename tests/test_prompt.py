"""Samples and templates to messages; few-shot samples before them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.schema import FewShotSpec, MessageSpec, PromptSpec
from evalkit.errors import ConfigError
from evalkit.prompt import PromptTemplate, select_shots
from evalkit.records import Message, Sample

SAMPLE = Sample(
    "q1",
    "What?",
    target=1,
    choices=("left", "right"),
    fields={"topic": "maps", "empty": None, "deep": {"a": [1]}, "flag": True, "target": 1, "answer": 1, "input": "raw"},
)


def user(text):
    return Message("user", text)


def system(text):
    return Message("system", text)


def rendered(prompt, sample=SAMPLE, shots=(), system=None):
    return PromptTemplate.compile(prompt, system=system).render(sample, shots)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ input }}", "What?"),
        ("{{ topic }}: {{ input }} ({{ id }})", "maps: What? (q1)"),
        ("{{ choices }}", "A. left\nB. right"),
        ("{% for c in choices %}[{{ c }}]{% endfor %}{{ choices | length }}", "[left][right]2"),
        ("{{ deep }} {{ deep.a }} {{ flag }}", '{"a": [1]} [1] true'),
        ("{{ empty or '-' }}", "-"),
        ("a <b> & {{ '<i>' }}\n", "a <b> & <i>"),
        ("{{ topic | upper }}", "MAPS"),
    ],
)
def test_templates(template, text):
    assert rendered(template) == (user(text),)


def test_a_choice_has_its_own_format():
    spec = PromptSpec(template="{{ choices }}", choices_format="({{ letter }}) {{ choice }}")
    assert rendered(spec) == (user("(A) left\n(B) right"),)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ topc }}", "'q1'.*'topc' is undefined; did you mean 'topic'"),
        ("{{ empty }}", "'q1'.*empty.*null"),
        ("{{ deep.b }}", "'q1'.*no attribute 'b'"),
        ("{{ ''.__class__ }}", "unsafe"),
        ("{{ deep.update(a=1) }}", "unsafe"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ range(10 ** 9) | list }}", "Range too big"),
    ],
)
def test_what_cannot_be_rendered_names_sample_and_variable(template, told):
    with pytest.raises(ConfigError, match=told):
        rendered(template)


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("{{ input", "line 1"),
        ("a\n{% if %}", "line 2"),
        ("{{ x | nofilter }}", "nofilter"),
        ("{{ target }}", "may not use target"),
        ([MessageSpec(role="user", content="{{ target[0] }}")], "may not use target"),
        (PromptSpec(template="x", messages=[MessageSpec(role="user", content="y")]), "exclude"),
        (PromptSpec(messages=[]), "empty"),
        (PromptSpec(template="x", choices_format="{{ leter }}"), "leter"),
    ],
    ids=str,
)
def test_a_wrong_prompt_is_found_when_it_is_compiled(prompt, told):
    with pytest.raises(ConfigError, match=told):
        PromptTemplate.compile(prompt, system=None)


def test_choices_must_be_there():
    with pytest.raises(ConfigError, match=r"fields\.choices"):
        rendered("{{ choices }}", Sample("q", "x"))
    with pytest.raises(ConfigError, match="letters end at Z"):
        rendered("{{ choices }}", Sample("q", "x", choices=tuple("x" * 27)))


OWN = Sample("m", "hi", messages=(system("S"), user("hi"), Message("assistant", "yes?"), user("so")))


@pytest.mark.parametrize(
    ("prompt", "model_system", "sample", "messages"),
    [
        pytest.param("{{ input }}", "M", SAMPLE, (system("M"), user("What?")), id="model-system"),
        pytest.param(PromptSpec(system="{{ topic }}"), None, SAMPLE, (system("maps"), user("What?")), id="own-system"),
        pytest.param(PromptSpec(system="P"), "{{ M }}", SAMPLE, (system("{{ M }}"), user("What?")), id="model-wins"),
        pytest.param(PromptSpec(system="P"), "", SAMPLE, (user("What?"),), id="empty-means-none"),
        pytest.param(
            [MessageSpec(role="system", content="L"), MessageSpec(role="user", content="{{ id }}")],
            None,
            SAMPLE,
            (system("L"), user("q1")),
            id="messages",
        ),
        pytest.param(
            [MessageSpec(role="system", content="L"), MessageSpec(role="user", content="{{ id }}")],
            "M",
            SAMPLE,
            (system("M"), user("q1")),
            id="model-wins-over-messages",
        ),
        pytest.param("{{ input }}", None, OWN, OWN.messages, id="default-sends-own-messages"),
        pytest.param("{{input}}\n", None, OWN, OWN.messages, id="default-however-written"),
        pytest.param("{{ input }}", "M", OWN, (system("M"), *OWN.messages[1:]), id="model-wins-over-own-messages"),
        pytest.param(PromptSpec(system="P"), None, OWN, (system("P"), *OWN.messages[1:]), id="prompt-wins-too"),
        pytest.param("{{ input }}", "", OWN, OWN.messages[1:], id="empty-drops-the-own-system"),
        pytest.param("Q: {{ input }}", None, OWN, (user("Q: hi"),), id="a-written-prompt-wins"),
        pytest.param(
            "{{ input }}",
            None,
            Sample("i", [{"type": "text", "text": "x"}]),
            (user([{"type": "text", "text": "x"}]),),
            id="content-parts-stay",
        ),
        pytest.param("{{ input }}", None, Sample("n", 7), (user("7"),), id="number"),
        pytest.param("{{ input }}", None, Sample("n", {"a": "é"}), (user('{"a": "é"}'),), id="mapping"),
        pytest.param(
            [MessageSpec(role="assistant", content="{{ input }}")],
            None,
            SAMPLE,
            (Message("assistant", "What?"),),
            id="another-role-is-not-the-default",
        ),
    ],
)
def test_who_says_what(prompt, model_system, sample, messages):
    assert rendered(prompt, sample, system=model_system) == messages


def test_shots_are_questions_with_answers():
    shots = [
        Sample("s1", "one", target="1"),
        Sample("s2", "two", target=1, choices=("a", "b")),
        Sample("s3", "three", target=["x", "y"]),
        Sample("s4", "four", target=4),
    ]
    said = rendered(PromptSpec(template="Q: {{ input }}", system="S"), SAMPLE, shots)
    assert [message.content for message in said] == [
        *("S", "Q: one", "1", "Q: two", "B", "Q: three", "x", "Q: four", "4", "Q: What?"),
    ]
    assert [message.role for message in said] == ["system", *["user", "assistant"] * 4, "user"]
    with pytest.raises(ConfigError, match="'s5'"):
        rendered("{{ input }}", SAMPLE, [Sample("s5", "x")])


def test_the_digest_names_the_prompt_as_written():
    written = PromptTemplate.compile("{{ input }}", system=None)
    assert written.digest == PromptTemplate.compile("{{ input }}", system="M").digest
    assert written.digest == PromptTemplate.compile(PromptSpec(template="{{ input }}"), system=None).digest
    assert written.digest != PromptTemplate.compile("{{ input }}.", system=None).digest
    assert written.digest != PromptTemplate.compile(PromptSpec(template="{{ input }}", system="x"), system=None).digest


def test_variables():
    prompt = PromptSpec(template="{{ a }}{% set b = 1 %}{{ b }}{{ c.d }}", system="{{ e }}")
    assert PromptTemplate.compile(prompt, system=None).variables == {"a", "c", "e"}
    assert PromptTemplate.compile(prompt, system="M").variables == {"a", "c"}


def test_a_column_that_is_the_target_is_found():
    template = PromptTemplate.compile("{{ input }} {{ answer }} {{ topic }}", system=None)
    samples = [Sample(str(n), "?", target=n, fields={"answer": n, "topic": n % 2}) for n in range(4)]
    assert template.leaking(samples) == ("answer",)
    assert template.leaking(samples[:1]) == ()
    assert PromptTemplate.compile("{{ input }}", system=None).leaking(samples) == ()


POOL = tuple(Sample(str(n), f"i{n}", target=str(n), digest=f"d{n}") for n in range(12))


def spec(**options):
    return FewShotSpec.model_validate({"dataset": "pool", "n": 4, **options})


@pytest.mark.parametrize("select", ["first", "random", "fixed"])
@given(place=st.integers(0, 11), seed=st.integers(0, 3))
def test_shots_are_never_the_question(select, place, seed):
    shots = select_shots(spec(select=select, seed=seed), POOL, POOL[place])
    assert len({shot.id for shot in shots}) == 4
    assert POOL[place] not in shots
    assert shots == select_shots(spec(select=select, seed=seed), POOL, POOL[place])


def test_how_shots_are_selected():
    elsewhere = [Sample(f"t{n}", f"other {n}") for n in range(6)]
    assert select_shots(spec(), POOL, elsewhere[0]) == POOL[:4]

    def ways(samples, **options):
        return {tuple(shot.id for shot in select_shots(spec(**options), POOL, sample)) for sample in samples}

    assert len(ways(elsewhere, select="fixed")) == 1
    assert len(ways(elsewhere, select="random")) > 1
    assert ways(elsewhere, select="random", seed=1) != ways(elsewhere, select="random")
    assert ways(elsewhere, select="fixed", seed=1) != ways(elsewhere, select="fixed")


def test_the_same_question_under_another_id_is_passed_over():
    assert "0" not in {shot.id for shot in select_shots(spec(), POOL, Sample("other", "i0"))}


def test_a_pool_too_small_is_an_error():
    with pytest.raises(ConfigError, match="only 11 beside sample '3'"):
        select_shots(spec(n=12), POOL, POOL[3])
