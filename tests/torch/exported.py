# Every model that there is, trained a little, exported, and evaluated by PyTorch from what the file says of itself: as many right
# answers as the report has.  exported.py CLOUDLESS
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy
import torch

from reader import Model

FASHION = "/usr/share/datasets/fashion-mnist"
TRAIN, TEST = 640, 500


def fashion(name, count, header):
    with gzip.open(f"{FASHION}/{name}.gz") as file:
        data = file.read()
    return numpy.frombuffer(data, "u1", offset=header)[: count * (784 if header == 16 else 1)].copy()


def write_idx(path, array):
    with open(path, "wb") as file:
        file.write(bytes([0, 0, 8, array.ndim]) + b"".join(d.to_bytes(4, "big") for d in array.shape))
        file.write(array.tobytes())


# Some pictures of Fashion-MNIST, and as many in color, larger, and of more classes.
def make_data(work):
    sets = {}
    for name, shape, classes in (("gray", (28, 28), 10), ("color", (3, 32, 32), 26)):
        os.mkdir(f"{work}/{name}")
        for stem, count in (("train", TRAIN), ("t10k", TEST)):
            x = fashion(f"{stem}-images-idx3-ubyte", count, 16).reshape(count, 28, 28)
            y = fashion(f"{stem}-labels-idx1-ubyte", count, 8)
            if name == "color":
                wide = numpy.pad(x, ((0, 0), (2, 2), (2, 2)))
                x = numpy.stack([wide, wide[:, ::-1], 255 - wide], 1)
                y = (y + 16 * (numpy.arange(count) % 2)).astype("u1")
            write_idx(f"{work}/{name}/{stem}-images-idx3-ubyte", numpy.ascontiguousarray(x))
            write_idx(f"{work}/{name}/{stem}-labels-idx1-ubyte", y)
        sets[name] = (torch.from_numpy(x.reshape(TEST, -1, *shape[-2:]).astype("f4") / numpy.float32(255)), torch.from_numpy(y.astype("i8")))
        assert y.max() < classes
    return sets


def run(cloudless, *args):
    done = subprocess.run([cloudless, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"FAIL: cloudless {' '.join(args)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def models(cloudless):
    schema = json.loads(run(cloudless, "check", "--schema"))
    return schema["properties"]["job"]["properties"]["model"]["anyOf"][0]["enum"]


def check(cloudless, work, model, name, data):
    state = f"{work}/{name}-{model['name']}-{len(model)}"
    topology = {
        "job": {"name": "exported", "model": model, "batch": 32, "epochs": 2, "data": {"dir": f"{work}/{name}"}},
        "regions": [{"name": "here", "data_share": 1, "shards": 2}],
    }
    with open(f"{state}.yaml", "w") as file:
        json.dump(topology, file)
    run(cloudless, "up", f"{state}.yaml", "--state", state, "--quiet", "--report", f"{state}.json")
    run(cloudless, "checkpoint", "export", "--state", state, "--region", "here", "-o", f"{state}.safetensors")
    with open(f"{state}.json") as file:
        reported = round(json.load(file)["test_accuracy"] * TEST)
    x, y = data[name]
    read = Model(f"{state}.safetensors")
    assert read.spec["input"] == list(x.shape[1:]) and read.spec["name"] == model["name"], read.spec
    with torch.no_grad():
        right = int((read(x).argmax(1) == y).sum())
    print(f"{model} on {name}: {right} of {TEST} right, reported {reported}", flush=True)
    return right == reported


# Which data a model is trained on here; a model that is not named is trained on pictures. The ledger counts, and computes nothing;
# deepfm is trained on tables, and says nothing of its layers yet.
NOT_HERE = {"ledger", "deepfm"}
# Minutes of computing for the same operations as resnet20's.
LONG = {("resnet18", "color")}


def main(cloudless):
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        data = make_data(work)
        cases = [({"name": name}, kind) for name in models(cloudless) if name not in NOT_HERE for kind in data if (name, kind) not in LONG]
        cases.append(({"name": "mlp", "hidden": [31, 17, 9], "classes": 12}, "gray"))
        wrong = [case for case in cases if not check(cloudless, work, *case, data)]
    if wrong:
        sys.exit(f"FAIL: PyTorch computes something else from these files: {wrong}")


main(sys.argv[1])
