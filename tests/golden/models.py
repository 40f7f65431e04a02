"""Records what PyTorch computes of the models there are, in double precision, for tests/unit/actors/model/recorded_test.c.

    /usr/bin/python3 tests/golden/models.py > tests/golden/models.golden

Parameters and samples come from a formula of whole numbers that the test computes too, so the file has results alone. A line:

    MODEL loss VALUE                    of the batch, for a gradient
    MODEL evaluated VALUE CORRECT       mean loss and right answers by the running statistics
    MODEL TENSOR NORM A B C             of the gradient; of running statistics, what they are after the batch; and the values at a
                                        seventh, at the half and at the end
"""
import math

import numpy
import torch
from torch import nn


def unit(first, count):
    """Numbers in -0.5 .. 0.5, exact in float32."""
    h = numpy.arange(first, first + count, dtype=numpy.uint64) * 2654435761 & 0xFFFFFFFF
    for shift, factor in (15, 0x2C1B3C6D), (12, 0x297A2D39):
        h = (h ^ h >> shift) * factor & 0xFFFFFFFF
    h ^= h >> 15
    return (h >> 8).astype(numpy.float64) / 2**24 - 0.5


def first_value(name, shape, first):
    u = torch.from_numpy(unit(first, math.prod(shape))).view(shape)
    if len(shape) > 1:
        return u * 2.0 ** math.floor(math.log2(2 * math.sqrt(6 / math.prod(shape[1:]))))
    return 1 + u / 2 if name.endswith((".weight", ".running_var")) else u / 2


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, 10)

    def forward(self, x):
        for conv in self.conv1, self.conv2:
            x = nn.functional.max_pool2d(conv(x), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 256), nn.Linear(256, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class Block(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        self.downsample = nn.Sequential()
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self, channels, width, stages, blocks):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        inner = width
        for stage in range(stages):
            outer = width << stage
            layers = [Block(inner if b == 0 else outer, outer, 2 if stage and b == 0 else 1) for b in range(blocks)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
            inner = outer
        self.stages = stages
        self.fc = nn.Linear(inner, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def record(name, model, shape, batch):
    model = model.double()
    state, at = model.state_dict(), 0
    for tensor, value in state.items():
        if value.dim():
            value.copy_(first_value(tensor, value.shape, at))
            at += value.numel()
    model.load_state_dict(state)
    x = torch.from_numpy(unit(at, batch * math.prod(shape))).view(batch, *shape) + 0.5
    labels = torch.tensor([(7 * b + 3) % 10 for b in range(batch)])
    model.eval()
    with torch.no_grad():
        z = model(x)
    evaluated = nn.functional.cross_entropy(z, labels).item()
    model.train()
    loss = nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    print(f"{name} loss {loss.item():.9g}")
    print(f"{name} evaluated {evaluated:.9g} {(z.argmax(1) == labels).sum().item()}")
    gradients = {tensor: value.grad for tensor, value in model.named_parameters()}
    for tensor, value in model.state_dict().items():
        if value.dim():
            g = gradients.get(tensor, value).flatten()
            places = [g[i].item() for i in (g.numel() // 7, g.numel() // 2, g.numel() - 1)]
            print(name, tensor, *(f"{v:.7g}" for v in [g.norm().item(), *places]))


record("lenet", LeNet(), (1, 28, 28), 3)
record("mlp", Mlp(), (1, 28, 28), 3)
record("resnet8", ResNet(3, 16, 3, 1), (3, 32, 32), 4)
record("resnet20", ResNet(1, 16, 3, 3), (1, 28, 28), 3)
record("resnet18", ResNet(1, 64, 4, 2), (1, 28, 28), 2)
