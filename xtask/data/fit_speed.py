#!/usr/bin/env python3
"""Fits the coefficients of src/speed/calibration.json to tests/data/measured-speed.csv.

    python3 xtask/data/fit_speed.py [--dry] [--tail]

--dry    prints the errors and leaves calibration.json as it is
--tail   lists the cases that were predicted worst, too

Needs numpy and scipy. The formulas are those of src/speed/roofline.rs; the inputs (bytes,
operations, chips) are the crate's own, which its test `write_inputs_of_the_fit` writes. Each fit minimises a robust norm of the logarithm of
predicted over measured time, with a normal prior on every parameter: what few measurements bear
on stays near what is common to all backends. Prints errors in the sample and of predictions with
whole devices, sources, models or (device, model, engine) groups left out; the last set, and that
with device families left out, give the spread of the shown intervals.
"""
import collections
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from scipy.optimize import least_squares

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "src/speed/calibration.json"
TEXT = "id source engine era backend model quant device kind family".split()


def inputs():
    """The physical inputs of every case, as the crate computes them."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "inputs.csv"
        subprocess.run(["cargo", "test", "--quiet", "--test", "speed", "write_inputs_of_the_fit"], cwd=ROOT,
                       env=os.environ | {"HEADROOM_SPEED_INPUTS": str(file)}, stdout=sys.stderr, check=True)
        return list(csv.DictReader(file.open()))


def read():
    facts = {r["id"]: r for r in csv.DictReader(open(ROOT / "tests/data/measured-speed.csv"))}
    rows = []
    for row in inputs():
        row = {**facts[row["id"]], **row}
        row |= {k: row[k] or "0" for k in ("drafted", "accepted")}
        rows.append({k: v if k in TEXT else float(v or "nan") for k, v in row.items()})
    return rows


def is_looked_up(row):
    """IQ types of fewer than four bits are looked up in tables, which takes a CPU up to twice as long."""
    return row["backend"] == "cpu" and row["quant"].startswith(("IQ1", "IQ2", "IQ3"))


def is_odd(row):
    """Prompts of such types: nothing of their work tells them from others."""
    return is_looked_up(row) and row["kind"] == "prefill"


def measured_together(row):
    return row["source"], row["device"], row["engine"], row["era"], row["backend"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def join(a, b, power):
    return (a**power + b**power) ** (1 / power)


class Data:
    """Columns of the rows; `by(names, key)` is the index of each row's key."""

    def __init__(self, rows):
        self.rows = rows
        for name in rows[0]:
            if name not in TEXT:
                setattr(self, name, np.array([r[name] for r in rows]))

    def flag(self, test):
        return np.array([float(test(r)) for r in self.rows])

    def by(self, names, key):
        return np.array([names.index(key(r)) for r in self.rows])


class Fit:
    """`parameters`: name -> (prior mean, prior standard deviation). `predict(p, data)`: seconds.

    Rows of one source on one device share an error (build, host, cooling), so n of them count as
    n^(1 - 2 `alike`) independent ones.
    """

    def __init__(self, parameters, predict, columns, measured, robust, noise, alike):
        self.names = list(parameters)
        self.mean = np.array([m for m, _ in parameters.values()], float)
        self.sd = np.array([s for _, s in parameters.values()], float)
        self.predict, self.columns, self.measured = predict, columns, measured
        self.robust, self.noise, self.alike = robust, noise, alike

    def solve(self, data, seconds, start=None, steps=60):
        def residuals(x):
            z = np.log(self.predict(dict(zip(self.names, x)), data) / seconds) / self.robust
            huber = np.sign(z) * np.sqrt(2 * (np.sqrt(1 + z * z) - 1)) * self.robust
            return np.concatenate([data["weight"] * huber / self.noise, (x - self.mean) / self.sd])

        start = self.mean if start is None else start
        return least_squares(residuals, start, max_nfev=steps, ftol=1e-5, xtol=1e-5).x

    def run(self, rows):
        self.rows = rows
        self.data, self.seconds = self.columns(rows), np.array([self.measured(r) for r in rows])
        sets = collections.Counter(measured_together(r) for r in rows)
        self.data["weight"] = np.array([sets[measured_together(r)] ** -self.alike for r in rows])
        # Odd rows are predicted and counted, but not fitted to.
        self.plain = np.array([not is_odd(r) for r in rows])
        self.x = self.solve({k: v[self.plain] for k, v in self.data.items()}, self.seconds[self.plain])
        self.p = dict(zip(self.names, self.x))
        self.error = np.log(self.predict(self.p, self.data) / self.seconds)
        return self

    def left_out(self, key, folds=10):
        """Errors of predictions for groups of rows that the fit did not see."""
        groups = collections.defaultdict(list)
        for i, row in enumerate(self.rows):
            groups[key(row)].append(i)
        bins = [[] for _ in range(min(folds, len(groups)))]
        for members in sorted(groups.values(), key=len, reverse=True):
            min(bins, key=len).extend(members)
        error = np.zeros(len(self.rows))
        for out in bins:
            seen = np.ones(len(self.rows), bool)
            seen[out] = False
            fitted = seen & self.plain
            inside = {k: v[fitted] for k, v in self.data.items()}
            outside = {k: v[~seen] for k, v in self.data.items()}
            x = self.solve(inside, self.seconds[fitted], self.x, 25)
            error[~seen] = np.log(self.predict(dict(zip(self.names, x)), outside) / self.seconds[~seen])
        return error


def error_pct(error):
    """Errors of the rate, in %."""
    return np.abs(np.exp(-np.asarray(error)) - 1) * 100


