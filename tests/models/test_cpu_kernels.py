"""The faster convolutions held against the plain ones: same outputs, same gradients, same parameters."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from netspace.arch import AnyNetConfig
from netspace.models import build
from netspace.models.cpu_kernels import MERGED_WIDTH, FastConv2d, accelerated, merge_groups


@pytest.mark.parametrize("groups", [2, 6, 12, 24])
def test_merged_groups_are_the_old_ones_on_a_diagonal(groups):
    conv = nn.Conv2d(24, 24, 3, padding=1, groups=groups, bias=False)
    x = torch.randn(2, 24, 5, 5)
    for factor in (factor for factor in range(1, groups + 1) if groups % factor == 0):
        weight = merge_groups(conv.weight, groups, factor)
        merged = nn.functional.conv2d(x, weight, padding=1, groups=groups // factor)
        assert torch.allclose(merged, conv(x), atol=1e-5)
        assert int((weight != 0).sum()) == conv.weight.numel()


@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "groups"),
    [(24, 3, 1, 12), (32, 3, 2, 8), (16, 1, 1, 1), (16, 1, 2, 1), (16, 3, 1, 16)],
)
def test_outputs_and_gradients_are_those_of_the_plain_convolution(size, low, channels, kernel, stride, groups):
    torch.manual_seed(0)
    plain = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    model = nn.Sequential(plain)
    results = []
    for fast in (False, True):
        x = torch.randn(4, channels, size, size, generator=torch.Generator().manual_seed(1)).requires_grad_()
        plain.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            if fast:
                with accelerated(model):
                    y = model(x)
            else:
                y = model(x)
        y.float().square().sum().backward()
        results.append((y.detach().float(), x.grad, plain.weight.grad.clone()))
    for slow, quick in zip(*results, strict=True):
        scale = float(slow.abs().max())
        assert torch.allclose(slow, quick, atol=(0.02 if low else 1e-5) * scale)


def test_a_network_is_trained_to_the_same_losses_and_weights_step_by_step():
    """In float64, where rounding hides nothing: in float32 these steps differ more by the order of the images."""
    stages = {"depths": [1, 1, 2, 2, 2], "widths": [16, 16, 24, 24, 32], "strides": [2] * 5}
    stages |= {"bottleneck_ratios": [1] * 5, "group_widths": [2, 4, 1, 2, 8]}
    config = AnyNetConfig(stages=stages, stem={"kind": "cifar", "width": 8}, num_classes=10, in_channels=1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(32, 1, 28, 28, generator=generator, dtype=torch.float64)
    labels = torch.arange(32) % 10
    runs = []
    for fast in (False, True):
        model = build(config, seed=0).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
        losses = []
        with accelerated(model) if fast else nullcontext():
            for _ in range(8):
                loss = nn.functional.cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        runs.append((losses, model.state_dict()))
    (losses, weights), (fast_losses, fast_weights) = runs
    assert fast_losses == pytest.approx(losses, rel=1e-9)
    assert losses[-1] < losses[0]
    assert all(torch.allclose(fast_weights[name], value, atol=1e-8) for name, value in weights.items())


def test_a_network_is_itself_again_afterwards_and_its_weights_never_change_name():
    config = AnyNetConfig(
        stages={
            "depths": [1, 1],
            "widths": [16, 32],
            "strides": [2, 2],
            "bottleneck_ratios": [1, 1],
            "group_widths": [2, 4],
        }
    )
    model = build(config, seed=0)
    names, kinds = list(model.state_dict()), [type(module) for module in model.modules()]
    with accelerated(model):
        assert list(model.state_dict()) == names
        assert sum(isinstance(module, FastConv2d) for module in model.modules()) == 9
    assert [type(module) for module in model.modules()] == kinds


def test_a_convolution_that_is_not_centred_is_left_as_it_is():
    conv = nn.Conv2d(4, 4, 3, padding=2, groups=2)
    x = torch.randn(1, 4, 1, 1)
    plain = conv(x)
    with accelerated(conv):
        assert torch.equal(conv(x), plain)


def test_groups_grow_to_a_vector_register_and_no_further():
    seen = []
    original = torch.nn.functional.conv2d

    def watched(x, weight, *rest, **named):
        seen.append(weight.shape[1])
        return original(x, weight, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("netspace.models.cpu_kernels.F.conv2d", watched)
        for low, width in ((False, 2), (True, 2), (True, 4)):
            conv = nn.Conv2d(96, 96, 3, padding=1, groups=96 // width)
            with accelerated(conv), torch.autocast("cpu", torch.bfloat16, enabled=low):
                conv(torch.randn(1, 96, 4, 4))
    assert seen == [MERGED_WIDTH] * 3
