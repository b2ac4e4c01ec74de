"""What the peers written in Python share: the numbers they compute with, the clock, and the lines they print."""

import argparse
import json
import time

import numpy as np

INPUT, LABELS, PARAMETERS = 1, 2, 16


def pattern(count, salt):
    """`lacuna_benches::pattern::series`: uniform in [-1/2, 1/2), multiples of 2^-24."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(salt * 0x9E3779B9 & 0xFFFFFFFF)
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
    h ^= h >> 16
    return (h >> 8).astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)


def positives(count, share):
    """Which cells of a matrix of labels are positive."""
    return pattern(count, LABELS) + np.float32(0.5) < np.float32(share)


class Rows:
    """The rows that were asked for; each is measured as `benches/examples/ours.rs` measures its own."""

    def __init__(self, doc):
        parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("rows", nargs="*", help="a row, or its group: what stands before the slash. Without any: all")
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument("--seconds", type=float, default=0.5, help="of a row")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
        self.args = parser.parse_args()

    def row(self, peer, name, make):
        """Measures what `make` returns, a function without arguments that returns a list of numbers."""
        if self.args.rows and not {name, name.split("/")[0]} & set(self.args.rows):
            return
        work, seconds = make(), self.args.seconds
        start = time.perf_counter()
        values = [float(value) for value in work()]
        while time.perf_counter() - start < 0.2 * seconds:
            work()
        samples, start = [], time.perf_counter()
        while not samples or time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            work()
            samples.append(time.perf_counter() - begin)
        samples.sort()
        median = samples[len(samples) // 2]
        if self.args.json:
            line = {"peer": peer, "row": name, "threads": self.args.threads, "seconds": median, "minimum": samples[0]}
            print(json.dumps(line | {"samples": len(samples), "values": values}), flush=True)
        else:
            print(f"{peer:<16} {name:<22} {median * 1e6:12.1f} us  {' '.join(f'{v:.7g}' for v in values)}", flush=True)
