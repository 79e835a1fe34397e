"""Turns and memories: all at once, one failure among many, stopped by hand, who remembers what."""

import asyncio

import pytest

from evalkit.errors import ExitCode
from evalkit.playground import Conversation, Turn
from evalkit.records import FailureKind, Message, Prediction, PredictionOutcome
from tests.talking import HANG, Attempt, Talking, bound, broken
from tests.virtual_time import run_virtual, virtual_now


def conversation(*models: Talking, **spec: object) -> Conversation:
    return Conversation([bound(model, label, **spec) for model, label in zip(models, "abcdef", strict=False)])


def taken(chat: Conversation, prompt: str = "hello") -> Turn:
    turn = chat.ask(prompt)
    run_virtual(turn.run())
    chat.keep(turn)
    return turn


def test_all_models_are_asked_at_once() -> None:
    async def timed() -> float:
        await conversation(*[Talking([Attempt(["x"], gap_s=10)]) for _ in range(4)]).ask("hello").run()
        return virtual_now()

    assert run_virtual(timed()) == pytest.approx(10)


def test_one_failure_hides_no_other_answer() -> None:
    turn = taken(conversation(Talking([Attempt(["fine"])]), Talking([Attempt(end=broken(FailureKind.ACCESS))])))
    assert [answer.text for answer in turn.answers] == ["fine", ""]
    assert turn.exit_code is ExitCode.ACCESS
    assert turn.is_over


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ([], ExitCode.DONE),
        ([FailureKind.ACCESS], ExitCode.ACCESS),
        ([FailureKind.UNKNOWN_MODEL], ExitCode.ACCESS),
        ([FailureKind.QUOTA], ExitCode.INCOMPLETE),
        ([FailureKind.TRANSIENT], ExitCode.INCOMPLETE),
        ([FailureKind.REJECTED], ExitCode.USAGE),
        ([FailureKind.REFUSED], ExitCode.DONE),
        ([FailureKind.QUOTA, FailureKind.ACCESS], ExitCode.ACCESS),
        ([FailureKind.ACCESS, FailureKind.REJECTED], ExitCode.USAGE),
        ([FailureKind.NOT_RUN, FailureKind.REFUSED], ExitCode.INCOMPLETE),
    ],
    ids=lambda value: "+".join(map(str, value)) or "none" if isinstance(value, list) else value.name,
)
def test_the_gravest_failure_decides_the_exit_code(kinds: list[FailureKind], code: ExitCode) -> None:
    models = [Talking([Attempt(["fine"])]), *(Talking([Attempt(end=broken(kind))]) for kind in kinds)]
    assert taken(conversation(*models)).exit_code is code


def test_an_interrupt_ends_what_is_on_its_way_and_keeps_the_rest() -> None:
    quick, endless = Talking([Attempt(["whole"])]), Talking([Attempt(["par", "tial"], gap_s=HANG)])
    turn = conversation(quick, endless).ask("hello")

    async def stopped() -> None:
        running = asyncio.create_task(turn.run())
        await asyncio.sleep(1)
        turn.interrupt()
        await running

    run_virtual(stopped())
    first, second = turn.answers
    assert (first.text, first.failure) == ("whole", None)
    assert second.text == "partial"
    assert second.prediction is not None
    assert second.prediction.outcome is PredictionOutcome.NOT_RUN
    assert endless.cancelled == 1
    assert turn.exit_code is ExitCode.INTERRUPTED


def test_an_interrupt_before_the_first_call_is_heeded() -> None:
    model = Talking([Attempt(["par"], gap_s=HANG)])
    turn = conversation(model).ask("hello")
    turn.interrupt()
    run_virtual(turn.run())
    assert turn.is_over
    assert turn.exit_code is ExitCode.INTERRUPTED


def test_a_call_that_does_not_stop_is_left_behind() -> None:
    class Stubborn(Talking):
        async def predict(self, request: object, on_text: object = None) -> Prediction:
            while self.cancelled < 1_000:
                try:
                    await asyncio.sleep(3_600)
                except asyncio.CancelledError:
                    self.cancelled += 1
            raise AssertionError

    turn = Conversation([bound(Stubborn([]))]).ask("hello")

    async def stopped() -> float:
        running = asyncio.create_task(turn.run())
        await asyncio.sleep(1)
        turn.interrupt()
        await running
        return virtual_now()

    assert run_virtual(stopped()) < 10
    assert turn.is_over


def test_a_bug_in_a_model_is_not_swallowed() -> None:
    class Buggy(Talking):
        async def predict(self, request: object, on_text: object = None) -> Prediction:
            raise ZeroDivisionError

    turn = Conversation([bound(Buggy([])), bound(Talking([Attempt(["fine"])]), "b")]).ask("hello")
    with pytest.raises(ZeroDivisionError):
        run_virtual(turn.run())
    assert turn.answers[1].text == "fine"


def test_each_model_remembers_its_own_answers() -> None:
    one, two = Talking([Attempt(["I am one"])]), Talking([Attempt(["I am two"])])
    chat = conversation(one, two)
    taken(chat, "who are you?")
    taken(chat, "again?")
    assert one.requests[-1].messages == (
        Message("user", "who are you?"),
        Message("assistant", "I am one"),
        Message("user", "again?"),
    )
    assert two.requests[-1].messages[1] == Message("assistant", "I am two")


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(Attempt(["half"], broken(FailureKind.ACCESS)), id="failed"),
        pytest.param(Attempt(["<think>endless"]), id="only-reasoning"),
        pytest.param(Attempt([""]), id="empty"),
    ],
)
def test_a_turn_without_an_answer_is_not_remembered(attempt: Attempt) -> None:
    model = Talking([attempt, Attempt(["fine"])])
    chat = conversation(model)
    taken(chat, "first")
    taken(chat, "second")
    assert model.requests[-1].messages == (Message("user", "second"),)


def test_reasoning_is_not_remembered() -> None:
    model = Talking([Attempt(["<think>hm</think>four"])])
    chat = conversation(model)
    taken(chat)
    taken(chat)
    assert model.requests[-1].messages[1] == Message("assistant", "four")


def test_system_prompts_the_chats_own_goes_before_the_models() -> None:
    model = Talking([Attempt(["x"])])
    chat = conversation(model, system="of the config")
    taken(chat)
    assert model.requests[-1].messages[0] == Message("system", "of the config")
    chat.system = "of the person"
    taken(chat)
    assert model.requests[-1].messages[0] == Message("system", "of the person")
    chat.clear()
    taken(chat)
    assert len(model.requests[-1].messages) == 2
