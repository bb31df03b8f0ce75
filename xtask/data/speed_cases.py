#!/usr/bin/env python3
"""Writes tests/data/measured-speed.csv: the clean public measurements, under the catalogue's names;
and tests/data/maximum-load.csv: those of throughput at a batch that nobody states (0 there).

    python3 xtask/data/speed_cases.py MEASURED

MEASURED   folder with cases.jsonl, one measurement a line

Left out are rows that their collectors flag as unfit (memory pressure, weak hosts, offload,
speculative decoding ...), rows of models or devices that the catalogue lacks, and rows faster than
the device's memory allows. public_speed.csv beside this script has more, with the address that each
was read from, under the catalogue's names already.
"""
import csv
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/data/measured-speed.csv"
MAXIMUM = OUT.with_name("maximum-load.csv")
PUBLIC = pathlib.Path(__file__).with_name("public_speed.csv")

UNFIT = "suspect weak_host offload specdec hybrid long_prompt eager_mode inconsistent unstable slow_kernel".split()
# Maximum load: the batch is not stated, and for MLPerf nor is the parallelism.
UNKNOWN_BATCH = {"trtdoc", "mlperf51"}

MODELS = {
    "llama1-7b": "llama-7b", "llama1-33b": "llama-30b", "llama2-7b": "llama-2-7b-hf",
    "llama2-13b": "llama-2-13b-hf", "llama2-70b": "llama-2-70b-hf", "llama3-8b": "meta-llama-3-8b-instruct",
    "llama3-70b": "meta-llama-3-70b-instruct", "llama3.1-405b": "llama-3.1-405b-instruct",
    "llama3.2-3b": "llama-3.2-3b-instruct", "mistral-7b": "mistral-7b-v0.1",
    "mixtral-8x7b": "mixtral-8x7b-instruct-v0.1", "vicuna-7b": "vicuna-7b-v1.5",
    "codellama-34b": "codellama-34b-instruct-hf", "deepseek-coder-33b": "deepseek-coder-33b-instruct",
    "falcon-180b": "falcon-180b-chat", "falcon-7b": "falcon-7b-instruct", "gptj-6b": "gpt-j-6b",
    "gemma3-4b": "gemma-3-4b-it", "gemma4-26b-a4b": "gemma-4-26b-a4b-it", "gemma4-31b": "gemma-4-31b-it",
    "llama4-maverick": "llama-4-maverick-17b-128e-instruct", "llama4-scout": "llama-4-scout-17b-16e-instruct",
    "tinyllama-1.1b": "tinyllama-1.1b-chat-v1.0",
}
DEVICES = {
    "B200 180GB": "b200", "B300 288GB": "b300", "GB10": "dgx-spark-gb10", "GB200 186GB": "gb200", "GB300 288GB": "gb300",
    "H100 SXM 80GB": "h100-sxm", "H100 PCIe 80GB": "h100-pcie", "H20 96GB": "h20", "H20-3e 141GB": "h20-141gb",
    "H200 NVL 141GB": "h200-nvl", "H200 SXM 141GB": "h200-sxm", "MI250 (1 GCD)": "instinct-mi250",
    "MI210": "instinct-mi210", "MI300X": "instinct-mi300x", "MI325X": "instinct-mi325x", "MI355X": "instinct-mi355x",
    "Pro W7700": "radeon-pro-w7700", "R9700 32GB": "radeon-ai-pro-r9700", "Strix Halo 8060S": "strix-halo-395",
    "RTX PRO 6000 Blackwell SE": "rtx-pro-6000-blackwell-server",
    "RTX PRO 6000 Blackwell WS": "rtx-pro-6000-blackwell-workstation",
    "Radeon 780M (Ryzen 8000)": "radeon-780m", "Radeon 890M (Ryzen AI 9)": "radeon-890m", "T4": "tesla-t4",
    "Tesla P100 16GB": "tesla-p100-pcie-16gb", "V100 PCIe 16GB": "tesla-v100-pcie-16gb",
    "V100 PCIe 32GB": "tesla-v100-pcie-32gb", "V100 SXM2 16GB": "tesla-v100-sxm2-16gb",
    "V100 SXM2 32GB": "tesla-v100-sxm2-32gb", "V100S PCIe 32GB": "tesla-v100s-pcie-32gb",
    "Arc Pro B50 16GB": "arc-pro-b50", "Arc Pro B60 24GB": "arc-pro-b60",
    "CPU Ryzen 9 7950X (2ch DDR5)": "cpu-ddr5-6000-dual",
}
ENGINES = {
    "llama.cpp": "llama.cpp", "ollama(llama.cpp)": "llama.cpp", "vLLM": "vllm", "1Cat-vLLM": "vllm", "SGLang": "sglang",
    "TensorRT-LLM": "tensorrt-llm", "NIM (TensorRT-LLM)": "tensorrt-llm", "mlx-lm": "mlx", "mlx-lm (CUDA)": "mlx",
    "ExLlamaV2": "exllama", "MLC-LLM": "mlc-llm", "AutoAWQ/GEMM": "auto-awq", "AutoAWQ/GEMV": "auto-awq",
    "DeepSpeed(Habana)": "deep-speed", "Deepspeed-MII": "deep-speed",
}
BACKENDS = {"CUDA": "cuda", "ROCm": "rocm", "Metal": "metal", "MLX": "metal", "Vulkan": "vulkan", "CPU": "cpu"}
# Bits a weight of the projections, and of embeddings and head, in a checkpoint.
CHECKPOINTS = {
    "FP16": (16, 16), "BF16": (16, 16), "FP8": (8, 16), "NVFP4": (4.5, 16), "MXFP4": (4.25, 16), "W4A16": (4.25, 16),
    "W8A16": (8.1, 16), "W8A8": (8.1, 16), "INT8": (8.1, 16), "INT4": (4.25, 16), "GPTQ-Int4": (4.25, 16),
    "GPTQ-Int8": (8.2, 16), "AWQ": (4.25, 16), "EXL-2.5": (2.5, 6), "EXL-3.0": (3, 6), "EXL-4.0": (4, 6),
    "EXL-5.0": (5, 6), "MLX-q8": (8.5, 8.5), "MLX-q6": (6.5, 6.5), "MLX-q5": (5.5, 5.5), "MLX-q5g32": (6, 6),
    "MLX-q4": (4.5, 4.5), "MLX-q4g32": (5, 5),
}
KINDS = {
    "decode_tps_single": "decode", "prefill_tps_single": "prefill", "tpot_ms": "tpot", "ttft_ms": "ttft",
    "decode_tps_batched_total": "decode", "throughput_total_tps": "total", "throughput_output_tps": "output",
}
COLUMNS = """id source engine era backend model quant bits head_bits file_gib device cores tp split kind prompt output
depth batch drafted accepted cache_bytes flash ubatch value""".split()
# Bytes a value of the cache.
CACHE = {"f16": 2, "fp8": 1, "q8_0": 1.0625}


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def era(case):
    """The period of a build, as `speed::Era` divides time."""
    version, source, engine = case.get("engine_version") or "", case["src"], ENGINES[case["engine"]]
    if source == "llmperfbench":
        return "y2023"
    if engine == "vllm":
        if version == "2024" or version.startswith("0.6"):
            return "y2024"
        return "early2025" if version == "0.7.3" else "current"
    if engine == "tensorrt-llm":
        return "y2024" if version in ("2024", "0.9.0") else "current"
    if engine == "sglang":
        return "early2025" if version.startswith("0.4") else "current"
    if engine == "llama.cpp":
        # On a CPU, 2024 is before the products of repacked weights (January to November 2025).
        # Contributed in January 2025, with Ollama of 2024 (ROCm has no class of that time).
        early = source == "geerling" and case["source"].endswith(("/pull/11", "/issues/5"))
        if early and case["backend"] in ("CUDA", "Metal"):
            return "y2024"
        return "y2024" if version in ("May 2024", "4384") or version.startswith("8e672ef") else "current"
    return "y2024" if engine in ("deep-speed", "auto-awq") else "current"


