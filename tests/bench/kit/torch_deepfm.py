"""actors/model/deepfm.h in PyTorch: the same formula and the same kinds of first weights."""
import torch
from torch import nn


class DeepFM(nn.Module):
    def __init__(self, rows, categorical, numeric, k, hidden):
        super().__init__()
        self.first, self.embedding = nn.Embedding(rows, 1), nn.Embedding(rows, k)
        widths = (categorical * k + numeric, *hidden)
        self.fc = nn.ModuleList(nn.Linear(i, o) for i, o in zip(widths, widths[1:]))
        self.out = nn.Linear(widths[-1], 1)
        nn.init.zeros_(self.first.weight)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        with torch.no_grad():
            self.embedding.weight[0] = 0
        for layer in [*self.fc, self.out]:
            fan = layer.in_features + (layer is self.out)
            nn.init.uniform_(layer.weight, -((6 / fan) ** 0.5), (6 / fan) ** 0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, rows, numbers):
        v = self.embedding(rows)
        pairs = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(1)
        y = torch.cat([v.flatten(1), numbers], 1)
        for layer in self.fc:
            y = torch.relu(layer(y))
        return self.first(rows).sum((1, 2)) + pairs + self.out(y)[:, 0]
