"""Orders and subsets depend on the seed and the ids alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evalkit.records import Sample
from evalkit.subset import draw, draw_stratified, shuffle

ids = st.lists(st.text(max_size=6), unique=True, max_size=40)
seeds = st.integers(0, 5)


def samples(names):
    return [Sample(id=name, input=name) for name in names]


def names(chosen):
    return [sample.id for sample in chosen]


@given(ids, seeds, st.randoms(use_true_random=False))
def test_a_shuffle_is_a_permutation_that_the_order_of_rows_cannot_change(given_ids, seed, random):
    shuffled = names(shuffle(samples(given_ids), seed))
    assert Counter(shuffled) == Counter(given_ids)
    random.shuffle(given_ids)
    assert names(shuffle(samples(given_ids), seed)) == shuffled


@given(ids, seeds, st.data())
def test_a_row_less_moves_no_other(given_ids, seed, data):
    gone = data.draw(st.sampled_from(given_ids)) if given_ids else None
    left = [name for name in given_ids if name != gone]
    assert names(shuffle(samples(left), seed)) == [n for n in names(shuffle(samples(given_ids), seed)) if n != gone]


@given(ids, st.integers(1, 50), seeds)
def test_a_draw_is_a_subset_in_order_and_smaller_draws_lie_in_larger_ones(given_ids, n, seed):
    drawn = names(draw(samples(given_ids), n, seed))
    assert len(drawn) == min(n, len(given_ids))
    assert drawn == [name for name in given_ids if name in drawn]
    assert set(drawn) <= set(names(draw(samples(given_ids), n + 1, seed)))


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 50), seeds)
def test_strata_keep_their_shares(strata, n, seed):
    stratum = dict(enumerate(strata))
    rows = samples(str(place) for place in stratum)
    drawn = draw_stratified(rows, n, seed, lambda sample: stratum[int(sample.id)])
    total = min(n, len(rows))
    assert len(drawn) == total
    assert drawn == [sample for sample in rows if sample in drawn]
    counts = Counter(stratum[int(sample.id)] for sample in drawn)
    for name, size in Counter(strata).items():
        assert abs(counts[name] - total * size / len(rows)) < 1


def test_seeds_differ_and_are_pinned():
    rows = samples("abcdefgh")
    assert names(shuffle(rows, 0)) != names(shuffle(rows, 1))
    assert "".join(names(shuffle(rows, 0))) == "bgefhacd"
    assert "".join(names(draw(rows, 3, 0))) == "bdg"
