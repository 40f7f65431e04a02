"""DeepFM on a table in PyTorch, beside ours: the same formula, first weights, numbers of categories and samples.

    OMP_NUM_THREADS=1 /usr/bin/python3 tests/bench/movielens.py DIR [--epochs 4] [--lr 0.002] [--batch 512] ...

DIR has train.csv and test.csv (deploy/datasets/movielens.sh). Prints one JSON object with the test AUC after each epoch.
"""
import argparse
import csv
import json
import os
import sys
import time

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kit"))
from torch_deepfm import DeepFM  # noqa: E402

CATEGORICAL, NUMERIC, LABEL = ["user", "movie", "genres"], ["year"], "label"
MISSING = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"}


def read(directory):
    """Rows of categories and standardized numbers, as actors/model/data/table_text.h says."""
    tables = [list(csv.DictReader(open(f"{directory}/{name}.csv", newline=""))) for name in ("train", "test")]
    number, rows = {}, 1
    for column in CATEGORICAL:
        for word in sorted({row[column] for row in tables[0]}, key=str.encode):
            number[column, word] = rows
            rows += 1
    value = lambda cell: float("nan") if cell in MISSING else float(cell)
    train = np.array([[value(row[c]) for c in NUMERIC] for row in tables[0]])
    mean, deviation = np.nanmean(train, 0), np.nanstd(train, 0)
    parts = []
    for table in tables:
        numbers = np.array([[value(row[c]) for c in NUMERIC] for row in table])
        parts.append((
            torch.tensor([[number.get((c, row[c]), 0) for c in CATEGORICAL] for row in table]),
            torch.tensor(np.nan_to_num((numbers - mean) / deviation), dtype=torch.float32),
            torch.tensor([float(row[LABEL]) for row in table]),
        ))
    return rows, parts


def auc(scores, labels):
    """Mann and Whitney's: ties count half."""
    scores = scores.double()
    order = torch.sort(scores[labels == 0]).values
    positive = scores[labels == 1]
    below = torch.searchsorted(order, positive) + torch.searchsorted(order, positive, right=True)
    return below.double().sum().item() / 2 / (len(order) * len(positive))


parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--lr", type=float, default=0.002)
parser.add_argument("--batch", type=int, default=512)
parser.add_argument("--embedding", type=int, default=16)
parser.add_argument("--hidden", default="64,32")
parser.add_argument("--optimizer", default="adam")
parser.add_argument("--decay", type=float, default=0)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
torch.manual_seed(options.seed)
torch.set_num_threads(1)
rows, (train, test) = read(options.directory)
hidden = [int(width) for width in options.hidden.split(",")]
model = DeepFM(rows, len(CATEGORICAL), len(NUMERIC), options.embedding, hidden)
kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}
optimizer = kinds[options.optimizer](model.parameters(), lr=options.lr, weight_decay=options.decay)
loss_of = nn.BCEWithLogitsLoss()
count, steps, areas, losses, times = len(train[2]), 0, [], [], []
total = options.epochs * -(-count // options.batch)
for epoch in range(options.epochs):
    order = torch.randperm(count)
    for first in range(0, count, options.batch):
        began = time.perf_counter()
        picked = order[first:first + options.batch]
        for group in optimizer.param_groups:
            group["lr"] = options.lr * (1 - steps / total)
        optimizer.zero_grad()
        loss = loss_of(model(train[0][picked], train[1][picked]), train[2][picked])
        loss.backward()
        times.append(time.perf_counter() - began)
        optimizer.step()
        steps += 1
    with torch.no_grad():
        scores = model(test[0], test[1])
        areas.append(round(auc(scores, test[2]), 5))
        losses.append(round(loss_of(scores, test[2]).item(), 5))
accuracy = ((scores > 0) == (test[2] == 1)).double().mean().item()
print(json.dumps({"auc": areas, "test_loss": losses, "accuracy": round(accuracy, 4), "step_ms": round(1e3 * float(np.median(times)), 3)}))
