# A reader of models that `cloudless checkpoint export` has written: it knows operations, and no model. What it computes is said in the
# file's metadata (deploy/cli/README.md, "What an exported model says of itself").
import json

import numpy
import torch
import torch.nn.functional as F

OPERATIONS = {
    "conv2d": lambda t, o, x: F.conv2d(x, t[o["weight"]], t[o["bias"]] if "bias" in o else None, o["stride"], o["padding"]),
    "max_pool2d": lambda t, o, x: F.max_pool2d(x, o["size"], o["stride"]),
    "batch_norm2d": lambda t, o, x: F.batch_norm(
        x, t[o["running_mean"]], t[o["running_var"]], t[o["weight"]], t[o["bias"]], eps=o["epsilon"]),
    "relu": lambda t, o, x: F.relu(x),
    "add": lambda t, o, x, y: x + y,
    "mean": lambda t, o, x: x.mean((2, 3)),
    "linear": lambda t, o, x: F.linear(x.flatten(1), t[o["weight"]], t[o["bias"]]),
}


class Model:
    def __init__(self, path):
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            data = file.read()
        said = header.pop("__metadata__")
        self.layers, self.spec = json.loads(said["layers"]), json.loads(said["model_spec"])
        self.tensors = {}
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            values = numpy.frombuffer(data[first:end], "<f4").reshape(entry["shape"])
            self.tensors[name] = torch.from_numpy(values.copy())

    # Samples (count, channels, height, width), scaled as `input_scale` says; a value for each class comes out.
    def __call__(self, samples):
        outputs = [samples]
        for layer in self.layers:
            read = [outputs[number] for number in layer["from"]]
            outputs.append(OPERATIONS[layer["op"]](self.tensors, layer, *read))
        return outputs[-1]
