#!/usr/bin/python3
"""Speed of networks. make bench

Ours alone: every installed network, 1 and 2 threads, every instruction set this processor has, start to first result, memory, packed size.
Beside the peers (ONNX Runtime, OpenVINO, LiteRT, ncnn) where they are installed: CLINIC_PEERS_PYTHON names a Python that has them,
CLINIC_PEERS_NETS the folder that `peers.py prepare` filled, CLINIC_SHARED (default ../shared) the folder with bench/peers.py. Ratios are of one run:
engines take turns."""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def bench(clinic, network, threads, runs, isa=None):
    command = [clinic, "bench", network, "--threads", str(threads), "--runs", str(runs), "--json"] + (["--isa", isa] if isa else [])
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout) if done.returncode == 0 else None


def packed_mb(clinic, network):
    shown = subprocess.run([clinic, "model", "show", network, "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return json.loads(shown.stdout).get("packed_bytes", 0) / 1e6 if shown.returncode == 0 else 0


def ours(clinic, runs):
    listed = subprocess.run([clinic, "model", "list", "--json"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    print(f"{'network':<18}{'threads':>8}{'isa':>8}{'median ms':>11}{'min ms':>9}{'first ms':>10}{'RSS MB':>8}{'packed MB':>11}")
    for row in json.loads(listed.stdout)["results"]:
        for threads in (1, 2):
            for isa in ("scalar", "avx2", "avx512"):
                timed = bench(clinic, row["id"], threads, runs if isa != "scalar" else 2, isa)
                if timed is None:
                    continue  # this processor has no such row
                first = bench(clinic, row["id"], threads, 0, isa)
                print(f"{row['id']:<18}{threads:>8}{isa:>8}{timed['median_ms']:>11.2f}{timed['min_ms']:>9.2f}{first['start_to_first_ms']:>10.1f}"
                      f"{first['peak_rss_mb']:>8.1f}{packed_mb(clinic, row['id']):>11.1f}", flush=True)


def beside_peers(clinic, args):
    shared = pathlib.Path(os.environ.get("CLINIC_SHARED", ROOT.parent / "shared"))
    script, python, nets = shared / "bench" / "peers.py", os.environ.get("CLINIC_PEERS_PYTHON"), os.environ.get("CLINIC_PEERS_NETS")
    if not script.is_file() or not python or not nets:
        print("\nskipped: peers (set CLINIC_PEERS_PYTHON and CLINIC_PEERS_NETS, see tests/bench/README.md)")
        return 0
    command = f"{clinic} bench {{model}} --threads {{threads}} --runs {{calls}} --json"
    chosen = [word for name in args.net for word in ("--net", name)]
    for what in (["run", nets, "--threads", args.threads], ["start", nets]):
        if what[0] == "start" and not chosen:
            chosen = ["--net", "mobilenetv2_100"]
        print(flush=True)
        rc = subprocess.run([python, script, *what, *chosen, "--ours", command], check=False).returncode
        if rc:
            return rc
    return 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default="build")
    options.add_argument("--runs", type=int, default=30)
    options.add_argument("--threads", default="1,2")
    options.add_argument("--net", action="append", default=[], help="one network of the peers' folder; may be repeated")
    args = options.parse_args()
    clinic = str((ROOT / args.build / "bin" / "clinic").resolve())
    print(f"{processor()}, {os.cpu_count()} processors", flush=True)
    ours(clinic, args.runs)
    return beside_peers(clinic, args)


if __name__ == "__main__":
    sys.exit(main())
