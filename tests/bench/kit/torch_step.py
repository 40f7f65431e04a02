"""A step of PyTorch's, for every line on standard input: torch_step.py MODEL BATCH. Answers as turns.h says.

The same layers, loss and optimizer (SGD) as the model of that name, on one thread. To add a model, add a row to MODELS."""
import os, resource, sys, time
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
import torch
from torch import nn
from torch_deepfm import DeepFM

torch.set_num_threads(1)
torch.manual_seed(1)


def lenet():
    return nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


class Block(nn.Module):
    def __init__(self, I, O, stride):
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(I, O, 3, stride, 1, bias=False), nn.BatchNorm2d(O), nn.ReLU(),
                                    nn.Conv2d(O, O, 3, 1, 1, bias=False), nn.BatchNorm2d(O))
        self.shortcut = nn.Sequential() if stride == 1 and I == O else nn.Sequential(
            nn.Conv2d(I, O, 1, stride, bias=False), nn.BatchNorm2d(O))

    def forward(self, x):
        return torch.relu(self.branch(x) + self.shortcut(x))


def resnet(channels, widths, blocks):
    layers, I = [nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
    for stage, O in enumerate(widths):
        for block in range(blocks):
            layers.append(Block(I, O, 2 if stage and not block else 1))
            I = O
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(I, 10))


class Table(nn.Module):
    """DeepFM on samples whose first columns are rows of its embedding; two classes from its one output."""

    def __init__(self, rows, categorical, numeric):
        super().__init__()
        self.rows, self.categorical, self.model = rows, categorical, DeepFM(rows, categorical, numeric, 16, [64, 32])

    def forward(self, x):
        z = self.model((x[:, :self.categorical] * self.rows).long(), x[:, self.categorical:])
        return torch.stack([torch.zeros_like(z), z], 1)


# Name: the model, the shape of a sample.
MODELS = {
    "lenet": (lenet, (1, 28, 28)),
    "mlp": (mlp, (1, 28, 28)),
    "resnet8": (lambda: resnet(3, [16, 32, 64], 1), (3, 32, 32)),
    "resnet20": (lambda: resnet(3, [16, 32, 64], 3), (3, 32, 32)),
    "resnet18": (lambda: resnet(3, [64, 128, 256, 512], 2), (3, 32, 32)),
    "deepfm": (lambda: Table(10303, 3, 1), (4,)),
}

make, shape = MODELS[sys.argv[1]]
batch = int(sys.argv[2])
net = make()
sgd = torch.optim.SGD(net.parameters(), lr=0.01)
x, y = torch.rand(batch, *shape), torch.randint(0, 2 if sys.argv[1] == "deepfm" else 10, (batch,))
for line in sys.stdin:
    start = time.perf_counter()
    sgd.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    sgd.step()
    took = time.perf_counter() - start
    print(1e3 * took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
