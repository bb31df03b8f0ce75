#!/usr/bin/env python3
"""Writes the published builds of the catalogue.

    python3 xtask/data/published_builds.py TRUTH HEADROOM

TRUTH      folder with builds.csv: published files, one a row, with size and source; those of
           xtask/data/public_builds.csv are read with them
HEADROOM   the command `headroom`, which says what llama-quantize would make

src/quant/builds.json has, for each name that a publisher gave to a mix of his own, the standard mix
that is nearest to it, and how large its files are relative to that mix, over the models of which
files are known: the smallest, the median and the largest, for dense models and mixtures of experts.
src/catalog/data/builds.json has the known files, those of standard mixes too, and the known
checkpoints under the names of their formats, whole: with towers and MTP layers.
"""

import csv
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

MIXES = """F32 BF16 F16 Q8_0 Q6_K Q5_1 Q5_K_M Q5_K_S Q5_0 Q4_1 Q4_K_M IQ4_NL Q4_K_S Q4_0 MXFP4_MOE
IQ4_XS Q3_K_L Q3_K_M IQ3_M IQ3_S Q3_K_S IQ3_XS IQ3_XXS Q2_K Q2_K_S IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ1_M
IQ1_S""".split()

# Names that publishers gave to mixes of their own, with the standard mix that is nearest. `+` says
# that the embedding and the output head are Q8_0.
NAMES = {
    "UD-TQ1_0": "IQ1_S", "UD-IQ1_S": "IQ1_S", "UD-IQ1_M": "IQ1_M", "UD-IQ2_XXS": "IQ2_XXS",
    "UD-IQ2_M": "IQ2_M", "UD-IQ3_XXS": "IQ3_XXS", "UD-IQ3_S": "IQ3_S", "UD-IQ4_XS": "IQ4_XS",
    "UD-IQ4_NL": "IQ4_NL", "UD-IQ4_NL_XL": "IQ4_NL", "UD-Q2_K_XL": "Q2_K", "UD-Q3_K_S": "Q3_K_S",
    "UD-Q3_K_M": "Q3_K_M", "UD-Q3_K_XL": "Q3_K_M", "UD-Q4_K_S": "Q4_K_S", "UD-Q4_K_M": "Q4_K_M",
    "UD-Q4_K_L": "Q4_K_M", "UD-Q4_K_XL": "Q4_K_M", "UD-Q5_K_S": "Q5_K_S", "UD-Q5_K_M": "Q5_K_M",
    "UD-Q5_K_XL": "Q5_K_M", "UD-Q6_K": "Q6_K", "UD-Q6_K_S": "Q6_K", "UD-Q6_K_XL": "Q6_K",
    "UD-Q8_K_XL": "Q8_0",
    "Q2_K_L": "Q2_K+", "Q3_K_XL": "Q3_K_L+", "Q4_K_L": "Q4_K_M+", "Q5_K_L": "Q5_K_M+",
    "Q6_K_L": "Q6_K+",
    # Types of ik_llama.cpp.
    "IQ1_KT": "IQ1_M", "IQ2_KS": "IQ2_XS", "IQ2_KT": "IQ2_XS", "IQ2_K": "IQ2_S", "IQ2_KL": "IQ2_M",
    "IQ3_KT": "IQ3_XXS", "IQ3_KS": "IQ3_XS", "IQ3_K": "IQ3_S", "IQ4_KSS": "IQ4_XS",
    "IQ4_KS": "IQ4_XS", "IQ4_K": "IQ4_NL", "IQ5_KS": "Q5_K_S", "IQ5_K": "Q5_K_S",
    "smol-IQ1_KT": "IQ1_M", "smol-IQ2_KS": "IQ2_XS", "smol-IQ2_KL": "IQ2_M", "smol-IQ3_KS": "IQ3_XS",
    "smol-IQ4_KSS": "IQ4_XS", "smol-IQ5_KS": "Q5_K_S",
    "APEX-Nano": "IQ2_M", "APEX-Mini": "IQ3_XS", "APEX-Compact": "IQ4_XS", "APEX-Quality": "Q5_K_S",
    "APEX-Balanced": "Q6_K",
}

