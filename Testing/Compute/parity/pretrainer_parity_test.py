"""Pretraining end to end against PyTorch: loss, and gradients of every weight that it reaches.

Each subject has one slice, nothing is augmented or corrupted, and a batch holds every subject once,
so the batch is known up to its order, on which no loss depends. Weights of the heads are read from a
checkpoint, which is a safetensors file.
"""
import ctypes as c

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.nn import functional as F

import frugalseg_library as fs
from contrast_parity_test import CclOptions, masked_loss, similarities
from torch_unet import UNet


class AugmentOptions(c.Structure):
    _fields_ = [(name, c.c_double) for name in (
        "affine_probability", "rotation_degrees", "scale_low", "scale_high", "shear", "translation",
        "flip_horizontal_probability", "elastic_probability", "elastic_sigma_px")] + [
            ("elastic_grid", c.c_int)] + [(name, c.c_double) for name in (
                "gamma_probability", "gamma_low", "gamma_high", "curve_probability",
                "brightness_probability", "brightness", "contrast_probability", "contrast_low",
                "contrast_high", "noise_probability", "noise_sigma", "blur_probability",
                "blur_sigma_low", "blur_sigma_high", "bias_probability", "bias_strength")]


class CorruptOptions(c.Structure):
    _fields_ = [("swap_probability", c.c_double), ("swap_patch", c.c_int), ("swap_pairs", c.c_int),
                ("shuffle_probability", c.c_double), ("shuffle_coverage", c.c_double),
                ("shuffle_side", c.c_int), ("intensity_probability", c.c_double),
                ("paint_probability", c.c_double), ("paint_inner_share", c.c_double),
                ("patches_probability", c.c_double), ("patches_ratio", c.c_double),
                ("patches_size", c.c_int)]


class PretrainerOptions(c.Structure):
    _fields_ = [("loss", c.c_int), ("height", c.c_int), ("width", c.c_int), ("seed", c.c_uint64),
                ("batch", c.c_int), ("corruption", CorruptOptions),
                ("target_augment", AugmentOptions), ("error", c.c_int),
                ("corrupted_only", c.c_int), ("no_skips", c.c_int), ("variant", c.c_int),
                ("volumes", c.c_int), ("partitions", c.c_int), ("temperature", c.c_double),
                ("contrast_weight", c.c_double), ("view_augment", AugmentOptions),
                ("flatten_head", c.c_int), ("position_threshold", c.c_double),
                ("partial_decoder", c.c_int), ("set_wise", c.c_int), ("queries", c.c_int),
                ("ccl", CclOptions), ("freeze_encoder", c.c_int), ("learning_rate", c.c_double),
                ("learning_rate_final", c.c_double), ("beta1", c.c_double), ("beta2", c.c_double),
                ("epsilon", c.c_double), ("weight_decay", c.c_double),
                ("gradient_clip", c.c_double), ("steps", c.c_int), ("warmup_steps", c.c_int),
                ("precision", c.c_int)]


class SamplerOptions(c.Structure):
    _fields_ = [("batch", c.c_int), ("height", c.c_int), ("width", c.c_int),
                ("context_slices", c.c_int), ("foreground_fraction", c.c_double),
                ("seed", c.c_uint64), ("augment", AugmentOptions)]


class Losses(c.Structure):
    _fields_ = [("total", c.c_double), ("regression", c.c_double), ("contrast", c.c_double)]


fs.library.fseg_pretrainer_default_options.restype = PretrainerOptions
fs.library.fseg_sampler_default_options.restype = SamplerOptions
fs.library.fseg_augment_no_options.restype = AugmentOptions
fs.library.fseg_corrupt_no_options.restype = CorruptOptions
fs.library.fseg_pretrainer_gradient.restype = c.POINTER(c.c_float)

REGRESSION, CONTRASTIVE = 1, 2
SIMCLR, PARTITION, PARTITION_PAIRS, POSITION, LOCAL, CONSTRAINED = range(6)
SIDE, COUNT, WIDTHS = 32, 4, (8, 16, 16, 32)