def show(error):
    e = error_pct(error)
    return f"{np.median(e):5.1f} / {np.percentile(e, 90):4.0f}" if len(e) else "    -"


GROUPS = {
    "devices": lambda r: r["device"] + str(r["cores"]),
    "sources": lambda r: r["source"],
    "models": lambda r: r["model"],
    "groups": lambda r: (r["device"], r["model"], r["engine"]),
}


def software(row):
    """The class of the table that predicts the row."""
    if row["engine"] != "llama.cpp":
        return serving_key(row)
    era = "y2024" if row["era"] == "y2024" and row["backend"] in ("cuda", "metal") else "current"
    return f"llama.cpp/{row['backend']}/{era}"


class LeftOut:
    """Errors of predictions with groups of rows left out, under the names of `GROUPS` and
    `families`; for each row whether its software, and its family on that backend, stay measured."""

    def __init__(self, fit):
        self.fit = fit
        self.keys = keys = GROUPS | {"families": lambda r: (r["backend"], r["family"])}
        self.error = {name: fit.left_out(key) for name, key in keys.items()}
        # llama.cpp's backends and periods share coefficients; the others' stand alone.
        self.software = {name: self.stays(key, software) for name, key in keys.items()}
        self.family = {name: self.stays(key, lambda r: (r["backend"], r["family"])) for name, key in keys.items()}

    def stays(self, key, what):
        where = collections.defaultdict(set)
        for row in self.fit.rows:
            where[what(row)].add(key(row))
        return np.array([len(where[what(r)]) > 1 for r in self.fit.rows])

    def coverage(self, name):
        """Which rows the interval would hold that is shown without their group: its spread rests
        on the other rows of the class, and is that of no measurements where none is left."""
        rows, key = self.fit.rows, self.keys[name]
        groups = np.array([str(key(r)) for r in rows])
        classes = np.array([f"{software(r)} {kind_of(r)}" for r in rows])
        held = np.zeros(len(rows), bool)
        for group, of_class in sorted(set(zip(groups, classes))):
            out = (groups == group) & (classes == of_class)
            shown = evidence(self, (classes == of_class) & ~out)
            for i in np.flatnonzero(out):
                held[i] = abs(self.error[name][i]) <= np.log(shown["spread" if self.family[name][i] else "spread_unseen"])
        return held


def kind_of(row):
    if row["kind"] in ("prefill", "ttft"):
        return "prefill"
    return "decode" if row["batch"] == 1 else "batch"


def report(title, left_out, parts):
    """Prints medians and 90th percentiles of the errors; where a left-out group takes all
    measurements of its software with it, also without these; and coverage of the interval."""
    fit = left_out.fit
    print(f"\n{title}: n = {len(fit.rows)}")
    held = {name: left_out.coverage(name) for name in left_out.error}
    for part, test in parts.items():
        chosen = np.array([test(r) for r in fit.rows])
        if not chosen.any():
            continue
        print(f"  {part}, n = {chosen.sum()}: in sample {show(fit.error[chosen])}")
        for name, error in left_out.error.items():
            known = chosen & left_out.software[name]
            print(f"    without {name:8} {show(error[chosen])}, {held[name][chosen].mean():4.0%} held;",
                  f"software known n = {known.sum():3} {show(error[known])}")


def evidence(left_out, chosen):
    """What a class's figure rests on. The spread holds 92 % of predictions for left-out groups,
    and as many for left-out devices and sources as far as the software stays measured."""
    fit, chosen = left_out.fit, np.array(chosen)
    n = int(chosen.sum())
    if n == 0:
        return dict(n=0, median_pct=0.0, p90_pct=0.0, spread=UNCALIBRATED, spread_unseen=UNCALIBRATED)
    e = error_pct(fit.error[chosen])

    def spread(errors, floor):
        if len(errors) == 0:
            return floor
        # Few measurements say little about the tails.
        wide = np.percentile(np.abs(errors), 92) * (1 + 2 / len(errors))
        return round(float(min(max(np.exp(wide), floor), 6.0)), 3)

    kept = lambda name: left_out.error[name][chosen & left_out.software[name] & left_out.family[name]]
    near = max(spread(left_out.error["groups"][chosen], 1.1), spread(kept("devices"), 1.1), spread(kept("sources"), 1.1))
    return dict(
        n=n,
        median_pct=round(float(np.median(e)), 1),
        p90_pct=round(float(np.percentile(e, 90)), 1),
        spread=near,
        spread_unseen=max(near, spread(left_out.error["families"][chosen], 1.3)),
        sources=sorted({r["source"] for r, c in zip(fit.rows, chosen) if c}),
    )


# --------------------------------------------------------------------------- llama.cpp: a step

# Chosen by the errors of left-out devices, sources and models.
LOSS = dict(
    step=dict(robust=0.08, noise=0.2, alike=0.1),
    prompt=dict(robust=0.2, noise=0.3, alike=0.3),
    serving=dict(robust=0.2, noise=0.2, alike=0.1),
)
# The factor, both ways, where nothing was measured (src/speed/setup.rs).
UNCALIBRATED = 2.5
# A shorter prompt takes more than its arithmetic: what handles requests (src/speed/speed_model.rs).
SHORT_PROMPT = 1024
# Query heads that share a key head each read the cache for themselves in MLX's kernel
# (sdpa_vector.h), as far as the last-level cache does not hold a layer's: with 6 of them it took 1.8
# times as long as estimated without at 30 thousand tokens (123 MB a layer) on an M3 Ultra, 2.2 at 146
# (mlx-lm issue 763), with 8 of them 3.8 times on an M1 Ultra (mlx issue 3837). On M5 it is less: 8
# heads of 128 values take 1.45 times as long as one, 4 of them 1.06 (mlx-lm issue 1679), 6 of 256 about
# 1.1 (mlx-lm pull request 1781). No measurement that is fitted to has more than 32 MiB.
REPEATED_HEADS_MLX, REPEATED_HEADS_M5, REPEATED_FROM_MLX = 0.44, 0.11, 32 << 20
# What MLX's scan of a recurrent layer takes for each token, as operations at the 16-bit peak: its
# kernel goes through a prompt token by token (mlx_lm/models/gated_delta.py).
SCAN_OPS = 2e8
# Bytes moved to widen a weight: 2 written, 2 read again.
WIDENING = 4
LLAMA = ["cuda", "metal", "vulkan", "rocm", "cpu"]


