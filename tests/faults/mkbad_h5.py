#!/usr/bin/python3
"""Malicious and damaged network files, each with the cause that must be named: needs python3-h5py.
usage: mkbad_h5.py OUTDIR [MUTATIONS]   writes NAME.h5 and OUTDIR/expect.json {NAME: [code, words]}"""
import json
import os
import random
import sys
import zlib

import h5py
import numpy as np

EXPECT = {}
OUT = "."


def path(name, code=None, words=""):
    if code:
        EXPECT[name] = [code, words]
    return os.path.join(OUT, name + ".h5")


def dense(name="dense", **more):
    return {"class_name": "Dense", "config": {"name": name, "units": 8, "activation": "relu", "use_bias": True} | more}


def sequential(layers, shape=(None, 64)):
    first = {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": list(shape)}}
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [first, *layers]}}


def write(target, config, kernel=None, bias=None, layers=("dense",), names=True, version="2.15.0", weights=True):
    with h5py.File(target, "w") as f:
        f.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        f.attrs["keras_version"] = version
        g = f.create_group("model_weights")
        g.attrs["layer_names"] = np.array([n.encode() for n in layers])
        for layer in layers if weights else ():
            s = g.create_group(layer)
            d = s.create_group(layer)
            d.create_dataset("kernel:0", data=np.full((64, 8), 0.5, "f4") if kernel is None else kernel)
            d.create_dataset("bias:0", data=np.zeros(8, "f4") if bias is None else bias)
            if names:
                s.attrs["weight_names"] = np.array([f"{layer}/kernel:0".encode(), f"{layer}/bias:0".encode()])


