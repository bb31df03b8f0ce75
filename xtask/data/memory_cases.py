#!/usr/bin/env python3
"""Writes the cases that the engines' memory is held against: tests/data/measured-memory.json.

    python3 xtask/data/memory_cases.py MEASURED

MEASURED   folder with cases.json, figures that engines printed in public logs

Each case is looked up in the catalogue and becomes one of four kinds:

    profile   what a serving engine printed at its start: weights, activations, pool
    whole     the memory of a whole process of llama.cpp, measured from outside, on one device
    log       the buffers that llama.cpp, a fork or a front end printed when it loaded a model
    file      the tensor bytes of a GGUF file

What cannot be compared is written too, as `left_out`, with the reason. Only the standard library
is used.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "src/catalog/data/models.json"
OUT = ROOT / "tests/data/measured-memory.json"
GIB, MIB = 1 << 30, 1 << 20

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
    ("bnb-4bit", "NF4"), ("fp8 block", "FP8-block"), ("int4 (native)", "INT4-experts"),
    ("awq", "AWQ"), ("autoround int4", "W4A16"), ("w4a16", "W4A16"), ("int4", "W4A16"),
    ("nvfp4", "NVFP4"), ("mxfp4", "MXFP4"), ("fp8", "FP8-block"), ("bf16", "BF16"),
    ("fp16", "BF16"), ("4bit", "MLX-4bit"),
]

# What a log does not print but its own figures show: the printed tokens come out to the digit.
SHOWN = {
    "vl-qwen3-6-35b-a3b-autoround-int4-c262144": {"kv_bytes": 1},
    "vl-qwen3-6-27b-27b-fp8-weights-fp8-c184320": {"speculative": 2},
}

# GGUF names under which a model of the catalogue goes. A fine-tune has its base's tensors.
ALIASES = {
    "DeepSeek V3 0324": "deepseek-v3-0324", "DeepSeek V3 0324 BF16": "deepseek-v3-0324",
    "DeepSeek R1 0528": "deepseek-r1-0528", "DeepSeek R1 0528 Bf16": "deepseek-r1-0528",
    "DeepSeek-R1-0528-hf": "deepseek-r1-0528", "DeepSeek-R1 671B": "deepseek-r1",
    "unsloth_DeepSeek R1 BF16": "deepseek-r1", "DeepSeek R1T Chimera Bf16": "deepseek-r1",
    "opensourcerelease_DeepSeek R1 Bf16": "deepseek-r1",
    "DeepSeek V3.1 Bf16 Safetensors": "deepseek-v3.1",
    "DeepSeek R1 0528 Qwen3 8B": "deepseek-r1-0528-qwen3-8b",
    "Gemma 3 27b It Qat": "gemma-3-27b-it", "GLM 4.5 Air": "glm-4.5-air",
    "GLM Z1 Rumination 32B 0414": None, "Zai org_GLM 4.6": "glm-4.6", "Ling 1T": "ling-1t",
    "Gpt Oss 20b": "gpt-oss-20b", "gpt-oss-20b-F32": "gpt-oss-20b",
    "gpt-oss:120b": "gpt-oss-120b", "Qwen3-235B-A22B-mix-IQ6_K": "qwen3-235b-a22b",
    "Qwen3-235B-A22B-128K": "qwen3-235b-a22b", "Qwen3-30B-A3B-128K": "qwen3-30b-a3b",
    "Qwen3 235B A22B Instruct 2507": "qwen3-235b-a22b-instruct-2507",
    "Qwen3-Coder-30B-A3B": "qwen3-coder-30b-a3b-instruct",
    "Qwen3-Coder-Next (80B-A3B)": "qwen3-coder-next", "qwen3-coder-next": "qwen3-coder-next",
    "Qwen3.5-35B-A3B family (qwen35moe, 40 layers)": "qwen3.5-35b-a3b",
    "Qwythos-27B-v1 MTP (Qwen3.5-27B family)": "qwen3.5-27b", "LLaMA-7B": "llama-7b",
    "Llama-2-70B": "llama-2-70b-hf", "llama-2-13b-chat.Q8_0": "llama-2-13b-chat-hf",
    "llama3.3-70.6B": "llama-3.3-70b-instruct", "shisa-v2-llama3.1-8b": "llama-3.1-8b-instruct",
    "TinyLlama-1.1B": "tinyllama-1.1b-chat-v1.0", "gemma-2-2b": "gemma-2-2b-it",
    "Llama-3.2-3B": "llama-3.2-3b-instruct", "qwen2.5:3b": "qwen2.5-3b-instruct",
    "Qwen3-30B-A3B-2507": "qwen3-30b-a3b-instruct-2507",
    "Falcon-H1-1.5B": "falcon-h1-1.5b-instruct", "Qwen3.6-27B-MTP": "qwen3.6-27b",
    "NVIDIA-Nemotron-3-Super-120B-A12B": "nvidia-nemotron-3-super-120b-a12b-bf16",
    "Nemotron-3-Nano-30B-A3B": "nvidia-nemotron-3-nano-30b-a3b-bf16",
    "dolphin-2.7-mixtral-8x7b": "mixtral-8x7b-instruct-v0.1",
}

# Mixes whose types llama.cpp fixes; others are a publisher's or a fork's own.
MIXES = re.compile(r"^(F32|F16|BF16|Q[458]_[01]|Q[2-6]_K(_[SML])?|IQ4_XS|IQ4_NL|MXFP4( MoE)?)$", re.I)

# What is said of single cases beside their fields.
LOGS = {
    # Placement.
    "lc-qwen3-235b-a22b-128k-q6-k-c16384": {"layers": 0},
    "lc-qwen3-235b-a22b-128k-q6-k-c16384-2": {"experts_on_host": True},
    "lc-qwen3-235b-a22b-128k-q6-k-c16384-3": {"experts_on_host": True},
    "lc-qwen3-235b-a22b-128k-q6-k-c16384-4": {"experts_on_host": True},
    "lc-gpt-oss-20b-mxfp4-moe-c131072": {"experts_on_host": True},
    "lc-qwen3-coder-next-80b-a3b-ud-iq3-xxs-c4096": {"experts_on_host": True},
    "lc-qwen3-coder-next-80b-a3b-ud-iq3-xxs-c100096": {"experts_on_host": True},
    "lc-qwen3-coder-next-80b-a3b-ud-iq3-xxs-c262144": {"experts_on_host": True},
    # Caches of the window layers at full size.
    "lc-gpt-oss-120b-mxfp4-c4096": {"swa_full": True, "flash_attention": False},
    "ol-gemma-2-2b-it-q4-0-c16384": {"swa_full": True, "flash_attention": False},
    "ol-qwen2-5-3b-q4-k-m-c4096": {"cpu": True},
}
NOT_COMPARED = {
    "lc-deepseek-v3-0324-q8-0-c512": "before_latent",
    "lc-deepseek-v3-0324-ud-q2-k-xl-c16384": "before_latent",
    "lc-deepseek-r1-671b-q4-k-m-c4096": "fork",
    "ol-qwen3-coder-next-blob-not-named-c32768": "own_runner",
}
"""Cases that say nothing about the rules, by what stands against them."""


def normal(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def short_ids(models):
    return {normal(m["id"].split("/")[-1]): m["id"].split("/")[-1].lower() for m in models}


def model_id(name, models):
    """The catalogue's id for a model as a log of a serving engine names it; None if none."""
    name = normal(re.split(r"[ (]", name.replace("phi-4 (14B)", "phi-4"))[0])
    short = short_ids(models)
    near = sorted((len(low), full) for low, full in short.items() if name in low)
    found = [short[name]] if name in short else [full for _, full in near]
    if not found and name.startswith("meta"):
        return model_id(name[4:], models)
    return found[0] if found else None


