#!/usr/bin/env python3
"""Fits the coefficients of the engines' memory rules that must be measured.

    python3 xtask/data/fit_memory.py

The inputs are written by the crate's test `write_inputs_of_the_fits`: processes.csv, whole
processes of llama.cpp with the known parts of their memory, and comparisons.csv, every figure with its
prediction. The cases themselves are tests/data/measured-memory.json, written by memory_cases.py.
Each fit is printed with its n, its residuals, the residuals of what was left out of it, and what it
does not explain; the coefficients in the engines' rules are set from them by hand. Only the
standard library is used.
"""

import csv
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GIB, MIB = 1 << 30, 1 << 20

# MiB of a CUDA context outside llama.cpp's buffers, by card: capacity in GiB, SMs, figures.
# The first is fitted from processes.csv; the next three are the rest of `memory_breakdown` lines and
# of one nvidia-smi difference. The others are what nvidia-smi showed of Qwen3.8-27B (sudoingX/qwen38-mtp,
# README.md and pull request 62), less the buffers that are estimated. Left out there are a desktop
# of unknown size (RTX 5090 on Windows), 3.7 GB that nothing explains (RTX PRO 6000) and figures in
# GB or GiB, which is not said.
CUDA = [
    ("8 GB laptop", 8, 26, None), ("RTX 5070", 12, 48, [244]), ("RTX 4090", 24, 128, [451, 456]),
    ("RTX PRO 6000", 96, 188, [749]), ("RTX 5060 laptop", 8, 26, [38]),
    ("RTX PRO 3000 laptop", 12, 46, [461]), ("RTX 5060 Ti", 16, 36, [367, 295]),
    ("RTX 5080", 16, 84, [521]), ("RTX 3090", 24, 82, [574]), ("RTX 3090 Ti", 24, 84, [560]),
    ("V100", 32, 80, [562]), ("RTX 5090", 32, 170, [859]), ("CMP 170HX", 64, 70, [582]),
]


def spread(name, values, unit=""):
    values = sorted(values)
    if not values:
        print(f"  {name}: no data")
        return
    q = lambda p: values[min(len(values) - 1, int(p * len(values)))]
    print(f"  {name}: n={len(values)} min {values[0]:.3g} median {statistics.median(values):.3g} "
          f"p90 {q(.9):.3g} max {values[-1]:.3g} {unit}")


def line(points):
    """Intercept and slope of least squares."""
    mx, my = (statistics.mean(p[i] for p in points) for i in (0, 1))
    slope = sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)
    return my - slope * mx, slope


def cuda(processes):
    print("CUDA context, MiB: two forms, a card left out at a time")
    rests = [p["rest"] for p in processes if p["backend"] == "cuda"]
    cards = [(name, gib, sms, statistics.mean(seen or rests)) for name, gib, sms, seen in CUDA]
    n = len(rests) + sum(len(seen or []) for *_, seen in CUDA)
    forms = {"capacity": lambda c: math.log2(c[1] / 4), "SMs": lambda c: c[2]}
    for form, x in forms.items():
        points = [(x(c), c[3]) for c in cards]
        a, b = line(points)
        left_out = []
        for i, (at, seen) in enumerate(points):
            a2, b2 = line(points[:i] + points[i + 1:])
            left_out.append(seen - a2 - b2 * at)
        show = lambda values: ", ".join(f"{v:+.0f}" for v in values)
        print(f"  {form}: n={n} of {len(cards)} cards, {a:.0f} + {b:.1f} x; residuals "
              f"{show(y - a - b * at for at, y in points)}; left out {show(left_out)}")
    print("  used: capacity, 180 MiB a doubling from 4 GiB, the median of the cards' ratios:",
          ", ".join(f"{seen / math.log2(gib / 4):.0f}" for _, gib, _, seen in cards))


def overhead(processes, backend, explained, name):
    """A constant in addition to `explained`, leaving out one model at a time."""
    runs = [p for p in processes if p["backend"] == backend]
    rest = {p["id"]: p["rest"] - explained(p) for p in runs}
    center = statistics.median(rest.values())
    print(f"{backend}, MiB beside {name}: {center:.0f}")
    spread("in sample", [abs(v - center) for v in rest.values()], "MiB off")
    left_out = []
    for model in {p["model"] for p in runs}:
        others = statistics.median(rest[p["id"]] for p in runs if p["model"] != model)
        left_out += [abs(rest[p["id"]] - others) for p in runs if p["model"] == model]
    spread("model left out", left_out, "MiB off")
    odd = [(p["id"], rest[p["id"]]) for p in runs if abs(rest[p["id"]] - center) > 250]
    print("  not explained:", ", ".join(f"{i} ({v:+.0f})" for i, v in odd) or "nothing")


