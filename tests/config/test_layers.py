from pathlib import Path

from tests.config.written import GOOD, errors, load, write


def test_an_include_starts_at_the_including_file(tmp_path: Path) -> None:
    inner = tmp_path / "shared" / "deep"
    inner.mkdir(parents=True)
    write(inner, "run: {seed: 3}\n", "seed.yaml")
    write(tmp_path / "shared", "include: [deep/seed.yaml]\ndescription: shared\n", "base.yaml")
    config = load(tmp_path, f"{GOOD}include: [shared/base.yaml]\n").config
    assert (config.run.seed, config.description) == (3, "shared")


def test_later_includes_win_over_earlier_ones_and_the_file_over_all(tmp_path: Path) -> None:
    write(tmp_path, "run: {seed: 1, order: by_model}\ndescription: one\n", "one.yaml")
    write(tmp_path, "run: {seed: 2}\ndescription: two\n", "two.yaml")
    config = load(tmp_path, f"{GOOD}include: [one.yaml, two.yaml]\ndescription: own\n").config
    assert (config.run.seed, config.run.order, config.description) == (2, "by_model", "own")


def test_a_fragment_may_be_included_twice(tmp_path: Path) -> None:
    write(tmp_path, "run: {seed: 1}\n", "base.yaml")
    write(tmp_path, "include: [base.yaml]\n", "a.yaml")
    write(tmp_path, "include: [base.yaml]\n", "b.yaml")
    assert load(tmp_path, f"{GOOD}include: [a.yaml, b.yaml]\n").config.run.seed == 1


def test_a_fragment_brings_profiles_and_models(tmp_path: Path) -> None:
    write(tmp_path, "models: [big]\nprofiles: {ci: {run: {seed: 4}}}\n", "base.yaml")
    loaded = load(tmp_path, f"{GOOD.replace('models: [small]', '')}include: [base.yaml]\n", profile="ci")
    assert (loaded.config.models[0].id, loaded.config.run.seed) == ("big", 4)


def test_an_included_name_may_come_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "run: {seed: 7}\n", "prod.yaml")
    text = f"{GOOD}include: ['${{STAGE:-prod}}.yaml']\n"
    assert load(tmp_path, text).config.run.seed == 7
    assert errors(tmp_path, text, env={"STAGE": "test"}) == [
        "config.yaml:5:11: include.0: there is no file test.yaml; paths start at the including file"
    ]


def test_includes_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "include: [b.yaml]\n", "a.yaml")
    write(tmp_path, "include: [config.yaml]\n", "b.yaml")
    assert errors(tmp_path, f"{GOOD}include: [a.yaml]\n") == [
        "b.yaml:1:11: include.0: the files include each other: config.yaml -> a.yaml -> b.yaml -> config.yaml"
    ]


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    assert errors(tmp_path, f"{GOOD}include: [./config.yaml]\n") == [
        "config.yaml:5:11: include.0: the files include each other: config.yaml -> config.yaml"
    ]


def test_what_is_wrong_with_fragments_is_told_with_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "a: [\n", "broken.yaml")
    write(tmp_path, "", "empty.yaml")
    write(tmp_path, "run: {sed: 1}\n", "wrong.yaml")
    text = f"{GOOD}include: [gone.yaml, broken.yaml, empty.yaml, wrong.yaml]\nruns: {{}}\n"
    assert [line.split(": ")[0] for line in errors(tmp_path, text)] == [
        "config.yaml:5:11",
        "config.yaml:6:1",
        "broken.yaml:2:1",
        "empty.yaml:1:1",
        "wrong.yaml:1:7",
    ]


def test_an_include_that_cannot_be_named_is_never_passed_over(tmp_path: Path) -> None:
    assert errors(tmp_path, f"{GOOD}include: ['${{STAGE}}.yaml', 3]\n") == [
        "config.yaml:5:11: include.0: environment variable STAGE is not set; set it, or write ${STAGE:-default}",
        "config.yaml:5:28: include.1: must be text, not 3; write it in quotes",
    ]
    write(tmp_path, "include: [3]\n", "base.yaml")
    assert errors(tmp_path, f"{GOOD}include: [base.yaml]\n") == ["base.yaml:1:11: include.0: must be text, not 3"]
    write(tmp_path, "include: more.yaml\n", "base.yaml")
    assert errors(tmp_path, f"{GOOD}include: [base.yaml]\n") == [
        "base.yaml:1:10: include: must be a list, not 'more.yaml'"
    ]
