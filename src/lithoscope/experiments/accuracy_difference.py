"""Difference of two runs' accuracies: paired on the same photographs, else of independent samples."""

import numpy as np
from scipy.stats import fisher_exact

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.bootstrap import effective_cases
from lithoscope.evaluation.statistics.paired import compare_pairs, in_words
from lithoscope.evaluation.statistics.proportions import newcombe
from lithoscope.gate.predictions import Predictions

_SEED = "one training"  # what compare_pairs would tell seeds apart by


def describe_difference(reference: Predictions, other: Predictions, *, same_set: bool) -> str:
    """Put the difference of two accuracies in words; ``better`` is in favour of ``other``.

    On the same photographs: exact McNemar test and paired bootstrap over groups of near-duplicates
    (:mod:`lithoscope.evaluation.statistics.paired`). On others, the two are taken for independent samples: Newcombe's
    interval (1998, method 10) and Fisher's exact test (1935), at the effective numbers of photographs where these come
    in groups; the words then begin with ``other photographs``.

    Args:
        reference: Predictions of one run.
        other: Predictions of the other one.
        same_set: Whether both read the same data set. Between two sets no difference is a model's alone, so that none
            is stated; nor is one between validation and test.
    """
    if not same_set:
        return "not comparable: another data set"
    if reference.split != other.split:
        return f"not comparable: {other.split} against {reference.split}"
    if reference.label_by_id() == other.label_by_id():
        grouped = min((other, reference), key=lambda one: len(set(one.groups)))  # either one may know of no groups
        groups = dict(zip(grouped.ids, grouped.groups, strict=True))
        second, first = ({_SEED: dict(zip(one.ids, map(bool, one.correct), strict=True))} for one in (reference, other))
        paired = compare_pairs(first, second, "experiments", other.split, groups=groups)
        assert paired is not None  # both read every photograph
        return paired.words
    now, before = (
        effective_cases(one.correct, one.groups, generator(0, "unpaired", name))
        for one, name in ((other, "other"), (reference, "reference"))
    )
    shares = float(other.correct.mean()), float(reference.correct.mean())
    hits = shares[0] * now, shares[1] * before
    table = np.array([[round(hits[0]), now - round(hits[0])], [round(hits[1]), before - round(hits[1])]])
    words = in_words(shares[0] - shares[1], newcombe(hits, (now, before)), [float(fisher_exact(table).pvalue)])
    return f"other photographs, unpaired: {words}"