def gguf_model(name, models):
    """The same for a GGUF file: an exact name, or a known alias."""
    if name in ALIASES:
        return ALIASES[name]
    short = short_ids(models)
    low = normal(name)
    return next((short[n] for n in (low, low + "it", low + "instruct", low + "bf16") if n in short),
                None)


def release(text):
    """The minor number of a 0.x version."""
    found = re.match(r"0\.(\d+)", text or "")
    return int(found.group(1)) if found else None


def excluded(case):
    """Why a profile says nothing about a released engine, if it does not."""
    version, flags = case.get("engine_version") or "", " ".join(case.get("flags") or [])
    if "fork" in version:
        return "fork"
    if "under development" in flags:
        return "unreleased"
    return None


def source(case):
    src = case["source"]
    return src.get("url") or src.get("page") or ""


def common(case, kind, model):
    return {"kind": kind, "id": case["id"], "engine": case["engine"], "grade": case["grade"],
            "model": model, "quant": case.get("quant") or "", "source": source(case),
            "version": case.get("engine_version"), "gpus": " + ".join(
                f"{n}x {gpu}" if n > 1 else gpu
                for gpu, n in Counter(case.get("gpus") or []).items())}


def profile(case, models):
    ident = model_id(case["model"], models)
    quant = (case.get("quant") or "").lower()
    quant = next((to for word, to in FORMATS if word in quant), None)
    native = next((m.get("native_quantization") or "" for m in models
                   if ident and m["id"].lower().endswith("/" + ident)), "")
    if quant == "FP8-block" and "fp4 experts" in native:
        quant = "FP8-MXFP4"
    if excluded(case):
        return excluded(case)
    if ident is None:
        return "unknown_model"
    if quant is None:
        return "unknown_format"
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
    # Batch settings are neither printed nor the known defaults in logs of the V0 engine.
    unknown = not case.get("max_num_seqs") and (
        "gpu_blocks" in measured or "inferred from dimensions" in " ".join(case.get("flags") or []))
    return {
        **common(case, "profile", ident), "quant": quant,
        "batch_unknown": unknown or None,
        "release": release(case.get("engine_version")), "capability": capability,
        "visible_bytes": round(total * GIB) if total else None, "visible_inferred": inferred,
        "utilisation": case.get("gpu_memory_utilization"),
        "ranks": case.get("tensor_parallel") or 1,
        "pipeline": case.get("pipeline_parallel"),
        "expert_parallel": case.get("expert_parallel"),
        "context": case.get("context"),
        "sequences": case.get("max_num_seqs") or case.get("max_num_seqs_cfg"),
        "batched": case.get("max_num_batched_tokens"), "eager": case.get("enforce_eager"),
        "lora_rank": case.get("lora_rank"),
        "kv_bytes": 1 if "fp8" in kv else 2,
        "measured": {k: v for k, v in measured.items() if not isinstance(v, str)},
        "note": "; ".join(case.get("flags") or []),
        **SHOWN.get(case["id"], {}),
    }


