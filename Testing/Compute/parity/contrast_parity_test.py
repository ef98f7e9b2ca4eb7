"""Contrastive losses against PyTorch, written there as masks over the whole similarity matrix."""
import ctypes as c

import numpy as np
import pytest
import torch

import frugalseg_library as fs


class PairSet(c.Structure):
    _fields_ = [("anchors", c.c_size_t), ("anchor", c.POINTER(c.c_uint32)),
                ("positive_start", c.POINTER(c.c_size_t)), ("positive", c.POINTER(c.c_uint32)),
                ("negative_start", c.POINTER(c.c_size_t)), ("negative", c.POINTER(c.c_uint32))]


class ContrastOptions(c.Structure):
    _fields_ = [("form", c.c_int), ("temperature", c.c_double), ("normalization", c.c_double),
                ("epsilon", c.c_double)]


class CclOptions(c.Structure):
    _fields_ = [("neighbours", c.c_size_t), ("include_self", c.c_int)]


PAIRWISE, SUPCON, SET_WISE = range(3)


def ours(pairs, z, tau, form=PAIRWISE, normalization=0.0, epsilon=0.0):
    options = ContrastOptions(form, tau, normalization, epsilon)
    loss, gradient = c.c_double(), np.empty_like(z)
    function = fs.library.fseg_contrast_f32 if z.dtype == np.float32 else fs.library.fseg_contrast_f64
    assert 0 == function(c.byref(options), c.byref(pairs), fs.pointer(z), c.c_size_t(len(z)),
                         c.c_size_t(z.shape[1]), c.byref(loss), fs.pointer(gradient))
    fs.library.fseg_pair_set_free(c.byref(pairs))
    return loss.value, gradient


def made(function, *arguments):
    pairs = PairSet()
    assert 0 == function(*arguments, c.byref(pairs))
    return pairs


def similarities(z, tau):
    u = torch.nn.functional.normalize(z, dim=1)
    return u @ u.T / tau


def masked_loss(s, positive, negative, supcon=False):
    """Mean over anchors of the mean over positives of -log(e^sp / (e^sp + sum_n e^sn))."""
    minus = torch.tensor(-torch.inf, dtype=s.dtype)
    log_n = torch.where(negative, s, minus).logsumexp(1, keepdim=True)
    log_p = torch.where(positive, s, minus).logsumexp(1, keepdim=True)
    bottom = torch.logaddexp(log_p, log_n).expand_as(s) if supcon else torch.logaddexp(s, log_n)
    terms = torch.where(positive, bottom - s, torch.zeros((), dtype=s.dtype))
    return (terms.sum(1) / positive.sum(1)).mean()


def check(pairs, z, expected, tau, form=PAIRWISE, **options):
    """Double to rounding; single to 1e-5 in the value and 1e-4 in the gradient."""
    leaf = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    loss = expected(leaf)
    loss.backward()
    scale = leaf.grad.abs().max().item()
    for dtype, value_limit, gradient_limit in ((np.float64, 1e-10, 1e-9), (np.float32, 1e-5, 1e-4)):
        value, gradient = ours(pairs(dtype), z.astype(dtype), tau, form, **options)
        assert value == pytest.approx(loss.item(), rel=value_limit)
        assert np.abs(gradient - leaf.grad.numpy()).max() <= gradient_limit * scale


def vectors(count, dim=128, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (count, dim)).astype(np.float32)


@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_ntxent_agrees_with_cross_entropy_of_the_similarity_matrix(tau):
    n = 12

    def expected(z):  # the usual formulation: classify the partner among all others
        s = similarities(z, tau)
        s = s - torch.diag(torch.full((2 * n,), 1e9, dtype=s.dtype))
        return torch.nn.functional.cross_entropy(s, (torch.arange(2 * n) + n) % (2 * n))

    check(lambda _: made(fs.library.fseg_pairs_ntxent, c.c_size_t(n)), vectors(2 * n), expected, tau)


@pytest.mark.parametrize("partitions,volumes", [(3, 4), (4, 3)])
def test_slice_partitions_agree(partitions, volumes):
    b = partitions * volumes
    index = torch.arange(3 * b)
    same = (index[:, None] % b) == (index[None] % b)
    positive = same & ~torch.eye(3 * b, dtype=bool)
    negative = (index[:, None] % b % partitions) != (index[None] % b % partitions)
    check(lambda _: made(fs.library.fseg_pairs_partition, c.c_size_t(b), 3, partitions),
          vectors(3 * b), lambda z: 2 * masked_loss(similarities(z, 0.1), positive, negative), 0.1,
          normalization=3 * b / 2)


def test_pairs_of_draws_agree():
    partitions, b = 4, 8
    positive = torch.zeros(4 * b, 4 * b, dtype=bool)
    for k in range(b):
        xi, xi2, xj, xj2 = k, k + b, k + 2 * b, k + 3 * b
        for i, j in ((xi, xi2), (xi, xj), (xj, xj2), (xi2, xj2)):
            positive[i, j] = positive[j, i] = True
    part = torch.arange(4 * b) % b % partitions
    negative = part[:, None] != part[None]
    check(lambda _: made(fs.library.fseg_pairs_partition_pairs, c.c_size_t(b), partitions),
          vectors(4 * b), lambda z: masked_loss(similarities(z, 0.1), positive, negative), 0.1)


def test_positions_agree():
    n, threshold = 16, 0.1
    position = np.random.default_rng(2).random(n)
    both = torch.tensor(np.concatenate([position, position]))
    own = torch.arange(2 * n) % n
    others = ~torch.eye(2 * n, dtype=bool)
    near = (both[:, None] - both[None]).abs() < threshold
    positive = (near | (own[:, None] == own[None])) & others
    check(lambda _: made(fs.library.fseg_pairs_position, c.c_size_t(n), fs.pointer(position),
                         c.c_double(threshold)),
          vectors(2 * n), lambda z: masked_loss(similarities(z, 0.1), positive, others & ~positive,
                                                supcon=True), 0.1, SUPCON)


@pytest.mark.parametrize("include_self", [0, 1])
@pytest.mark.parametrize("form", [PAIRWISE, SET_WISE])
def test_constrained_contrast_agrees(form, include_self):
    count, k, tau, epsilon = 400, 100, 0.1, 1e-7
    z = vectors(count, 64, seed=3)
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, count).astype(np.uint8)
    queries = rng.choice(count, 20, replace=False).astype(np.uint32)
    options = CclOptions(k, include_self)

    def pairs(dtype):
        values = z.astype(dtype)
        function = (fs.library.fseg_pairs_ccl_f32 if dtype == np.float32
                    else fs.library.fseg_pairs_ccl_f64)
        return made(function, c.byref(options), fs.pointer(values), c.c_size_t(count),
                    c.c_size_t(64), fs.pointer(labels), fs.pointer(queries), c.c_size_t(20))

    def expected(leaf):
        u = torch.nn.functional.normalize(leaf, dim=1)
        losses = []
        for q in queries.tolist():
            cosine = u @ u[q]
            top = cosine.detach().topk(k + 1).indices  # the query is in
            close = torch.tensor(labels)[top] == int(labels[q])
            e = torch.exp(cosine[top] / tau)
            wanted = close if include_self else close & (top != q)
            s_n = e[~close].sum()
            if form == SET_WISE:
                losses.append(-torch.log(e[wanted].sum() / (e[wanted].sum() + s_n) + epsilon))
            else:
                losses.append(-torch.log(e[wanted] / (e[wanted] + s_n) + epsilon).mean())
        return torch.stack(losses).mean()

    check(pairs, z, expected, tau, form, epsilon=epsilon)
