"""Studies of code of one's own, by commands."""

BREAKING = """
import torch
from torch import nn

class Breaking(nn.Sequential):
    def __init__(self, w_in, w_out, stride):
        super().__init__(nn.Conv2d(w_in, w_out, 1, stride=stride), nn.BatchNorm2d(w_out))

    def forward(self, x):
        if x.device.type != "meta":  # it is counted on that
            raise RuntimeError("these numbers mean nothing to me")
        return super().forward(x)
"""


def test_a_study_in_which_nothing_can_be_trained_ends_with_the_reason(netspace, write_study):
    file = write_study(
        spaces=[{"name": "Broken", "base": "AnyNetXA", "network": {"block": "mine.py:Breaking", "stem": {"width": 8}}}],
        flops="5K:1M",
        network={},
        attempts=1,
    )
    (file.parent / "mine.py").write_text(BREAKING)
    done = netspace("run", file, "--workers", "1", "--device", "cpu")
    assert done.code == 2
    last = done.err.strip().splitlines()[-1]
    assert "no run could be trained; 2 of 2: " in last
    assert "these numbers mean nothing to me" in last
    assert "Traceback" not in done.err