def family_key(row):
    return row["backend"] + ":" + row["family"]


def rate(share, g, units, peak):
    return share * np.exp(g * np.log(peak) + (1 - g) * np.log(units))


def chip_columns(d, peak):
    known = ~np.isnan(d.unit_hz)
    units = np.where(known, 512 * d.unit_hz, peak)
    return dict(
        bandwidth=d.bandwidth,
        unit_hz=np.where(known, d.unit_hz, 1e18),
        units=units,
        peak=np.where(peak > 0, peak, units),
        clock=np.where(np.isnan(d.clock_hz), 1, d.clock_hz / 2e9),
        power=np.where(np.isnan(d.power) | ~known, 1, d.power / d.unit_hz / 1.5e-9),
    )


def is_k_type(row):
    return row["backend"] == "metal" and "_K" in row["quant"]


def llama_columns(rows):
    d = Data(rows)
    tokens = d.batch * (1 + d.drafted)
    return dict(
        chip_columns(d, d.half_fast),
        backend=d.by(LLAMA, lambda r: r["backend"]),
        family=d.by(llama_families, family_key),
        layers=d.layers, moe=d.moe_layers, recurrent=d.recurrent_layers, latent=d.latent_layers,
        dense=d.dense_bytes, experts=d.expert_bytes * (1 - (1 - d.expert_share) ** tokens), one_expert=d.expert_bytes * d.expert_share,
        soc=d.soc, tokens=tokens, drafted=d.drafted, yielded=1 + d.drafted * d.accepted, share=d.mtp_share, one=d.dense_flops + d.head_flops + d.expert_flops,
        plain=d.cache_plain, latents=d.cache_latent, state=d.state_bytes, flops=d.decode_flops,
        routed=d.expert_share > 0, batch=d.batch, split=d.split, flash=d.flash,
        half_vulkan=d.flag(lambda r: r["quant"] == "BF16" and r["backend"] == "vulkan"),
        tables=d.flag(is_looked_up), k_types=d.flag(is_k_type),
        old_cuda=d.flag(lambda r: r["era"] == "y2024" and r["backend"] == "cuda"),
        old_metal=d.flag(lambda r: r["era"] == "y2024" and r["backend"] == "metal"),
        old_cpu=d.flag(lambda r: r["era"] == "y2024" and r["backend"] == "cpu"),
    )


# The most tokens of a step that matrix-vector kernels take.
FEW_TOKENS = 8


def llama_step(p, d):
    """Seconds of a step of `batch` sequences, or with a draft of a token."""
    step = llama_plain_step(p, d, d["experts"], d["tokens"])
    alone = llama_plain_step(p, d, d["one_expert"], d["batch"])
    round_ms = np.exp(p["round_ms"]) * 1e-3 * (d["drafted"] > 0)
    return (step + d["drafted"] * d["share"] * alone + round_ms) / d["yielded"]


def llama_plain_step(p, d, experts, tokens):
    of = lambda name: (p[name] + np.array([p[f"{name}.{b}"] for b in LLAMA]))[d["backend"]]
    old = d["old_cuda"] * p["old_cuda"] + d["old_metal"] * p["old_metal"]
    layers = d["layers"] + np.exp(p["moe"]) * d["moe"] + np.exp(p["recurrent"]) * d["recurrent"] + np.exp(p["latent"]) * d["latent"]
    clock = np.where(d["backend"] == LLAMA.index("cpu"), 1, d["clock"] ** -p["clock"])
    fixed = np.exp(of("layer_us") + old) * 1e-6 * layers * clock
    weights = d["dense"] + experts * np.exp(p["half_experts"] * d["half_vulkan"])
    stream = weights / (sigmoid(of("bandwidth")) * d["bandwidth"])
    unit = np.exp(of("unit_bytes") + p["soc"] * d["soc"]) * d["unit_hz"]
    memory = join(stream, weights / unit, 4)
    metal = d["backend"] == LLAMA.index("metal")
    cache = np.exp(p["plain"] * (1 - d["flash"])) * sigmoid(p["cache"] + p["cache_metal"] * metal) * d["bandwidth"]
    latent = np.exp(-p["latent_cache"] - p["latent_cache_metal"] * metal)
    memory = memory + d["batch"] * (d["plain"] + d["latents"] / latent) / cache + d["batch"] * d["state"] / (sigmoid(p["cache"]) * d["bandwidth"])
    compute = d["flops"] / rate(np.exp(of("compute") + p["moe_compute"] * d["routed"] + p["tables"] * d["tables"] - p["old_cpu"] * d["old_cpu"]), p["peak_exponent"], d["units"], d["peak"])
    further = (np.minimum(tokens, FEW_TOKENS) - 1) * d["one"] / (np.exp(of("further") - p["k_types"] * d["k_types"]) * d["units"])
    busy = np.maximum(join(memory, tokens * compute, 3), join(memory, compute, 3) + further)
    time = (fixed + busy) * np.exp(np.array([p["family." + f] for f in llama_families])[d["family"]])
    return time + np.exp(p["hop_us"]) * 1e-6 * (d["split"] - 1) + np.exp(p["sequence_us"]) * 1e-6 * (d["batch"] - 1)


