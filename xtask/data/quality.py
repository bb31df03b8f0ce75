#!/usr/bin/env python3
"""Writes what quantisation was measured to cost, `src/quality/figures.json`.

    python3 xtask/data/quality.py FIGURES

FIGURES    figures.csv: published measurements of a quantised model against the same model less
           quantised, one a row, with its source

`measured` has the figures of models of the catalogue: one for each model, format, metric, text and
source, with the lowest, the median and the highest of several makers, methods or benchmarks.
`similar` has, for each format, the range over models of one size band and kind, of one metric and
protocol: one value a model, its median where it has several. Of some
formats there is one such model only, and the range says so. Cache types have one range over all
models, since few were measured. Nothing is pooled that was not measured alike: a perplexity is
taken as its rise in percent on the same text, a divergence on the same text, a score as the points
it lost; benchmarks of one kind of format are pooled as points, from the 10th percentile to the 90th.
"""

import csv
import json
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

MIXES = """Q8_0 Q6_K Q5_1 Q5_K_M Q5_K_S Q5_0 Q4_1 Q4_K_M IQ4_NL Q4_K_S Q4_0 IQ4_XS Q3_K_L Q3_K_M IQ3_M
IQ3_S Q3_K_S IQ3_XS IQ3_XXS Q2_K Q2_K_S IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S""".split()
OWN = [name["name"] for name in json.load(open(ROOT / "src/quant/builds.json"))["names"]]
# Types whose divergence stands for a mix, all of whose tensors they would be: they are an upper
# bound, since mixes keep some tensors in more bits.
PURE = "Q8_0 Q6_K Q5_1 Q5_K Q5_0 Q4_1 Q4_K Q4_0 IQ4_NL IQ4_XS Q3_K IQ3_S IQ3_XXS Q2_K IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S".split()

# Total parameters in billions and whether a mixture of experts, of models that the catalogue does
# not have and whose name does not say it.
OTHERS = {"Mixtral-8x7B": (46.7, True), "Qwen3.8 (2.4T, A95B)": (2400, True)}
# Models under another name in the catalogue.
ALIASES = {
    "Kimi-K2.5": "moonshotai/Kimi-K2.5",
    "GLM-5.2": "zai-org/GLM-5.2",
    "meta-llama/Llama-3.1-8B": "meta-llama/Meta-Llama-3.1-8B",
    "meta-llama/Meta-Llama-3.1-405B-Instruct": "meta-llama/Llama-3.1-405B-Instruct",
}
EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts", "num_routed_experts")
DENSE_BANDS = (3, 10, 40)
MOE_BANDS = (100,)
# Widths of bits per weight within which mixes of one's own making are pooled.
BITS = (1.6, 1.9, 2.3, 2.8, 3.3, 3.8, 4.3, 4.7, 5.2, 5.8, 6.8, 8.0, 8.8)

WIKI = "wiki.test.raw, n_ctx 512"
CORPUS = "imatrix-calibration-corpus-v02, n_ctx 512"
SCORES = "benchmark scores"


def subject(row):
    """What the row measures and the name we have for it: (`weights`, format), (`pure`, type),
    (`bits`, bits), (family of engines, cache type), or None for what Headroom does not answer of."""
    text, method = row["format"], row["engine_or_method"]
    if "KV" in method or "KV cache" in text:
        return cache(text, method)
    if match := re.fullmatch(r"pure (\w+)", text):
        return ("pure", match[1]) if match[1] in PURE else None
    if match := re.fullmatch(r"(?:GGUF mix |THIREUS-)([\d.]+)(?: bpw.*)?", text):
        return "bits", float(match[1])
    name = re.sub(r" \(.*\)$", "", text).replace("UD_", "UD-")
    if name in MIXES or name in OWN:
        return "weights", name
    if "mix" in text or "MLP only" in text or "experts" in text or "MLX UD" in text:
        return None
    for pattern, known in (
        (r"FP8 \(Qwen release\)|FP8_BLOCK .*", "FP8-block"),
        (r"FP8( W8A8| dynamic| rowwise)?( \(.*\))?", "FP8"),
        (r"INT8 W8A8", "INT8"),
        (r"GPTQ-Int4|GPTQ INT4|W4G128 GPTQ", "GPTQ"),
        (r"AWQ|AWQ W4A16|AWQ[ -]INT4( \(.*\))?|W4G128 AWQ", "AWQ"),
        (r"W4G128 (RTN|AutoRound)|AutoRound INT4|W4A16 g64", "W4A16"),
        (r"NVFP4([ -].*)?", "NVFP4"),
        (r"MXFP4 (RTN|OPT-RTN.*|OPT-RNT.*|orig-RTN|GPTQ.*)", "MXFP4"),
        (r"NF4 blocksize 32", "NF4"),
    ):
        if re.fullmatch(pattern, text) and "with" not in text:
            return "weights", known
    if match := re.fullmatch(r"MLX (\d)-bit", text):
        return "weights", f"MLX-{match[1]}bit"
    if match := re.fullmatch(r"EXL3 (?:K(\d)|(\d\.\d)0?)(?: bpw| \(v1\))?", text):
        return "weights", f"EXL3-{float(match[1] or match[2]):.1f}bpw"
    return None


