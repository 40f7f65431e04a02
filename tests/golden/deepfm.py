"""Records what PyTorch computes of a small DeepFM, for tests/unit/actors/model/deepfm_test.c.

    /usr/bin/python3 tests/golden/deepfm.py > tests/golden/deepfm.golden

Weights and samples come from a formula of whole numbers that the test computes too, so the file has results alone: one a line,
loss, then z of each sample, then the gradient in the layout's order.
"""
import os
import sys

import torch
from torch import nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bench/kit"))
from torch_deepfm import DeepFM  # noqa: E402

ROWS, CATEGORICAL, NUMERIC, EMBEDDING, HIDDEN, BATCH = 11, 3, 2, 4, (6, 5), 9


def unit(i):
    """In -0.5 .. 0.5, exact in float32."""
    return ((i * 2654435761 % 2**32) >> 8) / 2**24 - 0.5


model = DeepFM(ROWS, CATEGORICAL, NUMERIC, EMBEDDING, HIDDEN)
with torch.no_grad():
    at = 0
    for p in model.parameters():
        p.copy_(torch.tensor([unit(at + i) for i in range(p.numel())]).view_as(p))
        at += p.numel()
rows = torch.tensor([[(3 * b + 5 * f) % ROWS for f in range(CATEGORICAL)] for b in range(BATCH)])
numbers = torch.tensor([[unit(1000 + NUMERIC * b + m) for m in range(NUMERIC)] for b in range(BATCH)])
labels = torch.tensor([float(b % 3 == 0) for b in range(BATCH)])
z = model(rows, numbers)
loss = nn.functional.binary_cross_entropy_with_logits(z, labels)
loss.backward()
for value in [loss.item(), *z.tolist(), *(g for p in model.parameters() for g in p.grad.flatten().tolist())]:
    print(f"{value:.9g}")