def llama_step_fit(rows):
    parameters = {
        "layer_us": (np.log(60), 2), "bandwidth": (2.3, 0.7), "unit_bytes": (np.log(7), 2), "compute": (np.log(0.12), 1),
        "clock": (0.5, 0.1), "moe": (-0.5, 0.7), "recurrent": (-0.5, 1), "latent": (-0.5, 1),
        "old_cuda": (0.5, 1), "old_metal": (0.2, 1), "old_cpu": (0.3, 0.5),
        "cache": (1, 1), "cache_metal": (0, 0.5), "plain": (-0.5, 1), "latent_cache": (0.5, 1), "latent_cache_metal": (1, 1),
        "hop_us": (np.log(50), 1.5), "half_experts": (1, 1), "sequence_us": (np.log(5), 1), "moe_compute": (-0.3, 0.5),
        "peak_exponent": (0.5, 0.3), "tables": (-0.7, 0.5), "further": (np.log(0.12), 0.7), "k_types": (0.5, 1), "round_ms": (0, 1),
        # LPDDR's latency: a unit has fewer bytes under way.
        "soc": (-0.4, 0.3),
    }
    for b in LLAMA:
        parameters |= {f"layer_us.{b}": (0, 0.4), f"bandwidth.{b}": (0, 0.4), f"unit_bytes.{b}": (0, 0.3), f"compute.{b}": (0, 0.5), f"further.{b}": (0, 0.7)}
    # On a CPU a layer costs the barriers of its threads only; what binds is memory and unpacking
    # the weights. All measurements are of one model, which does not tell a cost for each layer
    # from one for each weight, so the prior has to.
    parameters |= {"layer_us.cpu": (np.log(40 / 60), 0.2), "bandwidth.cpu": (-1.4, 0.4), "compute.cpu": (0, 1)}
    parameters |= {"family." + f: (0, 0.1) for f in llama_families}
    fit = Fit(parameters, llama_step, llama_columns, lambda r: r["batch"] / r["value"], **LOSS["step"])
    return fit.run(rows)


# --------------------------------------------------------------------------- llama.cpp: a prompt


def is_half(row):
    return row["quant"] in ("F16", "FP16", "BF16")


def is_widened(row):
    """Quantised weights that CUDA widens to 16 bits and hands to cuBLAS: all before the kernels
    for INT8 tensor cores (June 2024), today those on devices without INT8 products."""
    return row["backend"] == "cuda" and not is_half(row) and (row["era"] == "y2024" or row["int8"] == 0)


def prompt_columns(rows):
    d = Data(rows)
    # Measured prompts are whole microbatches, or less than one: the crate adds a rest to them.
    count = np.ceil(d.prompt / d.ubatch)
    size = d.prompt / count
    share = np.where(d.expert_share > 0, d.expert_share, 1)
    touched = 1 - (1 - d.expert_share) ** size
    cuda = d.flag(lambda r: r["backend"] == "cuda") > 0
    half, widened = d.flag(is_half) > 0, d.flag(is_widened) > 0
    return dict(
        chip_columns(d, d.half_fast),
        backend=d.by(LLAMA, lambda r: r["backend"]),
        family=d.by(llama_families, family_key),
        products=d.prompt * d.dense_flops, routed_products=d.prompt * d.expert_flops, attention=d.attention_flops,
        routed=np.where(d.expert_share > 0, size * d.expert_share, 1e18), touched=touched, count=count, layers=d.layers, split=d.split,
        weights=d.dense_bytes + d.expert_bytes * touched, flash=d.flash, latent=d.latent_layers > 0,
        cublas=cuda & (half | widened), int8_kernel=cuda & ~half & ~widened, int8=np.where(d.int8 > 0, d.int8, 1),
        half=half & ~cuda, half_routed=half & (d.flag(lambda r: r["backend"] == "metal") == 0), widened=widened * count * (d.dense_flops + d.expert_flops / share * touched) / 2,
        old_metal=d.flag(lambda r: r["era"] == "y2024" and r["backend"] == "metal"),
    )


def llama_prompt(p, d):
    of = lambda name: (p[name] + np.array([p[f"{name}.{b}"] for b in LLAMA]))[d["backend"]]
    boards = d["power"] ** p["power"] * np.exp(np.array([p["family." + f] for f in llama_families])[d["family"]])
    own = rate(np.exp(of("compute") + of("half") * d["half"] + p["old_metal"] * d["old_metal"]), p["peak_exponent"], d["units"], d["peak"])
    cublas = rate(np.exp(p["cublas"]), p["cublas_exponent"], d["units"], d["peak"])
    int8 = rate(np.exp(p["cublas"] + p["int8"]), p["int8_exponent"], d["units"], d["int8"] / 2)
    products = np.where(d["cublas"], cublas, np.where(d["int8_kernel"], int8, own)) * boards
    attention = rate(np.exp(of("attention") + p["plain"] * (1 - d["flash"]) + p["latent"] * d["latent"]), p["attention_exponent"], d["units"], d["peak"]) * boards
    routed = d["routed_products"] * (1 + np.exp(p["expert_tokens"]) * d["touched"] / d["routed"]) / np.exp(p["moe"] + p["half_experts"] * d["half_routed"])
    compute = (d["products"] + routed) / products + d["attention"] / attention
    memory = d["count"] * d["weights"] / (0.9 * d["bandwidth"])
    time = join(memory, compute, 4) + WIDENING * d["widened"] / (sigmoid(p["widen"]) * d["bandwidth"])
    time = time + d["count"] * np.exp(of("layer_us")) * 1e-6 * d["layers"]
    ideal = (d["count"] + d["split"] - 1) / (d["count"] * d["split"])
    return time * (1 - sigmoid(p["pipeline"]) * (1 - ideal))


