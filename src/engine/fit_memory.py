#!/usr/bin/env python3
"""Fits what a serving engine's memory rules leave to measurement, and writes the test cases.

usage: fit_memory.py MEASURED [--write]

MEASURED is a folder with `cases.json`, figures that engines printed in public logs. The script
resolves the cases of the serving engines against the catalogue, prints each fit with its n, its
residuals and what it does not explain, and with --write brings the resolved cases into
tests/data/measured-memory.json, which tests/engines_measured.rs holds the engines against.

Only the standard library is used.
"""

import json
import math
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "src/catalog/data/models.json"
OUT = ROOT / "tests/data/measured-memory.json"
GIB = 1 << 30

# GiB that torch.cuda.mem_get_info reports where a case does not print it: seen in other cases or
# in public logs of the same card.
VISIBLE = {
    "NVIDIA A100 40GB": 39.49, "NVIDIA A100 80GB": 79.14, "NVIDIA H100 80GB": 79.18,
    "NVIDIA RTX PRO 6000 96GB": 94.97, "NVIDIA H200": 139.8, "NVIDIA L4": 22.03,
    "NVIDIA RTX 5090": 31.36, "NVIDIA RTX 3090": 23.57,
}
CAPABILITY = {
    "T4": 75, "A100": 80, "3090": 86, "2080 Ti": 75, "L4": 89, "H100": 90, "H200": 90,
    "RTX PRO 6000": 120, "RTX PRO 5000": 120, "5090": 120, "GB10": 121, "A6000": 86,
    "CMP 170HX": 80,
}
FORMATS = [
    ("bnb-4bit", "NF4"), ("fp8 block", "FP8-block"), ("int4 (native)", "INT4-experts"), ("awq", "AWQ"), ("autoround int4", "W4A16"),
    ("w4a16", "W4A16"), ("int4", "W4A16"), ("nvfp4", "NVFP4"), ("mxfp4", "MXFP4"),
    ("fp8", "FP8-block"), ("bf16", "BF16"), ("fp16", "BF16"), ("4bit", "MLX-4bit"),
]


# What a log does not print but its own figures show: the printed tokens come out to the digit.
SHOWN = {
    "vl-qwen3-6-35b-a3b-autoround-int4-c262144": {"kv_bytes": 1},
    "vl-qwen3-6-27b-27b-fp8-weights-fp8-c184320": {"speculative": 2},
}