def device(name, devices):
    """The catalogue's id, and the cores where the catalogue has another count."""
    apple = re.fullmatch(r"Apple (M\d)( Pro| Max| Ultra)? \((\d+)c\)", name)
    if apple:
        base = slug("apple-" + apple[1] + (apple[2] or ""))
        for known in (f"{base}-{apple[3]}c", base):
            if known in devices:
                return known, int(apple[3])
    known = DEVICES.get(name, slug(name))
    return (known, None) if known in devices else (None, None)


def width(case):
    """Devices in a tensor-parallel group, and in a layer split."""
    count, how = case["n_gpu"], case.get("parallelism") or ""
    if how == "layer-split":
        return 1, count
    return (count, 1) if count > 1 else (1, 1)


def main(folder):
    catalogue = ROOT / "src/catalog/data"
    devices = {d["id"] for d in json.loads((catalogue / "devices.json").read_text())["devices"]}
    models = {m["id"].rsplit("/", 1)[-1].lower() for m in json.loads((catalogue / "models.json").read_text())["models"]}
    rows, dropped = [], {}
    for line in (folder / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        row, why = convert(case, devices, models)
        if row:
            rows.append(row)
        else:
            dropped[why] = dropped.get(why, 0) + 1
    write(OUT, [row for row in rows if row["batch"]] + public(devices, models))
    write(MAXIMUM, [row for row in rows if not row["batch"]])
    print("left out:", dropped)


def write(path, rows):
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(len(rows), "rows in", path.relative_to(ROOT))


def public(devices, models):
    """The rows of public_speed.csv: nothing is left out of it."""
    rows, counts = [], {}
    for row in csv.DictReader(PUBLIC.open()):
        source = row["source"]
        counts[source] = counts.get(source, 0) + 1
        if row["model"] not in models or row["device"] not in devices:
            sys.exit(f"not in the catalogue: {row}")
        bits, head_bits = CHECKPOINTS[row["quant"]] if row["engine"] != "llama.cpp" else ("", "")
        derived = dict(id=f"{source}-{counts[source]:04}", bits=bits, head_bits=head_bits, cores=row.pop("cores") or "")
        rows.append({name: (derived | row)[name] for name in COLUMNS})
    return rows


def convert(case, devices, models):
    flags = case.get("flags") or []
    if any(f.startswith(bad) for f in flags for bad in UNFIT):
        return None, "unfit"
    unknown_batch = case["src"] in UNKNOWN_BATCH or (case["src"] == "gpustack" and case.get("batch", 0) > 100)
    if unknown_batch and not case.get("prompt_len"):
        return None, "maximum load without lengths"
    if case["engine"] not in ENGINES:
        return None, "engine " + case["engine"]
    engine, key = ENGINES[case["engine"]], case.get("model_key")
    model = MODELS.get(key, key)
    model = next((m for m in (model, f"{model}-instruct") if m in models), None)
    if not model:
        return None, f"model {key}"
    chip, cores = device(case["gpu_key"], devices)
    if not chip:
        return None, "device " + case["gpu_key"]
    # mlx-lm answered these requests one after another.
    if engine == "mlx" and case.get("batch", 1) > 1:
        return None, "not batched"
    # The published batch-1 latencies of these rows would need 100 times the memory bandwidth.
    if case["src"] == "argonne" and case["engine"] == "TensorRT-LLM" and key == "qwen2-7b" and case.get("prompt_len") == 2048 and chip == "h100-sxm":
        return None, "faster than memory"
    # Of builds before the products of M5's tensor units (llama.cpp#16634).
    if case["src"] == "apple4167" and case["gpu_key"].startswith("Apple M5") and case["kind"].startswith("prefill"):
        return None, "before tensor units"
    bits, head_bits = CHECKPOINTS.get(case["quant"], ("", "")) if engine != "llama.cpp" else ("", "")
    if engine != "llama.cpp" and not bits:
        return None, "quantisation " + case["quant"]
    group, split = width(case)
    kind, value = KINDS[case["kind"]], case["value"]
    # A rate of generated tokens over the whole request, prompt included.
    if case["src"] in ("qwen25", "qwen3") and kind == "decode":
        kind = "output"
    backend = BACKENDS.get(case["backend"]) or ("hpu" if chip.startswith("gaudi") else "xpu")
    if case["engine"] == "mlx-lm (CUDA)":
        backend = "cuda"
    return {
        "id": case["id"], "source": case["src"], "engine": engine, "era": era(case), "backend": backend,
        "model": model, "quant": case["quant"], "bits": bits, "head_bits": head_bits,
        "file_gib": case.get("file_gib") or "", "device": chip, "cores": cores or "", "tp": group, "split": split,
        "kind": kind, "prompt": case.get("prompt_len") or 0, "output": case.get("output_len") or 0,
        "depth": int(case.get("depth") or 0), "batch": 0 if unknown_batch else int(case.get("batch") or 1),
        "drafted": "", "accepted": "", "cache_bytes": CACHE.get(case["kv_dtype"], 2),
        "flash": 0 if case.get("flash_attn") is False else 1, "ubatch": 2048 if case["src"] == "llbench" else 512,
        "value": round(value, 4),
    }, None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
