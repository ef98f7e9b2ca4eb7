"""The reference U-Net written independently in PyTorch, with the tensor names of the model file."""
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, group, epsilon):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm1 = nn.GroupNorm(outputs // group, outputs, epsilon)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(outputs // group, outputs, epsilon)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class Decoder(Block):
    def __init__(self, inputs, outputs, group, epsilon):
        super().__init__(2 * outputs, outputs, group, epsilon)
        self.up = nn.Conv2d(inputs, outputs, 2)
        self.upnorm = nn.GroupNorm(outputs // group, outputs, epsilon)

    def forward(self, x, skip):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.up(F.pad(x, (0, 1, 0, 1)))  # "same" of TensorFlow: bottom and right
        x = F.relu(self.upnorm(x))
        return super().forward(torch.cat([x, skip], 1))


class Head(nn.Module):
    def __init__(self, inputs, classes, group, epsilon):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.norm1 = nn.GroupNorm(inputs // group, inputs, epsilon)
        self.conv2 = nn.Conv2d(inputs, classes, 1, bias=False)

    def forward(self, x):
        return self.conv2(F.relu(self.norm1(self.conv1(x))))


class UNet(nn.Module):
    def __init__(self, in_channels, classes, widths=(16, 32, 64, 128, 128, 128), group=4,
                 epsilon=1e-3):
        super().__init__()
        self.levels = len(widths)
        inputs = in_channels
        for i, width in enumerate(widths):
            setattr(self, f"enc{i + 1}", Block(inputs, width, group, epsilon))
            inputs = width
        for i in reversed(range(self.levels - 1)):
            setattr(self, f"dec{i + 1}", Decoder(inputs, widths[i], group, epsilon))
            inputs = widths[i]
        self.head = Head(inputs, classes, group, epsilon)

    def forward(self, x):
        skips = []
        for i in range(self.levels):
            x = getattr(self, f"enc{i + 1}")(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for i in reversed(range(self.levels - 1)):
            x = getattr(self, f"dec{i + 1}")(x, skips[i])
        return self.head(x)


def soft_dice_loss(logits, labels, smooth=1e-5):
    """1 - mean over classes of Dice, sums over batch and space."""
    p = logits.softmax(1)
    y = F.one_hot(labels.long(), logits.shape[1]).movedim(-1, 1).to(p.dtype)
    axes = (0, 2, 3)
    dice = (2 * (p * y).sum(axes) + smooth) / (p.sum(axes) + y.sum(axes) + smooth)
    return 1 - dice.mean()


def tversky_loss(logits, labels, alpha=0.3, beta=0.7, smooth=1e-5):
    p = logits.softmax(1)
    y = F.one_hot(labels.long(), logits.shape[1]).movedim(-1, 1).to(p.dtype)
    axes = (0, 2, 3)
    tp, fp, fn = (p * y).sum(axes), (p * (1 - y)).sum(axes), ((1 - p) * y).sum(axes)
    return 1 - ((tp + smooth) / (tp + alpha * fp + beta * fn + smooth)).mean()


def training_loss(logits, labels):
    """The default: half soft Dice, half cross-entropy."""
    return 0.5 * soft_dice_loss(logits, labels) + 0.5 * F.cross_entropy(logits, labels.long())