def whole(case, models):
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
    if mtp:
        return "draft"
    if ident is None or total is None:
        return "unknown_model"
    gpu = " ".join(case.get("gpus") or [])
    backend = case.get("backend") or ("cuda" if "NVIDIA" in gpu else "vulkan")
    kv = case.get("kv_cache_type") or {}
    return {
        **common(case, "whole", ident), "backend": backend.replace("vulkan_amdvlk", "vulkan"),
        "context": case.get("context"), "parallel": case.get("n_parallel") or 1,
        "ubatch": case.get("n_ubatch") or 512, "bench": "llama-bench" in (
            case.get("context_note") or ""),
        "flash_attention": str(case.get("flash_attn")) not in ("0", "off"),
        "mmap": "mmap True" in (case.get("layers_offloaded") or ""),
        "kv": [kv.get("k") or "f16", kv.get("v") or "f16"],
        "file_bytes": int(size.group(1)) if size else None, "device_model_bytes": on_device,
        "total_bytes": total,
    }


def printed(case):
    """Half of the last printed digit of each unit and a little, in bytes. Numbers lost their trailing zeros, so
    the most digits of the case count."""
    digits = {}
    for figure in case["measured"]:
        value = str(figure["value"])
        after = len(value.split(".")[1]) if "." in value and not value.endswith(".0") else 0
        digits[figure["unit"]] = max(digits.get(figure["unit"], 0), min(after, 3))
    scale = {"MiB": MIB, "GiB": GIB, "MB": 10**6, "GB": 10**9, "bytes": 1}
    return {unit: 0.51 * 10.0**-n * scale.get(unit, 1) for unit, n in digits.items()}


