#!/usr/bin/env python3
"""Processor time per call of our engine and of others, one thread, in turns: for machines that are never quiet.

    V/bin/python cpu_time.py NETS --peers-script ../shared/bench/peers.py --ours BUILD/tests/bench/run_net [--net NAME]...

NETS and V as peers.py makes them. Processor time leaves out the time in which the process had no core, so that the
figures of a busy machine can be compared; what the neighbours do to caches and memory stays in them. The least and the
median of all calls; ratio: ours over the best peer. Peers that start threads of their own are asked for one."""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import time


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("dir")
    ap.add_argument("--peers-script", required=True)
    ap.add_argument("--ours", required=True)
    ap.add_argument("--net", action="append")
    ap.add_argument("--rounds", type=int, default=8)
    ap.add_argument("--calls", type=int, default=3)
    a = ap.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    spec = importlib.util.spec_from_file_location("peers", a.peers_script)
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    for net in a.net or list(peers.NETS):
        engines, took = {}, {"ours": []}
        for name in peers.ENGINES:
            if peers.have(a.dir, net, name):
                engines[name] = peers.Engine(name, a.dir, net, 1)
                took[name] = []
                for _ in range(2):
                    engines[name].call()
        for _ in range(a.rounds):
            for name, engine in engines.items():
                for _ in range(a.calls):
                    t = time.process_time()
                    engine.call()
                    took[name].append((time.process_time() - t) * 1e3)
            p = subprocess.run([a.ours, "--bench", peers.path(a.dir, net, "h5"), "1", str(a.calls)],
                               capture_output=True, text=True, check=True)
            j = json.loads(p.stdout.splitlines()[-1])
            took["ours"] += [j["cpu_min_ms"], j["cpu_median_ms"]]
        least = {k: min(v) for k, v in took.items()}
        middle = {k: statistics.median(v) for k, v in took.items()}
        best = [min(v for k, v in d.items() if k != "ours") for d in (least, middle)]
        print("%-16s least %.3f  median %.3f | %s" % (
            net, least["ours"] / best[0], middle["ours"] / best[1],
            "  ".join("%s %.2f/%.2f" % (k, least[k], middle[k]) for k in took)), flush=True)


if __name__ == "__main__":
    main()