def cache(text, method):
    """A cache type by the engines that have it. Caches with a rotation or a type that no engine
    here offers are left out."""
    if re.search(r"Hadamard|rotation|turbo|Turbo|KVarN|q6_0|before accum|two-level", text) or "exllamav2" in method:
        return None
    match = re.search(r"MLX (\d)-bit", text)
    if match:
        return "mlx", {"8": "q8_0", "4": "q4_0"}[match[1]]
    halves = re.search(r"K cache (\w+) V cache (\w+)", text)
    both = re.search(r"KV cache (\w+)", text)
    if halves:
        key, value = halves.groups()
        return "llama.cpp", key if key == value else f"{key},{value}"
    if not both:
        return None
    ty = {"fp8_e4m3": "fp8", "fp8_e5m2": "fp8", "int8_per_token_head": "int8",
          "int4_per_token_head": "int4"}.get(both[1], both[1])
    if ty in ("fp8", "int8", "int4"):
        return "serving", ty
    return ("llama.cpp", ty) if ty in ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0") else None


def value(row):
    """The metric's name and the figure: a rise in percent, nats, percent, points."""
    metric, figure, base = row["metric"], float(row["value"]), row["baseline_value"]
    match metric:
        case "ppl":
            return "perplexity", 100 * (figure / float(base) - 1)
        case "ppl_ratio":
            return "perplexity", 100 * (figure - 1)
        case "kld_mean":
            return "divergence", figure
        case "top1_agreement":
            return "agreement", figure
        case "benchmark":
            return "benchmark", figure - float(base)
    return None


def protocol(row):
    """The text and window on which figures of several models compare, if they are on one."""
    text, metric = row["context_or_dataset"], row["metric"]
    if metric == "benchmark":
        return SCORES
    if "8192" in text or "no imatrix w=" in row["format"]:
        return None
    if metric in ("ppl", "ppl_ratio") and text.startswith("wiki.test.raw") and (
            "n_ctx 512" in text or "set not named" in text or "chunks" in text):
        return WIKI
    if metric == "kld_mean" and text.startswith("imatrix-calibration-corpus-v02; n_ctx 512; base=BF16"):
        return CORPUS
    return None


def cache_protocol(row):
    """As `protocol`, of a cache: its rise of perplexity is a ratio on one text of each model."""
    match row["metric"]:
        case "benchmark":
            return SCORES
        case "ppl" | "ppl_ratio":
            return "a text of each source"
        case "kld_mean" if row["context_or_dataset"].startswith("wikitext-2 test, 100 chunks"):
            return "wikitext-2 test, 100 chunks of 512"
    return None


def size(row, models):
    """Parameters in billions and whether it has experts; None where unknown."""
    if known := models.get(row["model"]):
        return known
    if row["model"] in OTHERS:
        return OTHERS[row["model"]]
    match = re.search(r"-(\d+(?:\.\d+)?)B(-A\d)?", row["model"], re.IGNORECASE)
    return (float(match[1]), bool(match[2])) if match else None


def band(billions, moe):
    bands = MOE_BANDS if moe else DENSE_BANDS
    return sum(billions > top for top in bands)


def short(figure):
    """Three digits are more than any of them is good for."""
    return float(f"{figure:.3g}") + 0.0


def spread(values, share=0.0):
    values = sorted(values)
    cut = int(len(values) * share)
    kept = values[cut:len(values) - cut]
    return [short(kept[0]), short(statistics.median(values)), short(kept[-1])]


class Table:
    """Strings by their places."""

    def __init__(self):
        self.texts = []

    def at(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)