def is_host(device):
    return device.startswith(("CPU", "host", "Host")) or device.endswith("_Host")


def log(case, models):
    """What llama.cpp, a fork or a front end printed when it loaded a model."""
    ident = gguf_model(case["model"], models)
    if ident is None:
        return "unknown_model"
    if case["id"] in NOT_COMPARED:
        return NOT_COMPARED[case["id"]]
    engine, version = case["engine"], case.get("engine_version") or ""
    own_graph = engine == "ik_llama.cpp" or "ipex" in version or re.match(r"1[67]\d\d ", version)
    # Ollama's own engine, with caches of its own; since 2026 it starts llama.cpp.
    own_runner = engine == "ollama" and "llama.cpp runner" not in version
    kv = case.get("kv_cache_type") or {}
    extra = LOGS.get(case["id"], {})
    half = printed(case)
    figures, halves = {}, {}

    def put(name, figure, add=False):
        figures[name] = figure["bytes"] + (figures.get(name, 0) if add else 0)
        halves[name] = half[figure["unit"]] + (halves.get(name, 0) if add else 0)

    mtp = any("rs_seq 2" in (m.get("note") or "") or "MTP draft" in (m.get("note") or "")
              for m in case["measured"])
    gpus = len(case.get("gpus") or []) or 1
    for m in case["measured"]:
        name, device = m["figure"], m.get("device") or ""
        if name in ("kv_total",):
            put("kv", m)
        elif name == "kv_buffer" and not any(f["figure"] == "kv_total" for f in case["measured"]):
            if "MTP draft" not in (m.get("note") or ""):
                put("kv", m, add=True)
        elif name == "recurrent_state_buffer" and not mtp:
            put("recurrent", m)
        elif name == "breakdown_context":
            put("context", m)
        elif name in ("compute_buffer", "breakdown_compute") and not own_graph and not own_runner:
            if not is_host(device):
                best = figures.get("compute", 0)
                if m["bytes"] > best:
                    put("compute", m)
            elif device.endswith("_Host") or device == "Host" or (
                    "Metal" in str(case["measured"]) and device == "CPU"):
                put("compute_host", m)
        # With a draft layer, and in Ollama's own files, more is loaded than the mix says.
        elif name == "model_buffer" and not mtp and engine != "ollama" and MIXES.match(case.get("quant") or "") and not extra:
            if not is_host(device) and engine != "ik_llama.cpp":
                put("weights", m, add=True)
    if case["kind"] == "compute_buffer" or case.get("context") is None and "kv" in figures:
        return "unknown_settings"
    if engine == "ik_llama.cpp":
        latent = "deepseek" in ident or "kimi" in ident
        # The fork can keep the keys and values of all heads, or a transposed copy beside.
        text = next((m.get("printed") or "" for m in case["measured"]
                     if m["figure"] == "kv_total"), "")
        if latent and "c^KV" not in text:
            return "before_latent"
        figures = {k: v for k, v in figures.items() if k == "kv"}
    if own_runner:
        keep = () if ident.startswith("gpt-oss") else ("kv",)
        figures = {k: v for k, v in figures.items() if k in ("weights",) + keep}
    if "tensor_overrides" in case and case["tensor_overrides"] and engine != "ik_llama.cpp":
        return "unknown_placement"
    partial = case.get("layers_offloaded") or ""
    found = re.match(r"(\d+)/(\d+)$", partial)
    if found and int(found[1]) not in (0, int(found[2])) and engine != "ik_llama.cpp":
        return "unknown_placement"
    if not figures:
        return "fork" if own_graph else "own_runner" if own_runner else "nothing_comparable"
    fork = engine == "ik_llama.cpp"
    return {
        **common(case, "log", ident), "context": case.get("context") or 512,
        "parallel": case.get("n_parallel") or 1,
        "unified": bool(case.get("kv_unified")) or ((case.get("n_parallel") or 1) > 1
                                                    and engine == "llama.cpp"),
        "ubatch": case.get("n_ubatch") or 512,
        "flash_attention": str(case.get("flash_attn") or "auto") not in ("0", "off"),
        "kv": [kv.get("k") or "f16", kv.get("v") or kv.get("k") or "f16"],
        "swa_full": fork, "devices": gpus,
        "bench": False, "measured": figures, "printed": halves, **extra,
    }