def llama_prompt_fit(rows):
    parameters = {
        "compute": (np.log(0.4), 1), "peak_exponent": (0.6, 0.3), "power": (0.4, 0.2), "half": (0.1, 0.3), "old_metal": (-0.1, 0.3),
        # A matrix library comes near a share of the peak on every device; a kernel of one's own
        # takes about the same number of operations for each unit and clock.
        "cublas": (np.log(0.45), 0.3), "cublas_exponent": (0.8, 0.2), "int8": (0, 0.2), "int8_exponent": (0.1, 0.3), "widen": (1, 1),
        "attention": (np.log(0.15), 1), "attention_exponent": (0.6, 0.3), "plain": (-0.5, 0.5), "latent": (-0.5, 0.5),
        "expert_tokens": (np.log(60), 1), "moe": (0, 0.3), "layer_us": (np.log(50), 1), "pipeline": (1.4, 0.5),
        # Without a kernel for 16-bit experts, each expert is a product of its own.
        "half_experts": (-0.7, 0.4),
    }
    for b in LLAMA:
        parameters |= {f"compute.{b}": (0, 0.7), f"attention.{b}": (0, 0.4), f"half.{b}": (0, 0.3), f"layer_us.{b}": (0, 0.3)}
    # No BF16 products in Vulkan's shaders; AMD's and Vulkan's attention does without matrix units.
    parameters |= {"half.vulkan": (-0.6, 0.3), "attention.rocm": (-0.5, 0.3), "attention.vulkan": (-0.5, 0.3)}
    parameters |= {"family." + f: (0, 0.2) for f in llama_families}
    fit = Fit(parameters, llama_prompt, prompt_columns, lambda r: r["prompt"] / r["value"], **LOSS["prompt"])
    return fit.run(rows)


# --------------------------------------------------------------------------- serving engines


def serving_key(row):
    engine, era, backend = row["engine"], row["era"], row["backend"]
    if era == "current" and backend in ("cuda", "rocm") and engine in ("vllm", "sglang", "tensorrt-llm"):
        engine = "serving"
    return f"{engine}/{backend}/{era}"


def is_mlx(row):
    return row["engine"] == "mlx" and row["backend"] == "metal"


def serving_columns(rows):
    d = Data(rows)
    # Sequences that run at once: as many as fit, and no more than the scheduler's usual 256.
    running = np.minimum(np.minimum(d.batch, np.floor(d.fits)), np.where(d.flag(lambda r: r["source"] == "accelmark") > 0, 256, 1e9))
    output = np.where(np.isnan(d.output) | (d.output == 0), 128, d.output)
    rocm = d.flag(lambda r: serving_key(r) == "vllm/rocm/y2024")
    return dict(
        chip_columns(d, d.peak),
        key=d.by(serving_keys, serving_key),
        layers=d.layers, moe=d.moe_layers, recurrent=d.recurrent_layers, latent=d.latent_layers,
        hidden=d.hidden, width=d.tp, link=d.link, running=running, waves=d.batch / running,
        dense=d.dense_bytes, expert_bytes=d.expert_bytes, expert_share=d.expert_share,
        cache=d.cache_plain * np.where(rocm > 0, d.heads_per_kv_head, 1) + d.cache_latent + d.state_bytes,
        flops=d.decode_flops, prompt=d.prompt, output=output,
        half=np.where(d.half > 0, d.half, 1),
        prompt_flops=d.prompt * d.dense_flops + d.attention_flops, routed_flops=d.prompt * d.expert_flops,
        touched=1 - (1 - d.expert_share) ** d.prompt, prompt_weights=d.dense_bytes + d.expert_bytes * (1 - (1 - d.expert_share) ** d.prompt),
        routed=d.expert_share > 0, expert_tokens=np.where(d.expert_share > 0, d.prompt * d.expert_share, 1e18),
        widened=d.flag(lambda r: r["quant"] in ("GPTQ-Int4", "AWQ", "INT4", "W4A16")),
        drafted=d.drafted, yielded=1 + d.drafted * d.accepted, share=d.mtp_share,
        scanned=d.recurrent_layers * d.flag(is_mlx), half_peak=np.where(d.half > 0, d.half, 1),
        step=d.flag(lambda r: r["kind"] in ("decode", "tpot")),
        first=d.flag(lambda r: r["kind"] in ("ttft", "prefill")), latency=d.flag(lambda r: r["kind"] == "ttft"),
    )


