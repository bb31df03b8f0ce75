#!/usr/bin/env python3
"""Writes tests/data/llama-cpp-memory.csv.gz.

    python3 xtask/data/llama_cpp_memory.py TRUTH

TRUTH   folder with llama.cpp's own figures: memory.csv.gz

What llama.cpp b11434 plans to allocate for 31 models, in bytes: the table as it is, less the
columns not used. `cpu` is a run without a device; the others have one simulated CUDA device with
all layers (`gpu`), with `ngl=N`, or with all experts on the host (`cpu-moe`).
"""

import csv
import gzip
import io
import pathlib
import sys

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/data/llama-cpp-memory.csv.gz"
COLUMNS = [
    "hf_id", "quant", "offload", "mode", "n_ctx", "n_ubatch", "n_parallel", "kv_unified", "type_k",
    "type_v", "flash_attn", "swa_full", "model_bytes_dev", "model_bytes_host", "kv_bytes",
    "kv_base_bytes", "kv_swa_bytes", "recurrent_bytes", "context_bytes_dev", "compute_bytes_dev",
    "compute_bytes_host",
]
OFFLOAD = {"none (CPU)": "cpu", "all layers on device": "gpu"}


def main(truth):
    rows = list(csv.DictReader(io.TextIOWrapper(gzip.open(truth / "memory.csv.gz"))))
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"offload": OFFLOAD.get(row["offload"], row["offload"])})
    with gzip.GzipFile(OUT, "wb", 9, mtime=0) as file:
        file.write(out.getvalue().encode())
    print(len(rows), "records")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