def main():
    rows = list(csv.DictReader(open(sys.argv[1], newline="")))
    catalogue = json.load(open(ROOT / "src/catalog/data/models.json"))["models"]
    by_id = {model["id"].lower(): model for model in catalogue}
    names = {}
    sizes = {}
    for row in rows:
        wanted = [row["hf_id_if_known"], ALIASES.get(row["hf_id_if_known"]), ALIASES.get(row["model"])]
        found = next((by_id[w.lower()] for w in wanted if w and w.lower() in by_id), None)
        if found:
            names[row["model"]] = found["id"]
            config = json.dumps(found["config"])
            if found.get("params"):
                moe = any(f'"{key}"' in config for key in EXPERTS)
                sizes[row["model"]] = (found["params"] / 1e9, moe)

    texts, sources, methods, models_of = Table(), Table(), Table(), Table()
    measured, similar = {}, {}
    for row in rows:
        what, figure = subject(row), value(row)
        if not what or not figure:
            continue
        kind, name = what
        metric, number = figure
        # A type that a mix stands for has one figure that compares; its perplexity is of a text
        # that it was calibrated on.
        if kind == "pure" and metric != "divergence":
            continue
        if row["model"] in names and kind != "bits":
            key = (names[row["model"]], kind, name, metric, row["context_or_dataset"], row["source"])
            measured.setdefault(key, []).append((number, row["engine_or_method"], row["benchmark_name"]))
        # A model that was trained for four bits tells nothing of others.
        if "QAT" in row["model"]:
            continue
        is_cache = kind in ("llama.cpp", "serving", "mlx")
        test = cache_protocol(row) if is_cache else protocol(row)
        if not test:
            continue
        known = size(row, sizes)
        if kind == "bits":
            low = [low for low in BITS[:-1] if low <= name]
            if not low or name >= BITS[-1]:
                continue
            name = BITS[BITS.index(low[-1])]
        if is_cache:
            place = ("any", 0)
        elif known:
            place = ("moe" if known[1] else "dense", band(*known))
        else:
            continue
        key = (*place, kind, name, metric, test)
        similar.setdefault(key, {}).setdefault(row["model"], []).append((number, row["source"]))
        # A named mix is a mix of its bits, too.
        if kind == "weights" and metric == "perplexity" and row["bits_per_weight"]:
            bits = float(row["bits_per_weight"])
            low = [low for low in BITS[:-1] if low <= bits]
            if low and bits < BITS[-1]:
                key = (*place, "bits", low[-1], metric, test)
                similar.setdefault(key, {}).setdefault(row["model"], []).append((number, row["source"]))

    out_measured = {}
    for (model, kind, name, metric, text, source), figures in measured.items():
        tests = sorted({test for _, _, test in figures if test})
        if tests:
            text = f"{', '.join(tests)}; {text}"
        made = sorted({method for _, method, _ in figures})
        method = made[0] if len(made) == 1 else f"{made[0]} and {len(made) - 1} more"
        out_measured.setdefault(model, []).append([
            kind, name, metric, *spread([number for number, _, _ in figures]), len(figures),
            texts.at(text), methods.at(method), sources.at(source)])
    out_similar = []
    for (kind_of_model, place, kind, name, metric, test), models in sorted(similar.items(), key=str):
        if test == SCORES:
            numbers = [number for figures in models.values() for number, _ in figures]
            if len(numbers) < 8:
                continue
            values = spread(numbers, 0.1)
        else:
            numbers = [statistics.median(n for n, _ in figures) for figures in models.values()]
            values = spread(numbers)
        # A repository once, whatever file of it.
        heads = {re.split(r":|#| \(", source)[0] for figures in models.values() for _, source in figures}
        out_similar.append([kind_of_model, place, kind, str(name), metric, *values,
                            [models_of.at(model) for model in sorted(models)], len(numbers),
                            texts.at(test), sources.at(", ".join(sorted(heads)))])

    line = lambda entry: json.dumps(entry, ensure_ascii=False)
    parts = ["{", f' "bits": {line(list(BITS))},',
             f' "dense_bands": {line(list(DENSE_BANDS))}, "moe_bands": {line(list(MOE_BANDS))},',
             ' "texts": [', ",\n".join("  " + line(t) for t in texts.texts), " ],",
             ' "methods": [', ",\n".join("  " + line(t) for t in methods.texts), " ],",
             ' "sources": [', ",\n".join("  " + line(t) for t in sources.texts), " ],",
             f' "models": {line(models_of.texts)},',
             ' "measured": [',
             ",\n".join(
                 f'  {{"model": {line(model)}, "figures": [\n'
                 + ",\n".join("   " + line(f) for f in figures) + "]}"
                 for model, figures in sorted(out_measured.items())), " ],",
             ' "similar": [', ",\n".join("  " + line(entry) for entry in out_similar), " ]", "}"]
    target = ROOT / "src/quality/figures.json"
    target.write_text("\n".join(parts) + "\n")
    count = sum(map(len, out_measured.values()))
    print(f"{count} figures of {len(out_measured)} models, {len(out_similar)} ranges,"
          f" {target.stat().st_size} bytes")


main()