def serving_step_prompt(p, d, tokens):
    of = lambda name: (p[name] + np.array([p.get(f"{name}.{k}", 0) for k in serving_keys]))[d["key"]]
    b, width = d["running"], d["width"]
    layer = np.exp(of("layer_us")) * 1e-6
    layers = d["layers"] + (np.exp(p["moe"]) - 1) * d["moe"] + np.exp(p["recurrent"]) * d["recurrent"] + np.exp(p["latent"]) * d["latent"]
    fixed = layer * np.exp(p["widened_layer"] * d["widened"]) * layers
    weights = d["dense"] + d["expert_bytes"] * (1 - (1 - d["expert_share"]) ** tokens)
    stream = weights / (width * sigmoid(of("bandwidth")) * d["bandwidth"])
    memory = join(stream, weights / (width * np.exp(of("unit_bytes")) * d["unit_hz"]), 4)
    memory = memory + b * d["cache"] / (width * sigmoid(of("cache")) * d["bandwidth"])
    share = np.exp(of("compute") + p["moe_compute"] * d["routed"] + p["widened"] * d["widened"])
    compute = tokens * d["flops"] / (width * rate(share, p["exponent"], d["units"], d["peak"]))
    reduce = lambda tokens: np.where(width > 1, d["layers"] * (np.exp(p["reduce_us"]) * 1e-6 * np.log2(width) + 4 * tokens * d["hidden"] * 2 * (width - 1) / width / (sigmoid(p["link"]) * d["link"])), 0)
    step = fixed + join(memory, compute, 3) + reduce(tokens) + np.exp(of("sequence_us")) * 1e-6 * (b - 1)
    filling = (1 + np.exp(p["expert_tokens"]) * d["touched"] / d["expert_tokens"]) / np.exp(of("moe_prompt"))
    products = lambda peak: width * rate(np.exp(of("prompt")), p["exponent"], d["units"], peak)
    # Grouped products gain nothing from narrow formats.
    prompt = d["prompt_flops"] / products(d["peak"]) + d["routed_flops"] * filling / products(d["half"])
    prompt = join(d["prompt_weights"] / (width * sigmoid(of("bandwidth")) * d["bandwidth"]), prompt, 4) + layer * d["layers"] + reduce(d["prompt"])
    return step, prompt + d["prompt"] * d["scanned"] * np.exp(p["scan"]) / d["half_peak"]


def serving(p, d):
    alone, _ = serving_step_prompt(p, d, d["running"])
    verify, prompt = serving_step_prompt(p, d, d["running"] * (1 + d["drafted"]))
    between = (np.exp(p["round_ms"]) + d["drafted"] * np.exp(p["proposal_ms"])) * 1e-3 * (d["drafted"] > 0)
    step = (verify + d["drafted"] * d["share"] * alone + between) / d["yielded"]
    request = np.exp((p["request_ms"] + np.array([p.get(f"request_ms.{k}", 0) for k in serving_keys]))[d["key"]]) * 1e-3
    whole = d["waves"] * (d["output"] * step + d["running"] * prompt)
    loaded = step + (d["running"] - 1) * prompt / d["output"]
    return np.where(d["first"] > 0, prompt + request * d["latency"], np.where(d["step"] > 0, loaded, whole))


def serving_seconds(row):
    kind, value, batch = row["kind"], row["value"], row["batch"]
    if kind in ("tpot", "ttft"):
        return value / 1e3
    if kind == "prefill":
        return row["prompt"] / value
    if kind == "decode":
        return batch / value
    output = row["output"] or 128
    return batch * (output + (row["prompt"] if kind == "total" else 0)) / value


def serving_fit(rows):
    parameters = {
        "layer_us": (np.log(90), 1), "bandwidth": (2, 0.7), "unit_bytes": (np.log(15), 0.2), "cache": (0.8, 1), "reduce_us": (np.log(8), 1), "link": (-1, 0.7),
        "sequence_us": (np.log(10), 1), "compute": (np.log(0.45), 0.7), "prompt": (np.log(0.5), 0.7), "request_ms": (np.log(15), 1),
        # A rate that followed the peak alone would double with every narrower format.
        "exponent": (0.9, 0.15), "recurrent": (np.log(0.5), 0.4), "latent": (np.log(0.3), 0.4),
        "expert_tokens": (np.log(60), 1),
        "moe": (0.1, 0.3), "moe_compute": (-0.3, 0.4), "moe_prompt": (-0.3, 0.4), "widened": (-0.5, 0.4), "widened_layer": (0, 0.3),
        # Rejecting tokens and preparing the next round on the host, which a step hides otherwise.
        "round_ms": (np.log(3), 1), "proposal_ms": (np.log(1), 1),
        "scan": (np.log(SCAN_OPS), 0.7),
    }
    counts = collections.Counter(serving_key(r) for r in rows)
    for key in serving_keys:
        parameters[f"layer_us.{key}"] = (0, 0.7)
        # Metal's kernels are its own: nothing that other keys share tells of them.
        if "/metal/" in key:
            parameters |= {f"{name}.{key}": (0, sd) for name, sd in dict(bandwidth=0.3, unit_bytes=0.3, cache=0.3, prompt=0.3, moe_prompt=0.5).items()}
        if counts[key] > 40:
            parameters |= {f"{name}.{key}": (0, sd) for name, sd in
                           dict(bandwidth=0.3, unit_bytes=0.3, cache=0.3, sequence_us=0.3, compute=0.2, prompt=0.2, request_ms=0.35).items()}
    fit = Fit(parameters, serving, serving_columns, serving_seconds, **LOSS["serving"])
    return fit.run(rows)


# --------------------------------------------------------------------------- the table


def products(q, backend, era):
    """Rates of a prompt's matrix products, and when quantised weights are widened for them."""
    if backend == "cuda":
        cublas = dict(share=np.exp(q["cublas"]), peak_exponent=q["cublas_exponent"], peak="half_fast")
        int8 = dict(share=np.exp(q["cublas"] + q["int8"]) / 2 ** q["int8_exponent"], peak_exponent=q["int8_exponent"], peak="int8")
        return dict(compute=int8, half=cublas, widen="always" if era == "y2024" else "without_int8")
    share = np.exp(q["compute"] + q[f"compute.{backend}"] + (era == "y2024") * q["old_metal"])
    own = dict(share=share, peak_exponent=q["peak_exponent"], peak="half_fast")
    half = dict(own, share=share * np.exp(q["half"] + q[f"half.{backend}"]))
    return dict(compute=own, half=half, widen="never")