def images_and_maps(seed):
    rng = np.random.default_rng(seed)
    images = rng.random((COUNT, 1, SIDE, SIDE), np.float32)
    images[:, :, 0, 0] = 0  # the only background pixel
    blocks = rng.integers(0, 3, (COUNT, SIDE // 4, SIDE // 4)).astype(np.uint8)
    return images, blocks, np.ascontiguousarray(blocks.repeat(4, 1).repeat(4, 2))


def ours(options, images, maps, seed, path):
    """Loss, gradients, and the weights of model and head."""
    config = fs.library.fseg_unet_default_config(1, 2)
    config.levels = len(WIDTHS)
    for i, width in enumerate(WIDTHS):
        config.widths[i] = width
    context, model, error = fs.Context("portable"), fs.Model(config, seed), fs.Error()
    rng = np.random.default_rng(seed)
    for array in model.tensors.values():
        if array.ndim == 1:
            array += rng.normal(0, 0.2, array.shape).astype(np.float32)
    sampler, pretrainer, losses = c.c_void_p(), c.c_void_p(), Losses()
    sampler_options = fs.library.fseg_sampler_default_options(1, SIDE, SIDE)
    fs.check(fs.library.fseg_sampler_create(c.byref(sampler_options), c.byref(sampler),
                                            c.byref(error)), error)
    for image, labels in zip(images, maps):
        fs.check(fs.library.fseg_sampler_add(sampler, fs.pointer(image), fs.pointer(labels), 1, SIDE,
                                             SIDE, c.c_double(1), c.byref(error)), error)
    fs.check(fs.library.fseg_pretrainer_create(context.handle, model.handle, c.byref(options),
                                               c.byref(pretrainer), c.byref(error)), error)
    fs.check(fs.library.fseg_pretrainer_save(pretrainer, str(path).encode(), c.byref(error)), error)
    fs.check(fs.library.fseg_pretrainer_evaluate(pretrainer, sampler, 0, c.byref(losses),
                                                 c.byref(error)), error)
    gradients = {}
    for i, (name, tensor) in enumerate(model.tensors.items()):
        data = fs.library.fseg_pretrainer_gradient(pretrainer, c.c_size_t(i))
        gradients[name] = np.ctypeslib.as_array(data, shape=tensor.shape).copy()
    fs.library.fseg_pretrainer_free(pretrainer)
    fs.library.fseg_sampler_free(sampler)
    weights = {name: torch.tensor(array.astype(np.float64))
               for name, array in load_file(path).items() if not name.startswith("adam.")}
    return losses.total, gradients, weights


class Trunk(UNet):
    def forward(self, x, until="enc4", skips_on=True):
        skips = []
        for i in range(self.levels):
            x = getattr(self, f"enc{i + 1}")(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for i in reversed(range(self.levels - 1)):
            if until == f"dec{i + 2}" or until.startswith("enc"):
                return x
            x = getattr(self, f"dec{i + 1}")(x, skips[i] if skips_on else torch.zeros_like(skips[i]))
        return x


def pooled(features, w):
    return F.relu(features.mean((2, 3)) @ w["pretrain.pooled.2.weight"].T) @ \
        w["pretrain.pooled.4.weight"].T


def flattened(features, w):
    return F.relu(features.flatten(1) @ w["pretrain.flattened.1.weight"].T) @ \
        w["pretrain.flattened.3.weight"].T


def local(features, w, kind="local"):
    y = torch.einsum("nchw,oc->nohw", features, w[f"pretrain.{kind}.1.weight"])
    y = F.relu(F.group_norm(y, 16, w[f"pretrain.{kind}.2.weight"], w[f"pretrain.{kind}.2.bias"],
                            1e-3))
    return torch.einsum("nchw,oc->nohw", y, w[f"pretrain.{kind}.3.weight"])


def expected_loss(kind, net, w, x, blocks):
    x2 = torch.cat([x, x])
    n, index = COUNT, torch.arange(2 * COUNT)
    partner = index[:, None] % n == index[None] % n
    others = ~torch.eye(2 * n, dtype=bool)
    if kind in ("regression", "no skips", "absolute"):
        y = net(x, "dec1", kind != "no skips")
        y = torch.einsum("nchw,oc->nohw", y, w["pretrain.restoring.1.weight"]) + \
            w["pretrain.restoring.1.bias"][None, :, None, None]
        return (y - x).abs().mean() if kind == "absolute" else ((y - x) ** 2).mean()
    if kind in ("simclr", "flattened"):
        z = (pooled if kind == "simclr" else flattened)(net(x2), w)
        return masked_loss(similarities(z, 0.1), partner & others, ~partner)
    if kind == "local":
        y = local(net(x2, "dec3"), w, "regions")
        side = y.shape[-1]
        quarters = [(2 * i, 2 * j) for i in range(3) for j in range(3)] + \
            [(2 * i + 1, 2 * j + 1) for i in range(2) for j in range(2)]
        places = [((side - 3) * a // 4, (side - 3) * b // 4) for a, b in quarters]
        z = torch.stack([y[:, :, a:a + 3, b:b + 3].flatten(1) for a, b in places], 1)
        z = z.flatten(0, 1) @ w["pretrain.regions.5.weight"].T
        distance = [[(a - d) ** 2 + (b - e) ** 2 for d, e in quarters] for a, b in quarters]
        total = 2 * n * 13
        positive = torch.zeros(total, total, dtype=bool)
        negative = torch.zeros(total, total, dtype=bool)
        for m in range(2 * n):
            twin = (m + n) % (2 * n)
            for r in range(13):
                positive[m * 13 + r, twin * 13 + r] = True
                nearest = sorted((k for k in range(13) if k != r), key=lambda k: (distance[r][k], k))
                for k in nearest[:5]:
                    negative[m * 13 + r, m * 13 + k] = negative[m * 13 + r, twin * 13 + k] = True
        return masked_loss(similarities(z, 0.1), positive, negative)
    partial = kind == "constrained partial"
    y = local(net(x, "dec3" if partial else "dec1"), w)
    losses = []
    for map_, label in zip(y, torch.tensor(blocks).flatten(1)):
        z = map_.flatten(1).T if partial else F.unfold(map_[None], 4, stride=4)[0].T
        u = F.normalize(z, dim=1)
        terms = []
        for q in range(len(u)):  # every block is a query
            cosine = u @ u[q]
            top = cosine.detach().clone()
            top[q] = -2
            top = top.topk(20).indices
            close = label[top] == label[q]
            e = torch.exp(cosine[top] / 0.1)
            if close.any():
                terms.append(-torch.log(e[close] / (e[close] + e[~close].sum()) + 1e-7).mean())
        losses.append(torch.stack(terms).mean())
    return torch.stack(losses).mean()


def options_of(kind):
    loss = REGRESSION if kind in ("regression", "no skips", "absolute") else CONTRASTIVE
    o = fs.library.fseg_pretrainer_default_options(loss, SIDE, SIDE, 10)
    o.batch = o.volumes = COUNT
    o.partitions = 1
    o.corruption = fs.library.fseg_corrupt_no_options()
    o.target_augment = o.view_augment = fs.library.fseg_augment_no_options()
    o.corrupted_only, o.no_skips, o.error = 0, int(kind == "no skips"), int(kind == "absolute")
    o.variant = {"local": LOCAL, "constrained": CONSTRAINED,
                 "constrained partial": CONSTRAINED}.get(kind, SIMCLR)
    o.flatten_head, o.partial_decoder = int(kind == "flattened"), int(kind == "constrained partial")
    o.queries, o.ccl = (SIDE // 4) ** 2, CclOptions(20, 0)
    return o


def deviation(kind, seed, path):
    """Relative deviation of the loss, and of the worst gradient tensor as in network_parity_test."""
    images, blocks, maps = images_and_maps(seed)
    loss, gradients, weights = ours(options_of(kind), images, maps, seed + 3, path)
    net = Trunk(1, 2, WIDTHS).double()
    net.load_state_dict({k: v for k, v in weights.items() if not k.startswith("pretrain.")})
    expected = expected_loss(kind, net, weights, torch.tensor(images).double(), blocks)
    expected.backward()
    reached = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    for name, gradient in gradients.items():
        if name not in reached:
            assert not gradient.any(), name
    largest = max(g.abs().max().item() for g in reached.values())
    worst = max(np.abs(gradients[name] - g.numpy()).max()
                / max(g.abs().max().item(), 1e-3 * largest) for name, g in reached.items())
    return abs(loss / expected.item() - 1), worst


KINDS = ["regression", "no skips", "absolute", "simclr", "flattened", "local", "constrained",
         "constrained partial"]


@pytest.mark.parametrize("kind", KINDS)
def test_pretraining_agrees_with_pytorch(kind, tmp_path):
    # As for the network, a ReLU or a tie within rounding may make one sample's gradient jump.
    pairs = [deviation(kind, seed, tmp_path / "checkpoint.fseg") for seed in range(5)]
    assert np.median([value for value, _ in pairs]) <= 1e-5
    assert np.median([gradient for _, gradient in pairs]) <= 1e-4