def file(case, models):
    """The tensors of a GGUF file."""
    ident = gguf_model(case["model"], models)
    if ident is None:
        return "unknown_model"
    quant = case.get("quant") or ""
    if not MIXES.match(quant):
        return "own_mix"
    tensors = next((m for m in case["measured"] if m["figure"] == "gguf_tensor_bytes"), None)
    if tensors is None:
        return "no_bytes"
    bits = next((m["value"] for m in case["measured"] if m["figure"] == "bpw"), None)
    named = {"Q8_0": 8.5, "BF16": 16, "F16": 16, "Q6_K": 6.5625, "Q4_0": 4.5}.get(quant)
    if case["engine"] != "llama.cpp" and (named is None or bits is None or quant == "Q4_0"
                                          or abs(bits / named - 1) > 0.02):
        return "own_mix"
    # Its experts stay MXFP4 under any label.
    if ident.startswith("gpt-oss") and quant == "F16":
        return "own_mix"
    return {**common(case, "file", ident), "quant": quant, "measured": {
        "file": tensors["bytes"]}, "printed": {"file": printed(case).get(tensors["unit"], 0)}}


KINDS = {"engine_profile": profile, "gguf_file_size": file, "load_log": log, "kv_cache": log,
         "compute_buffer": log, "memory_breakdown": log}


def resolve(case, models):
    """A case in the form of the tests, or why there is none."""
    if case["engine"] == "mlx":
        return profile(case, models)
    if case["grade"] in "EX":
        return {"E": "estimate", "X": "contradicts_itself"}[case["grade"]]
    if case["grade"] == "C" and case["kind"] != "engine_profile":
        return "second_hand"
    if case["kind"] == "total_memory":
        return whole(case, models) if case["engine"] == "llama.cpp" else "rounded"
    return KINDS[case["kind"]](case, models)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = json.loads((Path(sys.argv[1]) / "cases.json").read_text())
    models = json.loads(MODELS.read_text())["models"]
    kept, left = [], []
    for case in cases:
        one = resolve(case, models)
        if isinstance(one, str):
            left.append({**common(case, "left_out", case["model"]), "why": one})
        else:
            kept.append(one)
    # The same file has the same buffer in every run.
    known = {(c["model"], c["quant"]): c["device_model_bytes"] for c in kept
             if c["kind"] == "whole" and c["device_model_bytes"]}
    for c in kept:
        if c["kind"] == "whole":
            c["device_model_bytes"] = c["device_model_bytes"] or known.get((c["model"], c["quant"]))
    rows = [{k: v for k, v in c.items() if v not in (None, "", False)} for c in kept + left]
    OUT.write_text("[\n" + ",\n".join(json.dumps(row, sort_keys=True) for row in rows) + "\n]\n")
    for (kind, engine), n in sorted(Counter((c["kind"], c["engine"]) for c in kept).items()):
        print(f"{kind:8} {engine:14} {n}")
    for (why, engine), n in sorted(Counter((c["why"], c["engine"]) for c in left).items()):
        print(f"left out: {why:20} {engine:14} {n}")


if __name__ == "__main__":
    main()