def llama_classes(steps, prompts):
    step, prompt = steps.fit, prompts.fit
    p, q = step.p, prompt.p
    of = lambda p, name, b: p[name] + p[f"{name}.{b}"]
    classes = []
    for backend, era in [(b, "current") for b in LLAMA] + [(b, "y2024") for b in ("cuda", "metal", "cpu")]:
        old = era == "y2024"
        metal, cpu = backend == "metal", backend == "cpu"
        of_class = lambda r: r["backend"] == backend and (r["era"] == era or backend not in ("cuda", "metal", "cpu"))
        families = {}
        for name in llama_families:
            where, family = name.split(":")
            if where == backend:
                families[family] = dict(
                    step=round(float(np.exp(p["family." + name])), 4), prefill=round(float(np.exp(q["family." + name])), 4),
                    n_step=sum(family_key(r) == name for r in step.rows), n_prefill=sum(family_key(r) == name for r in prompt.rows),
                )
        classes.append(dict(
            engines=["llama.cpp"], backend=backend, era=era,
            step=dict(
                layer_us=np.exp(of(p, "layer_us", backend) + old * (not cpu) * p.get("old_" + backend, 0)),
                clock_exponent=0 if cpu else p["clock"], moe_layer=np.exp(p["moe"]), recurrent_layer=np.exp(p["recurrent"]),
                latent_layer=np.exp(p["latent"]), sequence_us=np.exp(p["sequence_us"]), hop_us=np.exp(p["hop_us"]),
                reduce_us=15, link_share=0.2, bandwidth_share=sigmoid(of(p, "bandwidth", backend)),
                unit_bytes=None if cpu else np.exp(of(p, "unit_bytes", backend)), soc_unit_bytes=np.exp(p["soc"]) if backend == "cuda" else 1,
                cache_share=sigmoid(p["cache"] + metal * p["cache_metal"]),
                latent_cache=np.exp(-p["latent_cache"] - metal * p["latent_cache_metal"]),
                plain_attention_cache=np.exp(p["plain"]), repeated_heads=0, repeated_heads_matrix=0, repeated_from=0,
                half_experts=np.exp(p["half_experts"]) if backend == "vulkan" else 1,
                compute=dict(share=np.exp(of(p, "compute", backend) - old * cpu * p["old_cpu"]), peak_exponent=p["peak_exponent"], peak="half_fast"),
                # No batch was measured on a CPU: further tokens cost what those of a prompt do.
                further_tokens=products(q, backend, era)["compute"] if cpu else dict(share=np.exp(of(p, "further", backend)), peak_exponent=0, peak="half_fast"),
                k_types=np.exp(p["k_types"]) if metal else 1, round_ms=np.exp(p["round_ms"]), proposal_ms=0,
                # A CPU multiplies experts by the same kernels as all else; no model of experts was measured on one.
                moe_compute=1 if cpu else np.exp(p["moe_compute"]), widened_compute=np.exp(p["tables"]) if cpu else 1, widened_layer=1,
            ),
            prefill=dict(
                **products(q, backend, era), widen_share=sigmoid(q["widen"]), power_exponent=q["power"],
                attention=dict(share=np.exp(of(q, "attention", backend)), peak_exponent=q["attention_exponent"], peak="half_fast"),
                latent_attention=np.exp(q["latent"]), plain_attention=np.exp(q["plain"]),
                expert_tokens=np.exp(q["expert_tokens"]), moe=np.exp(q["moe"]), half_experts=1 if metal else np.exp(q["half_experts"]), layer_us=np.exp(of(q, "layer_us", backend)),
                recurrent_ops=0, request_ms=5, pipeline=sigmoid(q["pipeline"]),
            ),
            decode_evidence=evidence(steps, [of_class(r) and r["batch"] == 1 for r in step.rows]),
            batch_evidence=evidence(steps, [of_class(r) and r["batch"] > 1 for r in step.rows]),
            prefill_evidence=evidence(prompts, [of_class(r) or (cpu and r["backend"] == "cpu") for r in prompt.rows]),
            families=families,
        ))
    return classes


def families(rows, backend):
    """Device families on which any serving engine was measured. They have no factors of their own,
    but on others predictions are wider."""
    first = lambda r: kind_of(r) == "prefill"
    of = lambda name, test: sum(r["backend"] == backend and r["family"] == name and test(r) for r in rows)
    names = sorted({r["family"] for r in rows if r["backend"] == backend})
    return {n: dict(step=1, prefill=1, n_step=of(n, lambda r: not first(r)), n_prefill=of(n, first)) for n in names}


def prompt_evidence(served, mine):
    """What prompts rest on. Short ones have their own evidence where both kinds were measured: that
    of all prompts, where few of them are short."""
    first = lambda r: r["kind"] in ("ttft", "prefill")
    every, short = mine(first), mine(lambda r: first(r) and r["prompt"] < SHORT_PROMPT)
    long = mine(lambda r: first(r) and r["prompt"] >= SHORT_PROMPT)
    if not sum(short) or sum(long) < 10:
        return dict(prefill_evidence=evidence(served, every))
    return dict(prefill_evidence=evidence(served, long), short_prompt_evidence=evidence(served, short if sum(short) >= 20 else every))


