#!/usr/bin/python3
"""Agreement with Keras: every NAME.json beside NAME.h5, run through the real program (clinic model run).

  parity.py [--build DIR] [--isa scalar|avx2|avx512] [--threads N] [--only TEXT] [FOLDER...]

Prints case, Keras version, max |difference|, pass. Folders: tests/golden/nn/keras and, where present, the reference data.
Bounds: |a-b| <= 1e-5 + 1e-4 |b|; whole networks 2e-5 + 1e-3 |b| (EfficientNetV2B0, ill-conditioned with its weights, 5e-4);
half-precision cases 5e-3, because this program computes them in single precision."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("CLINIC_SHARED", TREE.parent / "shared"))


def noise(n, seed):
    m = np.uint64(0xFFFFFFFF)
    h = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed)) & m
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & m
    h ^= h >> np.uint64(13)
    return h.astype(np.float32) / np.float32(4294967296.0)


def pattern(name, shape, k, vocabulary=None):
    n = int(np.prod(shape))
    i = np.arange(n, dtype=np.int64)
    if vocabulary:
        x = (i * 7 + 3 + k) % min(vocabulary, 50)
    elif name == "p0":
        x = noise(n, 12345 + 1000003 * k)
    elif name == "p1":
        x = ((i * 7 + 13 * k) % 256).astype(np.float32) / np.float32(255)
    elif name == "p2":
        x = np.float32(2) * noise(n, 54321 + 1000003 * k) - np.float32(1)
    else:
        x = np.full(n, 0.5)
    return x.astype(np.float32).reshape(shape)


def bounds(path):
    if "float16" in path.name:
        return 5e-3, 5e-3
    if path.stem == "EfficientNetV2B0":
        return 5e-4, 1e-3
    return (2e-5, 1e-3) if path.parent.name in ("networks", "nets") else (1e-5, 1e-4)


def keras_version(path):
    try:
        import h5py
        with h5py.File(path) as f:
            v = f.attrs.get("keras_version", "?")
            return v.decode() if isinstance(v, bytes) else str(v)
    except Exception:
        return "?"


class Parity:
    def __init__(self, args, work):
        self.args, self.work = args, pathlib.Path(work)
        self.clinic = pathlib.Path(args.build) / "bin" / "clinic"
        self.env = dict(os.environ, CLINIC_HOME=str(self.work / "home"))

    def call(self, path, inputs, outputs):
        command = [str(self.clinic), "model", "run", str(path)]
        for name in inputs:
            command += ["--input", name]
        for name in outputs:
            command += ["--output", name]
        command += ["--threads", str(self.args.threads)]
        if self.args.isa:
            command += ["--isa", self.args.isa]
        return subprocess.run(command, capture_output=True, text=True, env=self.env)

    def case(self, path, reference, case):
        """Largest difference, and whether all are within the bounds."""
        tokens = reference.get("token_inputs") or {}
        inputs, outputs = [], []
        for k, shape in enumerate(reference["input_shapes"]):
            x = np.float32(reference.get("input_scale", 1)) * pattern(case["pattern"], shape, k, tokens.get(str(k)))
            inputs.append(str(self.work / f"in{k}.npy"))
            np.save(inputs[-1], x)
        for k in range(len(case["outputs"])):
            outputs.append(str(self.work / f"out{k}.npy"))
        done = self.call(path, inputs, outputs)
        if done.returncode:
            return float("nan"), False, done.stderr.strip().splitlines()[-1][:160] if done.stderr else "failed"
        worst, ok = 0.0, True
        absolute, relative = bounds(path)
        for k, want in enumerate(case["outputs"]):
            want, ours = np.array([float(v) for v in want]), np.load(outputs[k])
            if list(ours.shape) != case["output_shapes"][k]:
                return float("nan"), False, f"shape {list(ours.shape)}, expected {case['output_shapes'][k]}"
            d = np.abs(ours.ravel()[:len(want)].astype(np.float64) - want)
            worst = max(worst, float(d.max(initial=0)))
            ok = ok and bool((d <= absolute + relative * np.abs(want)).all())
        return worst, ok, ""

    def network(self, path, reference):
        if reference.get("expect") == "unsupported":
            done = self.call(path, [], [str(self.work / "out0.npy")])
            return 0.0, done.returncode == 2 and "support" in done.stderr, "refused"
        worst, ok, note = 0.0, True, ""
        for case in reference["cases"]:
            d, passed, text = self.case(path, reference, case)
            worst, ok, note = max(worst, d) if d == d else d, ok and passed, text or note
        return worst, ok, note


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default=str(TREE / "build"))
    p.add_argument("--isa", default="")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--only", default="")
    p.add_argument("folders", nargs="*")
    args = p.parse_args()
    folders = args.folders or [TREE / "tests/golden/nn/keras", SHARED / "keras/real", SHARED / "keras/layers"]
    files = [f for folder in folders for f in sorted(pathlib.Path(folder).glob("*.json")) if args.only in f.name]
    if not args.folders and not (SHARED / "keras").is_dir():
        print("skipped: reference data not present", file=sys.stderr)
    n = bad = 0
    print(f"{'case':44} {'keras':10} {'max |d|':>9}  pass")
    with tempfile.TemporaryDirectory() as work:
        parity = Parity(args, work)
        for f in files:
            path, reference = f.with_suffix(".h5"), json.loads(f.read_text())
            if not path.exists() or reference.get("weights_only"):
                continue
            worst, ok, note = parity.network(path, reference)
            n, bad = n + 1, bad + (not ok)
            print(f"{path.stem[:44]:44} {keras_version(path)[:10]:10} {worst:9.2g}  {'yes' if ok else 'NO'}  {note}", flush=True)
    print(f"{n} networks, {n - bad} pass, {bad} fail")
    return bad != 0 or n == 0


if __name__ == "__main__":
    sys.exit(main())