def left_out_bounds(comparisons):
    """For each term with an interval: bounds of measured / expected that cover 92 % of the other
    models' figures, and how many of a left-out model's they cover."""
    print("\nBounds of measured / expected from the other models, on the model left out")
    groups = defaultdict(list)
    for c in comparisons:
        if c["high"] > c["low"] and c["expected"] > 0:
            groups[c["engine"], c["figure"]].append(c)
    for key, cases in sorted(groups.items()):
        models = {c["model"] for c in cases}
        if len(models) < 4:
            print(f"  {key[0]} {key[1]}: n={len(cases)} of {len(models)} models: too few")
            continue
        covered = 0
        for model in models:
            ratios = sorted(c["measured"] / c["expected"] for c in cases if c["model"] != model)
            cut = int(0.04 * len(ratios))
            low, high = ratios[cut], ratios[-1 - cut]
            covered += sum(low <= c["measured"] / c["expected"] <= high
                           for c in cases if c["model"] == model)
        inside = sum(c["low"] - c["printed"] <= c["measured"] <= c["high"] + c["printed"]
                     for c in cases)
        width = statistics.median((c["high"] - c["low"]) / c["expected"] for c in cases)
        print(f"  {key[0]} {key[1]}: n={len(cases)} of {len(models)} models, {covered} covered when "
              f"left out; shipped bounds cover {inside}, median width {100 * width:.0f} %")


LLAMA_CPP = ("llama.cpp", "ollama", "lmstudio", "koboldcpp", "ik_llama.cpp")


def kept():
    """How far reported use lies above what is expected at the load, and above its spread, with a thread's
    device left out of the bound: what is kept after prompts (`Term::Kept`)."""
    cases = json.loads((ROOT / "tests/data/cases.json").read_text())["cases"]
    cases = [c for c in cases if c.get("figure") in ("used_mib", "each_device_mib") and c.get("source")]
    queries = "\n".join(c["query"] for c in cases) + "\n"
    command = ["cargo", "run", "--quiet", "--bin", "headroom", "estimate", "--batch", "-"]
    answers = subprocess.run(command, cwd=ROOT, input=queries, capture_output=True, text=True, check=True)
    groups = defaultdict(list)
    for case, line_ in zip(cases, answers.stdout.splitlines()):
        cells = json.loads(line_)["cells"]
        if not cells:
            continue
        bill = max(cells[0]["devices"], key=lambda bill: bill["used_bytes"]["expected"])
        engine = cells[0]["engine"]
        kind = "MLX" if engine == "mlx" else "CUDA" if engine in LLAMA_CPP else engine
        if kind == "CUDA" and not any(i["term"] == "kept" for i in bill["items"]):
            continue
        highs = [(i["bytes"]["high"] - i["bytes"]["expected"]) / MIB for i in bill["items"] if i["term"] != "kept"]
        over = case["value"] - case.get("printed", 0) - bill["used_bytes"]["expected"] / MIB
        spread_ = math.hypot(*highs)
        needed = math.sqrt(max(0, over * abs(over) - spread_ ** 2))
        groups[kind, bill["device"], case["source"]].append(needed)
    print("\nKept after prompts, MiB: what the spread of the rest leaves unexplained")
    for kind in sorted({key[0] for key in groups}):
        own = {key: values for key, values in groups.items() if key[0] == kind}
        rows = sorted(v for values in own.values() for v in values)
        bound = lambda values: values[min(len(values) - 1, int(.9 * len(values)))]
        others = lambda key: sorted(v for k, values in own.items() if k != key for v in values)
        inside = sum(v <= bound(others(key)) for key, values in own.items() for v in values) if len(own) > 1 else 0
        print(f"  {kind}: {len(rows)} figures of {len(own)} groups, nine of ten below {bound(rows):.0f}; left out "
              f"{inside} inside; " + ", ".join(f"{v:.0f}" for v in rows[:-9:-1]))