# By how much an interval reaches beyond the files that are known: so that nine of ten that are left
# out lie within.
MARGIN = 0.03
# A name of which fewer files are known says little of the spread between models.
FEW = 3
WIDER = 0.08


def name_of(row):
    """The name as people ask for it."""
    name = re.sub(r"^.*?(APEX)-(I-)?", r"\1-", row["build_name"])
    name = {"bf16": "BF16", "FP16": "F16", "MXFP4": "MXFP4_MOE"}.get(name, name)
    name = re.sub(r"_R4$", "", name)
    return name if name in MIXES or name in NAMES else None


# Formats of checkpoints, by the names that publishers give to them.
FORMATS = {
    r"MLX-([234568])-?bits?": r"MLX-\1bit",
    r"FP4|NVFP4(A16|-W4A4|-MTP|-MTP-sm121|-Fast)?": "NVFP4",
    r"FP8(-native)?": "FP8",
    r"FP8-block": "FP8-block",
    r"(QAT-|Quark-)?AWQ(-4bit|-INT4)?(-W4A16)?": "AWQ",
    r"GPTQ-Int4": "GPTQ",
    r"(AutoRound-INT4|INT4-W4A16|QAT-W4A16)(-mixed|-ct)?": "W4A16",
    r"INT4-native": "INT4-experts",
    r"FP8-MXFP4 \(preview\)": "FP8-MXFP4",
    r"MXFP4": "MXFP4",
}


def formats_of(row):
    """The formats that a checkpoint is asked for by. Of FP8 by blocks people say FP8."""
    for pattern, name in FORMATS.items():
        found = re.fullmatch(pattern, row["build_name"], re.IGNORECASE)
        if found:
            name = found.expand(name)
            return ["FP8-block", "FP8"] if name == "FP8-block" or (name == "FP8" and row["publisher"] in ("Qwen", "zai-org")) else [name]
    return []


def source_of(row):
    """Where the size was printed. A copy of the publisher's page stands for the page."""
    what = re.search(r"index id \d+\)?(?: \((.*)\))?", row["source"])
    return row["source"].split(" ")[0].rstrip(",") if what is None else f"the publisher's {what.group(1) or 'page'}"


def run(headroom, queries):
    made = subprocess.run([headroom, "estimate", "--batch", "-"], input="\n".join(queries), capture_output=True, text=True, check=True)
    return [json.loads(line)["cells"] for line in made.stdout.splitlines()]


def head_in_q8_0(headroom, model, mix):
    """How many bytes the file of a mix grows by an embedding and a head in Q8_0, which is stored
    apart even where the model's own is the embedding."""
    made = subprocess.run([headroom, "tensors", model, mix], capture_output=True, text=True, check=True)
    tables = [tensor for tensor in json.loads(made.stdout)["tensors"] if tensor["name"] in ("token_embd.weight", "output.weight")]
    size = math.prod(tables[0]["shape"]) * 34 // 32
    return 2 * size - sum(tensor["bytes"] for tensor in tables)


def left_out(ratios):
    """Prints how well files of one name tell the size of another: each one left out in turn."""
    errors, held = [], []
    for kinds in ratios.values():
        for found in kinds.values():
            for at, ratio in enumerate(found):
                others = found[:at] + found[at + 1:]
                if len(others) < FEW:
                    continue
                errors.append(abs(statistics.median(others) / ratio - 1))
                held.append(min(others) * (1 - MARGIN) <= ratio <= max(others) * (1 + MARGIN))
    errors.sort()
    print(f"left out in turn, {len(errors)} files: median error {errors[len(errors) // 2]:.1%}, 90 % {errors[len(errors) * 9 // 10]:.1%}, held by the others' interval {sum(held) / len(held):.0%}")