def containers():
    write(path("good"), sequential([dense()]))
    with h5py.File(path("external_storage", 209, "another file"), "w") as f:
        f.create_dataset("w", (4,), dtype="f4", external=[("/etc/passwd", 0, 16)])
    with h5py.File(path("external_link", 209, "link to another file"), "w") as f:
        f["model_weights"] = h5py.ExternalLink(os.path.abspath(path("good")), "/model_weights")
    with h5py.File(path("soft_loop", 209, "soft link"), "w") as f:
        f["a"] = h5py.SoftLink("/b")
        f["b"] = h5py.SoftLink("/a")
    with h5py.File(path("hard_cycle", 209, "cycle"), "w") as f:
        f.create_group("g")["up"] = f["/"]
    layout = h5py.VirtualLayout((64, 8), "f4")
    layout[:] = h5py.VirtualSource(os.path.abspath(path("good")), "model_weights/dense/dense/kernel:0", (64, 8))
    with h5py.File(path("virtual", 209, "virtual dataset"), "w") as f:
        f.create_virtual_dataset("v", layout)
    with h5py.File(path("shape_bomb", 207, "2^31"), "w") as f:
        f.create_dataset("w", (1 << 40,), dtype="f4", chunks=(1 << 20,))
    packed, space = zlib.compress(bytes(1 << 24), 9), h5py.h5s.create_simple((1 << 14, 1 << 12))
    with h5py.File(path("gzip_bomb", 207, "unpacks to"), "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1 << 10, 1 << 12))
        plist.set_deflate(9)
        d = h5py.h5d.create(f.id, b"w", h5py.h5t.IEEE_F32LE, space, plist)
        for i in range(16):
            d.write_direct_chunk((i << 10, 0), packed, 0)
    with h5py.File(path("deep", 207, "nested more than"), "w") as f:
        g = f
        for _ in range(2000):
            g = g.create_group("g")
    with h5py.File(path("many_links", 202, "not of Keras"), "w") as f:
        for i in range(20000):
            f.create_group("%05d" % i)
    with h5py.File(path("esc_name", 202, "not of Keras"), "w") as f:
        f.create_group("a\x1b]0;pwn\x07b")
        f.create_group("\u202egnp.exe")
    with h5py.File(path("huge_attr", 207, "nested more than"), "w", libver="latest") as f:
        f.attrs["model_config"] = np.bytes_(b"[" * (8 << 20))
    with h5py.File(path("vlen_attr", 205, "weights of 50 layers alone"), "w") as f:
        f.attrs["layer_names"] = np.array(["x" * 100000] * 50, dtype=h5py.string_dtype())
    space = h5py.h5s.create_simple((4,))
    with h5py.File(path("unknown_filter", 209, "filter 32000"), "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(32000, h5py.h5z.FLAG_OPTIONAL, ())
        d = h5py.h5d.create(f.id, b"w", h5py.h5t.IEEE_F32LE, space, plist)
        d.write_direct_chunk((0,), np.arange(4, dtype="f4").tobytes(), 0)
    with open(path("zip", 202, "save"), "wb") as f:
        f.write(b"PK\3\4" + bytes(100))
    with open(path("text", 202, "no HDF5 signature"), "wb") as f:
        f.write(b"this is no network\n" * 20)
    with open(path("empty"), "wb"):
        pass


def networks():
    nan = np.full((64, 8), 0.5, "f4")
    nan[3, 3] = np.nan
    write(path("nan_weights", 205, "NaN"), sequential([dense()]), kernel=nan)
    write(path("infinite_bias", 205, "infinite"), sequential([dense()]), bias=np.full(8, np.inf, "f4"))
    write(path("no_weights", 205, "weights missing for layer 'dense'"), sequential([dense()]), weights=False)
    write(path("shape_differs", 206, "expected"), sequential([dense()], (None, 63)))
    write(path("units_differ", 206, "expected"), sequential([dense(units=9)]))
    write(path("json_deep", 207, "nested more than"), '{"class_name":"Sequential","config":' + "[" * 100000 + "]" * 100000 + "}")
    write(path("json_deep_object", 207, "nested more than"), '{"a":' * 100000 + "1" + "}" * 100000)
    write(path("json_duplicate", 208, "duplicate"), '{"class_name":"Sequential","class_name":"Model","config":{}}')
    write(path("json_broken", 208, "no JSON"), '{"class_name":"Sequential","config":{')
    write(path("json_list", 208, "not a JSON object"), "[1,2,3]")
    with h5py.File(path("million_layers", 207, ""), "w", libver="latest") as f:
        one = '{"class_name":"ReLU","config":{"name":"r"}}'
        f.attrs["model_config"] = np.bytes_(('{"class_name":"Sequential","config":{"layers":[' + ",".join([one] * 1000000) + "]}}").encode())
    write(path("lambda_and_custom", 204, "'Lambda' (layer 'l'), layer class 'Mine' (layer 'm')"),
          sequential([dense(), {"class_name": "Lambda", "config": {"name": "l", "function": ["cGFzcw==", None, None]}},
                      {"class_name": "Mine", "config": {"name": "m"}}]))
    write(path("negative_units", 208, ""), sequential([dense(units=-8)]))
    write(path("huge_units", 206, ""), sequential([dense(units=2147483647)]))
    write(path("subclassed", 204, "subclassed"), {"class_name": "MyModel", "config": {"layers": []}})
    loop = {"name": "net", "layers": [
        {"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_input_shape": [None, 64]}, "inbound_nodes": []},
        dense() | {"name": "dense", "inbound_nodes": [[["act", 0, 0, {}]]]},
        {"class_name": "ReLU", "name": "act", "config": {"name": "act"}, "inbound_nodes": [[["dense", 0, 0, {}]]]}],
        "input_layers": [["in", 0, 0]], "output_layers": [["act", 0, 0]]}
    write(path("graph_loop", 208, "needs its own result"), {"class_name": "Functional", "config": loop})
    nested = dense()
    for i in range(40):
        nested = {"class_name": "Sequential", "config": {"name": "s%d" % i, "layers": [nested]}}
    write(path("nested_networks", 207, "nested more than"), nested)
    big = [{"class_name": "UpSampling2D", "config": {"name": "u%d" % i, "size": [1024, 1024]}} for i in range(6)]
    write(path("growing_tensor", 0, ""), sequential(big, (None, 64, 64, 8)))
    write(path("many_inputs", 208, ""), {"class_name": "Functional", "config": {"name": "n", "layers": [], "input_layers": [], "output_layers": []}})
    write(path("escape_in_name", 204, ""), sequential([{"class_name": "Evil\x1b[2J\u202e", "config": {"name": "\x07\x1b]0;x\x07"}}]))


def damaged(count):
    whole = open(path("good"), "rb").read()
    random.seed(1)
    for n in (1, 7, 8, 9, 95, 96, 511, 512, 800, len(whole) // 2, len(whole) - 1):
        with open(path("trunc_%05d" % n, 203 if n >= 8 else 0), "wb") as f:
            f.write(whole[:n])
    for i in range(count):
        x = bytearray(whole)
        for _ in range(random.choice((1, 1, 2, 4, 16))):
            x[random.randrange(min(len(x), 4096))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        with open(path("mut_%05d" % i), "wb") as f:
            f.write(x)


def main():
    global OUT
    OUT = sys.argv[1]
    os.makedirs(OUT, exist_ok=True)
    containers()
    networks()
    damaged(int(sys.argv[2]) if len(sys.argv) > 2 else 200)
    with open(os.path.join(OUT, "expect.json"), "w") as f:
        json.dump(EXPECT, f, indent=1)
    print(len(os.listdir(OUT)), "files")


if __name__ == "__main__":
    main()