def coverage(comparisons):
    print("\nCoverage of the shipped intervals by source, worst first")
    groups = defaultdict(list)
    for c in comparisons:
        inside = c["low"] - c["printed"] <= c["measured"] <= c["high"] + c["printed"]
        groups[c["engine"], c["source"] or "not named"].append(inside)
    rows = sorted((sum(g) / len(g), key, len(g)) for key, g in groups.items())
    for share, (engine, source), n in rows:
        if share < 0.9:
            print(f"  {100 * share:3.0f} % of {n:2} {engine}: {source}")
    print(f"  the other {sum(share >= 0.9 for share, *_ in rows)} of {len(rows)} sources: "
          "90 % or more")


def serving():
    """What vLLM printed: the sampler's peak, graphs, memory outside PyTorch."""
    models = json.loads((ROOT / "src/catalog/data/models.json").read_text())["models"]
    config = {m["id"].split("/")[-1].lower(): m["config"] for m in models}
    cases = json.loads((ROOT / "tests/data/measured-memory.json").read_text())
    vllm = [c for c in cases if c["engine"] == "vllm" and c["kind"] == "profile"
            and c["grade"] in "AB" and not c.get("excluded")]
    print("\nSampler peak (vLLM up to 0.16), bytes a logit, hidden states of the batch left out")
    logit = []
    for c in vllm:
        peak, seqs = c["measured"].get("peak_activation"), c.get("sequences")
        if not peak or not seqs or c.get("release", 0) > 16:
            continue
        shape = config[c["model"]]
        hidden = 2 * shape["hidden_size"] * c.get("batched", 8192)
        logit.append(((peak - hidden) / (seqs * shape["vocab_size"]), c["id"], c["model"]))
    ruled = [v for v in logit if 35 < v[0] < 43]
    spread("bytes a logit", [v for v, *_ in ruled])
    left_out = []
    for value, _, model in ruled:
        others = statistics.median(v for v, _, m in ruled if m != model)
        left_out.append(abs(value / others - 1) * 100)
    spread("model left out", left_out, "% off")
    print("  not explained:",
          ", ".join(f"{i} ({v:.0f})" for v, i, _ in logit if not 35 < v < 43) or "nothing")

    print("\nBudget left for activations, graphs and the rest (releases from 0.17), GiB")
    for c in vllm:
        m, u = c["measured"], c.get("utilisation")
        newer = c.get("release", 99) > 16 and not c.get("batch_unknown")
        if not (newer and u and c.get("visible_bytes") and m.get("weights")
                and m.get("kv_cache_memory")):
            continue
        rest = (u * c["visible_bytes"] - m["weights"] - m["kv_cache_memory"]) / GIB
        shape = config[c["model"]]
        small = c["visible_bytes"] < 70 * GIB or c.get("capability") == 80
        seqs = c.get("sequences") or (256 if small else 1024)
        print(f"  {c['id']}: release {c.get('release')} tp {c['ranks']} rest {rest:.2f} = "
              f"{rest * GIB / (seqs * shape['vocab_size']):.1f} B x {seqs} x {shape['vocab_size']}"
              f"{' (capacity inferred)' if c.get('visible_inferred') else ''}")

    print("\nCUDA graphs, MiB; negative figures are memory that the driver gave back in between")
    spread("all", [c["measured"]["cuda_graphs"] / MIB for c in vllm
                   if "cuda_graphs" in c["measured"]])
    print("\nOutside PyTorch, MiB by ranks")
    for ranks in sorted({c["ranks"] for c in vllm}):
        spread(f"tp {ranks}", [c["measured"]["non_torch_memory"] / MIB for c in vllm
                               if c["ranks"] == ranks and "non_torch_memory" in c["measured"]])


def read(path, texts):
    rows = csv.DictReader(path.open())
    return [{k: v if k in texts else float(v) for k, v in row.items()} for row in rows]


def main():
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cargo", "test", "--quiet", "--test", "accuracy", "write_inputs_of_the_fits"], cwd=ROOT,
                       env=os.environ | {"HEADROOM_MEMORY_INPUTS": folder}, stdout=sys.stderr, check=True)
        folder = Path(folder)
        processes = read(folder / "processes.csv", {"id", "model", "backend"})
        comparisons = read(folder / "comparisons.csv", {"id", "engine", "figure", "model", "source"})
    for p in processes:
        p["rest"] = (p["measured"] - p["known"]) / MIB
    cuda(processes)
    print()
    overhead(processes, "hip", lambda p: 0, "nothing")
    overhead(processes, "hip", lambda p: p["matrix"] / MIB, "a 16-bit copy of the largest matrix")
    overhead(processes, "vulkan", lambda p: 0, "nothing")
    left_out_bounds(comparisons)
    coverage(comparisons)
    kept()
    serving()


if __name__ == "__main__":
    main()