def main(truth, headroom):
    rows = [row for path in (truth / "builds.csv", ROOT / "xtask/data/public_builds.csv") for row in csv.DictReader(open(path))]
    # A checkpoint printed to few figures says less than what its method does.
    fine = lambda row: row["file_bytes"] and int(row["precision_bytes"] or 1) <= 0.02 * int(row["file_bytes"])
    checkpoints = [(row, name) for row in rows if row["format_family"] != "gguf" and row["model_hf_id"] and row["publisher"] not in ("?", "ollama") and fine(row) for name in formats_of(row)]
    rows = [row for row in rows if row["format_family"] == "gguf"]
    rows = [(row, name_of(row)) for row in rows if row["file_bytes"]]
    rows = [(row, name) for row, name in rows if name and row["publisher"] != "?"]

    bases = sorted({(row["model_hf_id"], NAMES[name].rstrip("+")) for row, name in rows if name in NAMES})
    queries = [f"model={model}&quant={mix}&hw=h200&imatrix=on&offload=none&engine=llama.cpp" for model, mix in bases]
    sizes, vision = {}, {}
    for (model, mix), cells in zip(bases, run(headroom, queries)):
        if cells:
            sizes[model, mix] = cells[0]["weights_bytes"]

    ratios = {}
    for row, name in rows:
        base = NAMES.get(name)
        # A file with its projector, or one printed to few figures, says little of the mix.
        known = int(row["precision_bytes"] or 1) <= 0.02 * int(row["file_bytes"])
        if base is None or row["includes_mmproj"] == "y" or not known:
            continue
        size = sizes.get((row["model_hf_id"], base.rstrip("+")))
        if size is None:
            continue
        if base.endswith("+"):
            size += head_in_q8_0(headroom, row["model_hf_id"], base.rstrip("+"))
        ratios.setdefault(name, {}).setdefault(row["kind"], []).append(int(row["file_bytes"]) / size)

    left_out(ratios)

    def spread(name, kind):
        kinds = ratios.get(name, {})
        found = kinds.get(kind) or sum(kinds.values(), [])
        if not found:
            return None
        low, middle, high = min(found) * (1 - MARGIN), statistics.median(found), max(found) * (1 + MARGIN)
        if len(kinds.get(kind, [])) < FEW:
            low, high = low * (1 - WIDER), high * (1 + WIDER)
        return [round(number, 4) for number in (low, middle, high)]

    names = [
        {"name": name, "base": base.rstrip("+"), "q8_0_head": base.endswith("+"), "dense": spread(name, "dense"), "moe": spread(name, "moe")}
        for name, base in NAMES.items() if spread(name, "dense")
    ]
    listed = MIXES + [entry["name"] for entry in names]
    rows = [(row, name) for row, name in rows if name in listed] + checkpoints
    listed += sorted({name for _, name in checkpoints})
    publishers = sorted({row["publisher"] for row, _ in rows})
    listed = [name for name in listed if any(name == other for _, other in rows)]
    sources = sorted({source_of(row) for row, _ in rows})
    # Of one publisher the finest printed figure of a file.
    finest = {}
    for row, name in sorted(rows, key=lambda row: -int(row[0]["precision_bytes"] or 1)):
        finest[row["model_hf_id"], row["publisher"], name] = {
            "publisher": publishers.index(row["publisher"]), "name": listed.index(name),
            "bytes": int(row["file_bytes"]), "precision": int(row["precision_bytes"] or 1),
            "has_projector": row["format_family"] == "gguf" and row["includes_mmproj"] == "y", "source": sources.index(source_of(row)),
        }
    models = {}
    for (model, _, _), file in sorted(finest.items(), key=lambda item: item[0]):
        models.setdefault(model, []).append(file)
    models = [{"model": model, "files": files} for model, files in models.items()]
    lines = lambda entries: ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    (ROOT / "src/quant/builds.json").write_text(f'{{"publishers": {json.dumps(publishers)}, "names": [\n{lines(names)}\n]}}\n')
    (ROOT / "src/catalog/data/builds.json").write_text(
        f'{{\n "sources": [\n{lines(sources)}\n ],\n "publishers": {json.dumps(publishers)},\n'
        f' "names": {json.dumps(listed)},\n "models": [\n{lines(models)}\n ]\n}}\n'
    )
    files = list(finest)
    print(f"{len(names)} names, {len(files)} files of {len(models)} models")
    for entry in names:
        print(entry["name"], entry["dense"], entry["moe"], {kind: len(found) for kind, found in ratios[entry["name"]].items()})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
