#!/usr/bin/env python3
"""Writes the GGUF fixtures of tests/data.

    python3 xtask/data/gguf_fixtures.py TRUTH MODELS

TRUTH    folder with llama.cpp's own figures: gguf-sizes.csv, tensor-types.json.gz,
         public-file-sizes.csv
MODELS   models.json of the facts that catalog_import.py reads (head and expert counts)

gguf-types.json.gz: for each model its facts, its tensors (name and shape, innermost first, in file
order), and for each mix one letter a tensor: the ggml type number n as chr(65 + n).
gguf-sizes.csv.gz and gguf-public-files.csv: the tables as they are, less the columns not used.
"""

import csv
import gzip
import io
import json
import pathlib
import sys

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/data"


def write_gz(name, text):
    with gzip.GzipFile(OUT / name, "wb", 9, mtime=0) as file:
        file.write(text.encode())


def table(rows, columns):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def main(truth, models):
    sizes = list(csv.DictReader(open(truth / "gguf-sizes.csv")))
    configs = {model["id"]: model["config"] for model in json.load(open(models))["models"]}
    ids = {row["model"]: (row["hf_id"], row["arch"]) for row in sizes}

    fixture = []
    for model, truth_types in json.load(gzip.open(truth / "tensor-types.json.gz")).items():
        hf_id, arch = ids[model]
        config = configs[hf_id]
        names = [name for name, _ in truth_types["tensors"]]
        # Hybrids with Mamba or short convolutions write 0 KV heads for a layer without attention.
        no_kv = any(n.startswith(("blk.0.ssm_in.", "blk.0.shortconv.")) for n in names)
        fixture.append({
            "model": model,
            "hf_id": hf_id,
            "arch": arch,
            "heads": config["num_attention_heads"],
            "first_layer_kv_heads": 0 if no_kv else config["num_key_value_heads"],
            "experts": config.get("num_experts") or 0,
            "layers": config["num_hidden_layers"],
            "tensors": truth_types["tensors"],
            "types": {
                mix: "".join(chr(65 + types[name]) for name in names)
                for mix, types in truth_types["types"].items()
            },
        })
    write_gz("gguf-types.json.gz", json.dumps(fixture, separators=(",", ":")))
    columns = ["hf_id", "quant", "imatrix", "tensor_bytes", "tensor_bytes_padded32", "by_type"]
    write_gz("gguf-sizes.csv.gz", table(sizes, columns))

    public = csv.DictReader(open(truth / "public-file-sizes.csv"))
    columns = ["hf_id", "repo", "quant", "public_file_bytes", "tensor_bytes", "match"]
    (OUT / "gguf-public-files.csv").write_text(table(public, columns))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