def serving_classes(served):
    fit, p, classes = served.fit, served.fit.p, []
    of = lambda name, key: p[name] + p.get(f"{name}.{key}", 0)
    for key in serving_keys:
        engine, backend, era = key.split("/")
        rocm = key == "vllm/rocm/y2024"
        mine = lambda test: [serving_key(r) == key and test(r) for r in fit.rows]
        layer = np.exp(of("layer_us", key))
        prompts = dict(share=np.exp(of("prompt", key)), peak_exponent=p["exponent"], peak="operands")
        classes.append(dict(
            engines=["vllm", "sglang", "tensorrt-llm"] if engine == "serving" else [engine], backend=backend, era=era,
            step=dict(
                layer_us=layer, clock_exponent=0, moe_layer=np.exp(p["moe"]) - 1, recurrent_layer=np.exp(p["recurrent"]), latent_layer=np.exp(p["latent"]),
                sequence_us=np.exp(of("sequence_us", key)), hop_us=200, reduce_us=np.exp(p["reduce_us"]), link_share=sigmoid(p["link"]),
                bandwidth_share=sigmoid(of("bandwidth", key)), unit_bytes=np.exp(of("unit_bytes", key)), soc_unit_bytes=1, cache_share=sigmoid(of("cache", key)), latent_cache=1,
                plain_attention_cache=1, repeated_heads=1 if rocm else REPEATED_HEADS_MLX if engine == "mlx" else 0,
                repeated_heads_matrix=1 if rocm else REPEATED_HEADS_M5 if engine == "mlx" else 0, repeated_from=REPEATED_FROM_MLX if engine == "mlx" else 0, half_experts=1,
                compute=dict(share=np.exp(of("compute", key)), peak_exponent=p["exponent"], peak="operands"),
                further_tokens=None, k_types=1, round_ms=np.exp(p["round_ms"]), proposal_ms=np.exp(p["proposal_ms"]),
                moe_compute=np.exp(p["moe_compute"]), widened_compute=np.exp(p["widened"]), widened_layer=np.exp(p["widened_layer"]),
            ),
            prefill=dict(
                compute=prompts, half=prompts, widen="never", widen_share=1, power_exponent=0,
                attention=prompts, latent_attention=1, plain_attention=1, expert_tokens=np.exp(p["expert_tokens"]), moe=np.exp(of("moe_prompt", key)), half_experts=1, layer_us=layer,
                recurrent_ops=np.exp(p["scan"]) if (engine, backend) == ("mlx", "metal") else 0,
                request_ms=np.exp(of("request_ms", key)), pipeline=0.7,
            ),
            decode_evidence=evidence(served, mine(lambda r: r["batch"] == 1 and r["kind"] not in ("ttft", "prefill"))),
            batch_evidence=evidence(served, mine(lambda r: r["batch"] > 1)),
            **prompt_evidence(served, mine),
            families=families(fit.rows, backend),
        ))
    return classes


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return float(f"{float(value):.4g}") if isinstance(value, (float, np.floating)) else value


def write(classes):
    lines = ",\n".join(" " + json.dumps(rounded(c)) for c in classes)
    OUT.write_text('{"classes": [\n' + lines + "\n]}\n")


if __name__ == "__main__":
    if set(sys.argv[1:]) - {"--dry", "--tail"}:
        sys.exit(__doc__)
    rows = read()
    llama = [r for r in rows if r["engine"] == "llama.cpp"]
    llama_families = sorted({family_key(r) for r in llama})
    steps = LeftOut(llama_step_fit([r for r in llama if r["kind"] == "decode"]))
    prompts = LeftOut(llama_prompt_fit([r for r in llama if r["kind"] == "prefill"]))
    others = [r for r in rows if r["engine"] != "llama.cpp" and not (r["kind"] == "ttft" and r["batch"] > 1)]
    serving_keys = sorted({serving_key(r) for r in others})
    served = LeftOut(serving_fit(others))
    classes = llama_classes(steps, prompts) + serving_classes(served)
    if "--dry" not in sys.argv:
        write(classes)
    gpu = lambda r: r["backend"] != "cpu"
    report("llama.cpp decode", steps, {
        "one sequence": lambda r: r["batch"] == 1 and gpu(r),
        "one sequence, current": lambda r: r["batch"] == 1 and gpu(r) and r["era"] == "current",
        "batches": lambda r: r["batch"] > 1, "CPU": lambda r: not gpu(r),
        **{b: lambda r, b=b: r["backend"] == b and r["batch"] == 1 for b in LLAMA[:4]},
    })
    report("llama.cpp prefill", prompts, {
        "all": gpu, "current": lambda r: gpu(r) and r["era"] == "current", "CPU": lambda r: not gpu(r),
        **{b: lambda r, b=b: r["backend"] == b for b in LLAMA[:4]},
    })
    first = lambda r: kind_of(r) == "prefill"
    report("serving engines", served, {
        "decode, batch 1": lambda r: r["batch"] == 1 and not first(r),
        "throughput at a batch": lambda r: r["batch"] > 1,
        "first token": first, "first token, 1k+": lambda r: first(r) and r["prompt"] >= 1024,
        **{k: lambda r, k=k: serving_key(r) == k for k in serving_keys},
    })
    if "--tail" in sys.argv:
        for fit in steps.fit, prompts.fit, served.fit:
            print()
            for i in np.argsort(-np.abs(fit.error))[:60]:
                r = fit.rows[i]
                print(f"{np.exp(-fit.error[i]):6.2f}", *(r[k] for k in "id engine era backend device model quant tp split kind prompt output depth batch value".split()))
