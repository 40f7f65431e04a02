#!/usr/bin/env python3
"""Records what PyTorch's optimizers and schedules make of a few gradients, in double precision:

    OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/optimizers.py >tests/golden/optimizers.inc

(torch 1.13 of Debian). optimizer_test.c compares with it. Adagrad by rows, which PyTorch has for
embeddings only on other devices, is FBGEMM's formula in PyTorch's operations."""
import torch

torch.set_default_dtype(torch.float64)

START = [0.5, -0.25, 0.125, 1, 0, -0.75]
# Gradients that agree, that do not, of the size of epsilon, 0 at first, and large.
GRADIENTS = [
    [1, -2, 1e-7, 0, 100, 0.25],
    [0.5, 2, -1e-7, 0, -50, 0.25],
    [-1, 0.25, 3e-8, 1e-3, 25, -0.125],
    [0.125, -0.5, 0, 0, 75, 0],
    [0.25, 1, 1e-7, -2e-3, -10, 0.5],
]
ROW = 3

CASES = [  # identity, what it is made by, and the settings of both
    ("SGD", torch.optim.SGD, {"lr": 0.05}),
    ("SGD", torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.1}),
    ("MOMENTUM", torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    ("MOMENTUM", torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    ("MOMENTUM", torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("MOMENTUM", torch.optim.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    ("ADAM", torch.optim.Adam, {"lr": 0.01}),
    ("ADAM", torch.optim.Adam, {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.1}),
    ("ADAMW", torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.01}),
    ("ADAMW", torch.optim.AdamW, {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.1}),
    ("ADAGRAD", torch.optim.Adagrad, {"lr": 0.01}),
    ("ADAGRAD", torch.optim.Adagrad, {"lr": 0.1, "weight_decay": 0.1}),
]


def row(values):
    return "{" + ", ".join("%.12g" % float(x) for x in values) + "}"


def rows(all_values):
    return "{" + ",\n     ".join(row(values) for values in all_values) + "}"


def steps(make, settings):
    w = torch.tensor(START, requires_grad=True)
    settings = dict(settings)
    if make in (torch.optim.Adam, torch.optim.AdamW):
        settings["betas"] = (settings.pop("momentum", 0.9), 0.999)
    optimizer = make([w], **settings)
    for gradient in GRADIENTS:
        w.grad = torch.tensor([float(x) for x in gradient])
        optimizer.step()
        yield w.detach().tolist()


def steps_by_rows(lr):
    w = torch.tensor(START).reshape(-1, ROW)
    sums = torch.zeros(w.shape[0], 1)
    for gradient in GRADIENTS:
        g = torch.tensor([float(x) for x in gradient]).reshape(-1, ROW)
        sums += g.square().mean(dim=1, keepdim=True)
        w = w - lr * g / (sums.sqrt() + 1e-10)
        yield w.flatten().tolist()


def case(identity, settings, by_rows, values):
    print("RECORDED(%s, %g, %g, %d, %g, %d,\n    %s)" % (
        identity, settings["lr"], settings.get("momentum", 0.9 if identity.startswith("ADAM") else 0),
        settings.get("nesterov", False), settings.get("weight_decay", 0), ROW if by_rows else 0,
        rows(values)))


def schedule(identity, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = make(optimizer)
    values = []
    for _ in range(21):
        values.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    print("SCHEDULE(%s,\n    %s)" % (identity, row(values)))


MACROS = ["START", "GRADIENTS", "RECORDED", "SCHEDULE"]
print("/* Made by tests/golden/optimizers.py. Whoever includes this defines one of these, for what it wants:")
print(" *   START(values)   GRADIENTS(rows)")
print(" *   RECORDED(ID, lr, momentum, nesterov, weight decay, elements of a row, parameters after each step)")
print(" *   SCHEDULE(ID, rates at steps 0 to 20 of 20, from 0.5) */")
for macro in MACROS:
    print("#ifndef %s\n#define %s(...)\n#endif" % (macro, macro))
print("START(%s)\nGRADIENTS(%s)" % (row(START), rows(GRADIENTS)))
for identity, make, settings in CASES:
    case(identity, settings, False, steps(make, settings))
case("ADAGRAD", {"lr": 0.1}, True, steps_by_rows(0.1))
lr_scheduler = torch.optim.lr_scheduler
schedule("CONSTANT", lambda o: lr_scheduler.ConstantLR(o, factor=1.0))
schedule("LINEAR", lambda o: lr_scheduler.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=20))
schedule("COSINE", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20))
schedule("STEPS", lambda o: lr_scheduler.MultiStepLR(o, milestones=[6, 15], gamma=0.2))
for macro in MACROS:
    print("#undef %s" % macro)
