"""Wilcoxon's signed-rank test against scipy, and against every assignment of signs."""
import ctypes as c
import itertools

import numpy as np
import pytest
import scipy.stats
from frugalseg_library import library


class Wilcoxon(c.Structure):
    _fields_ = [("pairs", c.c_size_t), ("rank_sum", c.c_double), ("p", c.c_double),
                ("median", c.c_double)]


def wilcoxon(differences):
    values = (c.c_double * len(differences))(*differences)
    result = Wilcoxon()
    assert library.fseg_wilcoxon(values, c.c_size_t(len(differences)), c.byref(result)) == 0
    return result


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 13, 25, 50])
def test_p_and_rank_sum_are_those_of_scipy(count):
    differences = np.random.default_rng(count).normal(0.3, 1, count)
    expected = scipy.stats.wilcoxon(differences, method="exact")
    result = wilcoxon(differences)
    assert result.p == pytest.approx(expected.pvalue, abs=1e-12)
    total = count * (count + 1) / 2
    assert min(result.rank_sum, total - result.rank_sum) == pytest.approx(expected.statistic)
    assert result.median == pytest.approx(np.median(differences), abs=1e-15)


@pytest.mark.parametrize("differences", [
    [0.1, 0.1, 0.2], [0.1, -0.1, 0.1, 0.3], [0.5, 0.5, -0.5, 0.5, 0.25, -0.25, 1.0]])
def test_ties_are_exact_too(differences):
    differences = np.array(differences)
    ranks = scipy.stats.rankdata(np.abs(differences))
    observed = ranks[differences > 0].sum()
    middle = ranks.sum() / 2
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=len(ranks))]
    expected = np.mean([abs(s - middle) >= abs(observed - middle) - 1e-12 for s in sums])
    assert wilcoxon(differences).p == pytest.approx(expected, abs=1e-12)


def test_zeros_are_left_out_and_nothing_to_compare_gives_one():
    assert wilcoxon([0.0, 0.4, -0.1, 0.0, 0.2]).p == wilcoxon([0.4, -0.1, 0.2]).p
    assert wilcoxon([0.0, 0.4, -0.1, 0.0, 0.2]).pairs == 3
    assert wilcoxon([0.0, 0.0]).p == 1
    assert wilcoxon([]).p == 1


def test_what_is_no_number_is_refused():
    result = Wilcoxon()
    values = (c.c_double * 2)(0.1, float("nan"))
    assert library.fseg_wilcoxon(values, c.c_size_t(2), c.byref(result)) != 0
    assert library.fseg_wilcoxon(values, c.c_size_t(501), c.byref(result)) != 0