def normal(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def model_id(name, models):
    """The catalogue's id for a model as a log names it; None if there is none."""
    name = normal(re.split(r"[ (]", name.replace("phi-4 (14B)", "phi-4"))[0])
    short = [(normal(m["id"].split("/")[-1]), m["id"]) for m in models]
    exact = [full for low, full in short if low == name]
    near = sorted((len(low), full) for low, full in short if name in low)
    found = exact or [full for _, full in near]
    if not found and name.startswith("meta"):
        return model_id(name[4:], models)
    return found[0].split("/")[-1].lower() if found else None


def release(text):
    """The minor number of a 0.x version."""
    found = re.match(r"0\.(\d+)", text or "")
    return int(found.group(1)) if found else None


def excluded(case):
    """Why a case says nothing about a released engine, if it does not."""
    version, flags = case.get("engine_version") or "", " ".join(case.get("flags") or [])
    if "fork" in version:
        return "a fork with kernels of its own"
    if "under development" in flags:
        return "profiling code of a pull request, never released"
    return None


def resolve(case, models):
    ident = model_id(case["model"], models)
    quant = (case.get("quant") or "").lower()
    quant = next((to for word, to in FORMATS if word in quant), None)
    native = next((m.get("native_quantization") or "" for m in models
                   if ident and m["id"].lower().endswith("/" + ident)), "")
    if quant == "FP8-block" and "fp4 experts" in native:
        quant = "FP8-MXFP4"
    if ident is None or quant is None or case["grade"] == "X":
        return None
    gpu = " ".join(case.get("gpus") or [])
    total = case.get("total_gpu_memory_gib")
    inferred = None
    if total is None:
        total = next((v for k, v in VISIBLE.items() if k in gpu), None)
        inferred = total is not None or None
    capability = next((v for k, v in CAPABILITY.items() if k in gpu), None)
    measured = {}
    for figure in case["measured"]:
        measured.setdefault(figure["figure"], figure.get("bytes") or figure["value"])
    kv = str((case.get("kv_cache_type") or {}).get("k", ""))
    source = case["source"]
    # Batch settings are neither printed nor the known defaults in logs of the V0 engine.
    unknown = not case.get("max_num_seqs") and (
        "gpu_blocks" in measured or "inferred from dimensions" in " ".join(case.get("flags") or []))
    return {
        "batch_unknown": unknown or None,
        "id": case["id"], "engine": case["engine"], "grade": case["grade"],
        "release": release(case.get("engine_version")), "model": ident, "quant": quant,
        "gpus": gpu, "capability": capability,
        "visible_bytes": round(total * GIB) if total else None, "visible_inferred": inferred,
        "utilisation": case.get("gpu_memory_utilization"),
        "ranks": case.get("tensor_parallel") or 1,
        "pipeline": case.get("pipeline_parallel"),
        "expert_parallel": case.get("expert_parallel"),
        "context": case.get("context"),
        "sequences": case.get("max_num_seqs") or case.get("max_num_seqs_cfg"),
        "batched": case.get("max_num_batched_tokens"), "eager": case.get("enforce_eager"),
        "lora_rank": case.get("lora_rank"), "excluded": excluded(case), "kv_bytes": 1 if "fp8" in kv else 2,
        "measured": {k: v for k, v in measured.items() if not isinstance(v, str)},
        "source": source.get("url") or source.get("page") or "",
        "note": "; ".join(case.get("flags") or []),
        **SHOWN.get(case["id"], {}),
    }


def llama(case, models):
    """A run of llama.cpp whose whole memory was measured from outside, on one device."""
    ident = model_id(re.sub(r"^shisa-v2-llama3\.1-8b$", "Llama-3.1-8B-Instruct",
                            case["model"].replace(" QAT", "")), models)
    figures = {}
    for figure in case["measured"]:
        figures.setdefault((figure["figure"], figure.get("device")), figure.get("bytes"))
    total = next((figures[k] for k in figures if k[0] in (
        "gtt_plus_vram_delta", "nvidia_smi_delta_after_load", "nvidia_smi_used")), None)
    size = re.search(r'"model_size": (\d+)', case["excerpt"])
    on_device = next((v for (f, d), v in figures.items() if f == "model_buffer"
                      and d and not d.startswith(("CPU", "host"))), None)
    mtp = ("compute_buffer_draft", "Vulkan0") in figures
    if ident is None or total is None or mtp or case["grade"] not in "AB":
        return None
    gpu = " ".join(case.get("gpus") or [])
    backend = case.get("backend") or ("cuda" if "NVIDIA" in gpu else "vulkan")
    kv = case.get("kv_cache_type") or {}
    return {
        "id": case["id"], "engine": case["engine"], "grade": case["grade"], "model": ident,
        "quant": case.get("quant"), "backend": backend.replace("vulkan_amdvlk", "vulkan"),
        "context": case.get("context"), "parallel": case.get("n_parallel") or 1,
        "ubatch": case.get("n_ubatch") or 512, "bench": "llama-bench" in (
            case.get("context_note") or ""),
        "flash_attention": str(case.get("flash_attn")) not in ("0", "off"),
        "mmap": "mmap True" in (case.get("layers_offloaded") or ""),
        "kv": [kv.get("k") or "f16", kv.get("v") or "f16"], "version": case.get("engine_version"),
        "file_bytes": int(size.group(1)) if size else None, "device_model_bytes": on_device,
        "total_bytes": total, "source": case["source"].get("url") or "",
    }


def spread(name, values, unit=""):
    values = sorted(values)
    if not values:
        print(f"  {name}: no data")
        return
    q = lambda p: values[min(len(values) - 1, int(p * len(values)))]
    print(f"  {name}: n={len(values)} min {values[0]:.3g} median {statistics.median(values):.3g} "
          f"p90 {q(.9):.3g} max {values[-1]:.3g} {unit}")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cases = json.loads((Path(sys.argv[1]) / "cases.json").read_text())
    catalogue = json.loads(MODELS.read_text())["models"]
    config = {m["id"].split("/")[-1].lower(): m["config"] for m in catalogue}
    serving = [c for c in cases if c["engine"] in ("vllm", "sglang", "tensorrt-llm", "mlx")]
    resolved, dropped = [], []
    for case in serving:
        one = resolve(case, catalogue)
        (resolved.append(one) if one else dropped.append(case["id"]))
    print(f"{len(serving)} cases of serving engines, {len(resolved)} resolved; not resolved: "
          + ", ".join(dropped))

    for c in resolved:
        if c["excluded"]:
            print(f"  left out of fits and tests: {c['id']}: {c['excluded']}")
    vllm = [c for c in resolved
            if c["engine"] == "vllm" and c["grade"] in "AB" and not c["excluded"]]
    print("\nSampler peak (vLLM up to 0.16), bytes a logit, hidden states of the batch left out")
    logit, odd = [], []
    for c in vllm:
        peak, seqs = c["measured"].get("peak_activation"), c["sequences"]
        if not peak or not seqs or (c["release"] or 0) > 16:
            continue
        shape = config[c["model"]]
        hidden = 2 * shape["hidden_size"] * (c["batched"] or 8192)
        value = (peak - hidden) / (seqs * shape["vocab_size"])
        (logit if 35 < value < 43 else odd).append((value, c["id"]))
    spread("bytes a logit", [v for v, _ in logit])
    best = statistics.median(v for v, _ in logit)
    spread("residual", [abs(v / best - 1) * 100 for v, _ in logit], "%")
    print("  not explained:", ", ".join(f"{i} ({v:.0f})" for v, i in odd) or "nothing")

    print("\nBudget left for activations, graphs and the rest (releases from 0.17), GiB")
    for c in vllm:
        m, u = c["measured"], c["utilisation"]
        newer = (c["release"] or 99) > 16 and not c["batch_unknown"]
        if not (newer and u and c["visible_bytes"] and m.get("weights")
                and m.get("kv_cache_memory")):
            continue
        rest = (u * c["visible_bytes"] - m["weights"] - m["kv_cache_memory"]) / GIB
        shape = config[c["model"]]
        small = c["visible_bytes"] < 70 * GIB or c["capability"] == 80
        seqs = c["sequences"] or (256 if small else 1024)
        print(f"  {c['id']}: release {c['release']} tp {c['ranks']} rest {rest:.2f} = "
              f"{rest * GIB / (seqs * shape['vocab_size']):.1f} B x {seqs} x {shape['vocab_size']}"
              f"{' (capacity inferred)' if c['visible_inferred'] else ''}")

    print("\nCUDA graphs, MiB")
    graphs = [c["measured"]["cuda_graphs"] / (1 << 20) for c in vllm
              if "cuda_graphs" in c["measured"]]
    spread("all", graphs)
    print("  negative figures are memory that the driver gave back during capture")

    print("\nOutside PyTorch, MiB by ranks")
    for ranks in sorted({c["ranks"] for c in vllm}):
        spread(f"tp {ranks}", [c["measured"]["non_torch_memory"] / (1 << 20) for c in vllm
                               if c["ranks"] == ranks and "non_torch_memory" in c["measured"]])

    whole = [llama(c, catalogue) for c in cases
             if c["engine"] == "llama.cpp" and c["kind"] == "total_memory"]
    whole = [c for c in whole if c]
    # The same file has the same buffer in every run.
    known = {(c["model"], c["quant"]): c["device_model_bytes"] for c in whole
             if c["device_model_bytes"]}
    for c in whole:
        c["device_model_bytes"] = c["device_model_bytes"] or known.get((c["model"], c["quant"]))
    print(f"\nllama.cpp, memory of the whole process: {len(whole)} runs of "
          f"{len({c['model'] for c in whole})} models")

    if "--write" in sys.argv:
        keep = [{k: v for k, v in c.items() if v not in (None, "")} for c in resolved]
        keep += [{k: v for k, v in c.items() if v is not None} for c in whole]
        OUT.write_text(json.dumps(keep, indent=1, sort_keys=True) + "\n")
        print(f"\nwrote {len(keep)} cases to {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
