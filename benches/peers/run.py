"""Ours beside the peers: alternates them round by round and writes benches/PEERS.md.

    python benches/peers/run.py                                     # everything, some ten minutes
    python benches/peers/run.py --rows linear mlp/128 --threads 2   # to the screen
    python benches/peers/run.py --quick                             # two short rounds, to the screen

In a round each side is a process of its own that measures the rows of a group one after the other, ours first. A ratio is
time of theirs over ours of the same round. What a row computed is compared between the sides, and a difference ends the
program. All may use the same number of threads. The peers keep the pages that they free (glibc's MALLOC_MMAP_MAX_ and
MALLOC_TRIM_THRESHOLD_), which spares them page faults in every step; ours frees nothing in a step.
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
OURS = "lacuna"
# Columns of the tables by the name of the peer in a line of JSON.
COLUMNS = {
    "pytorch": "PyTorch",
    "pytorch-adam": "PyTorch, plain Adam",
    "pytorch-fused": "PyTorch, fused Adam",
    "pytorch-loader": "PyTorch, DataLoader, plain Adam",
    "pytorch-indexed": "PyTorch, rows by index, fused Adam",
    "scikit-learn": "scikit-learn",
    "candle": "candle",
    "burn": "burn (flex)",
}
# Two ways of the same library, of which the faster one counts.
BETTER = [("pytorch-adam", "pytorch-fused"), ("pytorch-loader", "pytorch-indexed")]


class Group:
    """Rows that a process measures one after the other: their words, the sides that have them, the largest relative difference
    of their values, seconds of a row as a share of the usual, and in which rounds they are measured."""

    def __init__(self, title, words, sides, tolerance, share=1.0, every=1):
        self.title, self.words, self.sides = title, words, sides
        self.tolerance, self.share, self.every = tolerance, share, every


STEPS = "Training steps: forward, loss, backward, Adam"
GROUPS = [
    Group(STEPS, ["linear", "mlp"], ["pytorch", "candle", "burn"], 2e-3),
    Group(STEPS, ["cnn/16", "cnn/128"], ["pytorch", "candle", "burn"], 2e-3),
    Group(STEPS, ["cnn/1024"], ["pytorch", "candle", "burn"], 2e-3, every=3),
    Group("Losses: value and gradient, 1024 x 80", ["loss"], ["pytorch"], 1e-4),
    Group("Metrics: 40,000 x 80", ["metric"], ["scikit-learn"], 1e-9, every=2),
    Group("A run: 3,000 rows x 2048 -> 80, 10 epochs, batch 16", ["run"], ["pytorch"], 0.05, every=2),
    Group("Functions of 32,768 floats, and products", ["map", "product"], ["pytorch"], 1e-5, share=0.3),
]


def missing(packages):
    """Python packages that cannot be imported."""
    return [package for package, module in packages.items() if importlib.util.find_spec(module) is None]


def binary(folder, arguments, executable):
    """Builds a program of ours or of the package of Rust's peers; the path, or what went wrong."""
    try:
        about = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
        about = json.loads(subprocess.run(about, cwd=folder, check=True, capture_output=True, text=True).stdout)
        build = ["cargo", "build", "--release", *arguments]
        subprocess.run(build, cwd=folder, check=True, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None, "there is no cargo on the path"
    except subprocess.CalledProcessError as error:
        return None, "cargo could not build it: " + next(iter(error.stderr.strip().splitlines()[-1:]), "")
    return Path(about["target_directory"]) / "release" / executable, None


def sides(without):
    """The command of every side that can be measured, and of the others why not."""
    commands, absent = {}, {}
    ours, error = binary(root, ["-p", "lacuna-benches", "--example", "ours"], "examples/ours")
    if error:
        sys.exit(f"error: our side: {error}")
    commands[OURS] = [ours]
    python = {
        "pytorch": ("pytorch.py", {"torch": "torch", "numpy": "numpy"}),
        "scikit-learn": ("metrics.py", {"scikit-learn": "sklearn", "numpy": "numpy"}),
    }
    for side, (script, packages) in python.items():
        if lacking := missing(packages):
            absent[side] = f"pip install {' '.join(lacking)}"
        else:
            commands[side] = [sys.executable, here / script, "--json"]
    if not {"candle", "burn"} <= set(without):
        rust, error = binary(here / "rust", ["--locked"], "lacuna-peers")
        for side in "candle", "burn":
            if error:
                absent[side] = error
            else:
                commands[side] = [rust, side]
    for side in without:
        commands.pop(side, None)
        absent[side] = "left out by --without"
    return commands, absent


def measure(side, command, words, threads, seconds):
    """The lines of one process."""
    count, variables = str(threads), {}
    if side != OURS:
        pools = "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"
        variables = {name: count for name in pools}
        variables |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
    command = [*map(str, command), *words, "--threads", count, "--seconds", str(seconds)]
    start, of_others = time.monotonic(), busy_of_others()
    ran = subprocess.run(command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(f"error: {' '.join(command)} ended with {ran.returncode}\n{ran.stderr}")
    others = (busy_of_others() - of_others) / (time.monotonic() - start)
    return [json.loads(line) | {"others": others} for line in ran.stdout.splitlines()]


def busy_of_others():
    """Seconds that the processors have worked so far, or were taken away by a hypervisor, but for processes of this program; 0
    where Linux does not tell."""
    try:
        columns = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, columns[:8])
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy - children.ru_utime - children.ru_stime


def compare(ours, theirs, tolerance):
    """Whether both sides computed the same."""
    for a, b in zip(ours["values"], theirs["values"], strict=True):
        if not abs(a - b) <= tolerance * max(abs(a), abs(b)):
            row, peer = theirs["row"], theirs["peer"]
            sys.exit(f"error: {row}: {a!r} here, {b!r} of {peer}; relative differences up to {tolerance} are expected")


def alternate(commands, wanted, threads, rounds, seconds):
    """All lines, each with its round."""
    lines = []
    for group in GROUPS:
        words = chosen(group.words, wanted)
        for count in threads if words else []:
            for number in range(0, rounds, group.every):
                ours = {}
                for side in [OURS, *group.sides]:
                    if side not in commands:
                        continue
                    for line in measure(side, commands[side], words, count, seconds * group.share):
                        if side == OURS:
                            ours[line["row"]] = line
                        else:
                            compare(ours[line["row"]], line, group.tolerance)
                        lines.append(line | {"round": number, "group": group.title})
                print(f"{' '.join(words)}, threads {count}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return lines


def chosen(words, wanted):
    """Those of a group's words, or parts of them, that were asked for."""
    if not wanted:
        return words
    picked = [word for word in words if word in wanted or word.split("/")[0] in wanted]
    return picked + [want for want in wanted if want not in words and want.split("/")[0] in words]


def ratio(values):
    """Median and range of ratios."""
    return f"**{statistics.median(values):.2f}** ({min(values):.2f}-{max(values):.2f})"


def tables(lines):
    """A table for each group and number of threads."""
    seconds, rows, peaks, others = {}, {}, {}, {}
    for line in lines:
        table = line["group"], line["threads"]
        seconds.setdefault((line["threads"], line["row"], line["peer"]), {})[line["round"]] = line["seconds"]
        rows.setdefault(table, {})[line["row"]] = None
        peaks.setdefault(table, []).extend([line["peak"]] if "peak" in line else [])
        others.setdefault(table, []).append(line["others"])
    text = []
    for (title, threads), names in rows.items():
        peers = [peer for peer in COLUMNS if any((threads, row, peer) in seconds for row in names)]
        # A column is a list of peers of which the fastest of a round counts.
        columns = []
        for peer in peers:
            columns.append((COLUMNS[peer], [peer]))
            columns += [("better of the two", list(pair)) for pair in BETTER if pair[1] == peer and pair[0] in peers]
        heads = ["row", "ours, us", *(head for head, _ in columns)]
        lowest, highest = min(peaks[title, threads]), max(peaks[title, threads])
        text += [f"### {title}, {threads} thread{'s' * (threads > 1)}", ""]
        text += [
            f"Peak of the fused multiply-adds of all threads, sampled beside ours: {lowest:.0f}-{highest:.0f} GF/s. Other programs of",
            f"the machine used {max(others[title, threads]):.2f} processors at most.",
            "",
        ]
        text += ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
        for row in names:
            ours = seconds[threads, row, OURS]
            cells = []
            for _, of in columns:
                times = [seconds.get((threads, row, peer), {}) for peer in of]
                cells.append([min(time[r] for time in times) / ours[r] for r in times[0]])
            median = f"{1e6 * statistics.median(ours.values()):,.1f}"
            text.append("| " + " | ".join([row, median, *(ratio(cell) if cell else "-" for cell in cells)]) + " |")
        text.append("")
    return text


def processor():
    """Name, cores and caches as lscpu has them."""
    try:
        printed = subprocess.run(["lscpu", "--json"], check=True, capture_output=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown (no lscpu)"

    def flat(fields):
        for field in fields:
            yield field["field"].rstrip(":"), field["data"]
            yield from flat(field.get("children", []))

    found = dict(flat(json.loads(printed)["lscpu"]))
    caches = [f"{name.removesuffix(' cache')} {found[name]}" for name in ("L1d cache", "L2 cache", "L3 cache") if name in found]
    family = f"family {found.get('CPU family')}, model {found.get('Model')}"
    return f"{found.get('Model name')} ({family}), {found.get('CPU(s)')} CPUs; caches {', '.join(caches)}"


def versions(commands):
    """Of everything that was measured."""
    about = json.loads(subprocess.run([commands[OURS][0], "--about"], check=True, capture_output=True, text=True).stdout)
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True).stdout.strip()
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    found = [f"lacuna {about['version']} {revision} ({about['instructions']})", rustc]
    packages = {"pytorch": "torch", "scikit-learn": "scikit-learn"}
    found += [f"{name} {importlib.metadata.version(name)}" for side, name in packages.items() if side in commands]
    lock = tomllib.loads((here / "rust/Cargo.lock").read_text())
    crates = {"candle": "candle-core", "burn": "burn"}
    for side, crate in crates.items():
        if side in commands:
            found.append(f"{side} " + next(p["version"] for p in lock["package"] if p["name"] == crate))
    return ", ".join(found)


def report(lines, absent, commands, rounds, seconds):
    text = [
        "# Ours beside the peers",
        "",
        "Time of theirs over ours: above 1 ours is faster. Median, and in brackets the range over the rounds, in which the sides",
        f"take turns ({rounds} rounds, {seconds} s a row). `benches/peers/run.py` writes this file; `benches/peers/README.md` says",
        "what a row is and how it is measured.",
        "",
        f"- Date: {datetime.date.today()}",
        f"- Processor: {processor()}",
        f"- Versions: {versions(commands)}",
    ]
    text += [f"- Not measured: {COLUMNS[side]} ({why})" for side, why in absent.items()]
    return "\n".join(text + [""] + tables(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", metavar="WORD", help="rows, or groups: what stands before the slash")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas between them")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a row in a round")
    parser.add_argument("--quick", action="store_true", help="two rounds of a tenth of a second")
    parser.add_argument("--without", nargs="+", default=[], choices=["pytorch", "scikit-learn", "candle", "burn"])
    parser.add_argument("--json", help="file for every measured line")
    parser.add_argument("--out", help="file for the tables; benches/PEERS.md where everything is measured")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 2, 0.1
    threads = [int(count) for count in args.threads.split(",")]
    words = {word.split("/")[0] for group in GROUPS for word in group.words}
    for want in args.rows or []:
        if want.split("/")[0] not in words:
            parser.error(f"no row is called {want}; the groups are {', '.join(sorted(words))}")
    commands, absent = sides(args.without)
    for side, why in absent.items():
        print(f"not measured: {side}: {why}", file=sys.stderr)
    lines = alternate(commands, args.rows, threads, args.rounds, args.seconds)
    if args.json:
        Path(args.json).write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = report(lines, absent, commands, args.rounds, args.seconds)
    out = args.out or (root / "benches/PEERS.md" if not (args.rows or args.quick) else None)
    if out:
        Path(out).write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
