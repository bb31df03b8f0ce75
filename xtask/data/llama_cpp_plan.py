#!/usr/bin/env python3
"""Writes tests/data/llama-cpp-models.csv.gz: what llama.cpp itself plans for the catalogue's models.

    python3 xtask/data/llama_cpp_plan.py LLAMA_CPP BUILD HEADROOM [MODEL...]

LLAMA_CPP   its sources, at commit 0c1e57098 (of September 2026)
BUILD       where `cmake --build` put libllama.so and the CPU backend of those sources
HEADROOM    the command `headroom`, from which the tensors come
MODEL       ids of the catalogue, to try only these and write nothing

For each model a GGUF file is written with the tensors that Headroom expects (names, shapes, types,
Q4_K_M) and the metadata that a converter makes of its configuration, but holes in place of weights.
llama.cpp refuses a file that lacks a tensor, has one too many or one of another shape; what it then
plans for weights, caches, states and buffers it works out from the metadata alone. Models alike in
all of this count once. What llama.cpp refuses, and why, is printed. For now it is:

- encoders, which need a tokenizer, and Llama 4, which tests/data/llama-cpp-memory.csv.gz has;
- DeepSeek-V4, GLM-5.3-Flash, Kimi-K3 and Qwen3.8-Flash-Next, of whose configuration the catalogue
  lacks a part;
- Minitron-8B, whose heads are wider together than its hidden size;
- Nemotron-3 and Solar-Open, whose router bias (up to 2 KiB a layer), and Muse-Glimmer, whose norms of
  queries and keys (1 KiB a layer) the catalogue lacks.
"""

import collections
import csv
import gzip
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOG = ROOT / "src/catalog/data/models.json"
OUT = ROOT / "tests/data/llama-cpp-models.csv.gz"
PROGRAM = pathlib.Path(__file__).with_name("llama_cpp_plan.cpp")
COLUMNS = ["model", "arch", "n_ctx", "n_ubatch", "n_parallel", "unified", "flash_attn", "server",
           "weights_bytes", "kv_mib", "recurrent_mib", "compute_mib"]
TYPES = {"F32": 0, "F16": 1, "BF16": 30, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8,
         "Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20, "I32": 26,
         "MXFP4": 39}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value):
    """A metadata value with its type: bool, u32, f32, string, or an array of them (of i32)."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    kind, form = {bool: (7, "?"), float: (6, "f"), int: (5, "i")}[type(value[0])]
    return struct.pack("<IIQ", 9, kind, len(value)) + struct.pack(f"<{len(value)}{form}", *value)


def layers_of(tensors):
    """The tensors of each layer: name without `blk.N.` -> shape."""
    layers = collections.defaultdict(dict)
    for tensor in tensors:
        if tensor["name"].startswith("blk."):
            _, number, name = tensor["name"].split(".", 2)
            layers[int(number)][name] = tensor["shape"]
    return [layers[i] for i in range(len(layers))]


ATTENTION = ("attn_k.weight", "attn_qkv.weight", "attn_kv_a_mqa.weight", "attn_kv_b.weight",
             "attn_q_b.weight")
SCALED = {"logit_scale": 8.0, "residual_scale": 0.22, "embedding_scale": 12.0}
HYPER = {"hyper_connection.sinkhorn_iterations": 20, "hyper_connection.epsilon": 1e-6}


def shared_layers(c):
    return c["num_hidden_layers"] - c["kv_shared_from"] if c.get("kv_shared_from") else 0


# What some architectures need beside the rest. Scales and clamps do not touch memory.
OWN = {
    "granite": lambda c: {**SCALED, "attention.scale": 0.01},
    "granitemoe": lambda c: {**SCALED, "attention.scale": 0.01},
    "granitehybrid": lambda c: {**SCALED, "attention.scale": 0.01},
    "minicpm": lambda c: SCALED,
    "command-r": lambda c: {"logit_scale": 0.06},
    "cohere2": lambda c: {"logit_scale": 0.06},
    "cohere2moe": lambda c: {"logit_scale": 0.06},
    "grok": lambda c: {"logit_scale": 0.06},
    "muse-glimmer": lambda c: {"logit_scale": 1.0},
    "gemma2": lambda c: {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "bloom": lambda c: {"attention.max_alibi_bias": 8.0},
    "dbrx": lambda c: {"attention.clamp_kqv": 8.0},
    "stablelm": lambda c: {"use_parallel_residual": False},
    "gptneox": lambda c: {"use_parallel_residual": True},
    "apertus": lambda c: {f"/xielu.{k}": [0.5] * c["num_hidden_layers"]
                          for k in ("alpha_n", "alpha_p", "beta", "eps")},
    "gemma3": lambda c: {"vocab_size": 262144},  # what a converter keeps of 262,208
    "gemma4": lambda c: {"attention.shared_kv_layers": shared_layers(c),
                         "embedding_length_per_layer_input": c.get("hidden_size_per_layer_input", 0)},
    "gemma3n": lambda c: {"attention.shared_kv_layers": shared_layers(c), "altup.num_inputs": 4,
                          "altup.active_idx": 0, "embedding_length_per_layer_input":
                          c["hidden_size_per_layer_input"]},
    "ernie4_5-moe": lambda c: {"interleave_moe_layer_step": 1},
    "minimax-01": lambda c: {"residual_scale": 1.0, "full_attention_interval": 8},
    "bailingmoe3": lambda c: {"kda.gate_lower_bound": -5.0},
    "hy_v4": lambda c: {**HYPER, "hyper_connection.count": c["hc_mult"],
                        "hyper_connection.magnitude": 1.0, "attention.indexer.types":
                        [int(x == "f") for x in c["indexer_pattern"]]},
    "arctic": lambda c: {"feed_forward_length": c["moe_intermediate_size"]},
    "qwen": lambda c: {"feed_forward_length": 2 * c["intermediate_size"]},
    "qwen2vl": lambda c: {"rope.dimension_sections": [16, 24, 24, 0]},
    "qwen3vl": lambda c: {"rope.dimension_sections": [24, 20, 20, 0], "n_deepstack_layers": 3},
    "qwen3vlmoe": lambda c: {"rope.dimension_sections": [24, 20, 20, 0], "n_deepstack_layers": 3},
    "qwen35": lambda c: {"rope.dimension_sections": [11, 11, 10, 0]},
    "qwen35moe": lambda c: {"rope.dimension_sections": [11, 11, 10, 0]},
}


def metadata(arch, c, tensors):
    """What a converter writes for configuration `c`; keys an architecture does not read do no harm."""
    g = c.get
    layers = layers_of(tensors)
    count = len(layers)
    heads, width = g("num_attention_heads") or 0, g("hidden_size")
    kv_heads = g("num_key_value_heads") or heads
    head = g("head_dim") or (width // heads if heads else 0)
    value = g("v_head_dim") or head
    pattern = (g("layer_pattern") or "F" * g("num_hidden_layers")).ljust(count, "F")
    recurrent = [any(name.startswith(("ssm_", "shortconv")) for name in layer) for layer in layers]
    attends = [any(name in layer for name in ATTENTION) and (arch == "falcon-h1" or not ssm)
               for layer, ssm in zip(layers, recurrent)]
    feed = [layer["ffn_down.weight"][0] if "ffn_down.weight" in layer else 0 for layer in layers]
    sizes = {size for size in feed if size}
    m = {
        "context_length": g("max_position_embeddings") or 4096,
        "embedding_length": width,
        "block_count": count,
        "vocab_size": g("vocab_size"),
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.layer_norm_epsilon": 1e-5,
        "rope.freq_base": 1e6,
        "attention.head_count": heads,
        "attention.head_count_kv": [kv_heads if a else 0 for a in attends],
        "feed_forward_length": feed,
    }
    if all(attends) or arch in ("qwen35", "qwen35moe", "qwen3next"):
        m["attention.head_count_kv"] = kv_heads
    if not sizes or len(sizes) == 1 and (all(feed) or g("num_experts")):
        m["feed_forward_length"] = (sizes.pop() if sizes and not g("num_experts") else
                                    g("intermediate_size") or g("moe_intermediate_size") or 0)
    if head:
        m |= {"attention.key_length": head, "attention.value_length": value,
              "rope.dimension_count": head}
    if g("num_experts"):
        m |= {"expert_count": g("num_experts"), "expert_used_count": g("num_experts_per_tok"),
              "expert_feed_forward_length": g("moe_intermediate_size"),
              "leading_dense_block_count": g("first_k_dense_replace") or 0,
              "expert_weights_scale": 1.0, "expert_weights_norm": True, "expert_gating_func": 2}
        if shared := g("shared_expert_intermediate_size"):
            m |= {"expert_shared_feed_forward_length": shared,
                  "expert_shared_count": max(1, shared // g("moe_intermediate_size"))}
    if g("sliding_window"):
        slides = [kind == "S" for kind in pattern]
        m |= {"attention.sliding_window": g("sliding_window"),
              "attention.sliding_window_pattern": slides, "rope.freq_base_swa": 1e4,
              "rope.dimension_count_swa": head, "attention.key_length_swa": head,
              "attention.value_length_swa": value}
        if g("swa_num_key_value_heads") or g("num_global_key_value_heads"):
            of = (g("num_global_key_value_heads") or kv_heads, g("swa_num_key_value_heads") or kv_heads)
            m["attention.head_count_kv"] = [of[slide] for slide in slides]
        if g("swa_num_attention_heads"):
            m["attention.head_count"] = [(heads, g("swa_num_attention_heads"))[s] for s in slides]
        if full := g("global_head_dim"):
            m |= {"attention.key_length": full, "attention.value_length": full,
                  "rope.dimension_count": full}
    rotary = g("qk_rope_head_dim") or 0
    if latent := g("kv_lora_rank"):
        query = g("qk_nope_head_dim") + rotary
        m |= {"attention.kv_lora_rank": latent, "attention.key_length": latent + rotary,
              "attention.value_length": latent, "attention.key_length_mla": query,
              "attention.value_length_mla": value, "rope.dimension_count": rotary,
              "attention.head_count_kv": [int(a) for a in attends] if any(recurrent) else 1}
        if arch == "minicpm3":
            m |= {"attention.key_length": query, "attention.value_length": value,
                  "attention.head_count_kv": heads}
    if g("q_lora_rank"):
        m["attention.q_lora_rank"] = g("q_lora_rank")
    if g("index_n_heads"):
        m |= {"attention.indexer.head_count": g("index_n_heads"),
              "attention.indexer.key_length": g("index_head_dim"),
              "attention.indexer.top_k": g("index_topk"), "attention.indexer.block_size": 128,
              "attention.indexer.local_blocks": 1}
    if g("linear_value_head_dim"):
        m |= {"ssm.conv_kernel": g("linear_conv_kernel_dim"), "ssm.inner_size":
              g("linear_num_value_heads") * g("linear_value_head_dim"),
              "ssm.state_size": g("linear_key_head_dim"),
              "ssm.time_step_rank": g("linear_num_value_heads"),
              "ssm.group_count": g("linear_num_key_heads"),
              "full_attention_interval": pattern.index("F") + 1, "rope.dimension_count": head // 4}
    if g("linear_head_dim"):
        m |= {"ssm.conv_kernel": g("linear_conv_kernel_dim") or 4, "kda.head_dim": g("linear_head_dim")}
    if g("mamba_d_inner"):
        m |= {"ssm.conv_kernel": g("mamba_d_conv"), "ssm.inner_size": g("mamba_d_inner"),
              "ssm.state_size": g("mamba_d_state"), "ssm.time_step_rank":
              g("mamba_num_heads") or g("mamba_dt_rank") or 0, "ssm.group_count": g("mamba_n_groups") or 0}
    if arch.startswith("lfm2"):
        m["shortconv.l_cache"] = g("conv_kernel") or 3
    if arch in ("nemotron_h", "nemotron_h_moe"):
        m["feed_forward_length"] = [g("moe_intermediate_size") if "ffn_gate_inp.weight" in layer else size
                                    for layer, size in zip(layers, feed)]
        m["expert_latent_length"] = g("moe_latent_size") or 0
    if arch == "deci":
        m |= {"attention.head_count": [heads * a for a in attends], "feed_forward_length": feed,
              "attention.head_count_kv": [layer["attn_k.weight"][1] // head if a else 0
                                          for layer, a in zip(layers, attends)]}
    for tensor in tensors:
        if tensor["name"].startswith("rope_factors_long"):
            m["rope.dimension_count"] = 2 * tensor["shape"][0]
    if count > g("num_hidden_layers"):
        m["nextn_predict_layers"] = count - g("num_hidden_layers")
    return m | OWN.get(arch, lambda c: {})(c)


# Tensors that llama.cpp names without the suffix they have elsewhere.
PLAIN = {("falcon-h1", "ffn_norm.weight"), ("hy_v3", "exp_probs_b.bias")}


def write(file, model, c):
    arch, tensors = model["arch"], model["tensors"]
    pairs = [("general.architecture", arch), ("tokenizer.ggml.model", "none"),
             ("general.file_type", 1), ("general.quantization_version", 2)]
    pairs += [(k[1:] if k[0] == "/" else f"{arch}.{k}", v) for k, v in metadata(arch, c, tensors).items()]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    head += b"".join(text(key) + typed(value) for key, value in pairs)
    at = 0
    for t in tensors:
        name = t["name"]
        if any(arch == of and name.endswith(suffix) for of, suffix in PLAIN):
            name = name.rsplit(".", 1)[0]
        head += text(name) + struct.pack("<I", len(t["shape"]))
        head += struct.pack(f"<{len(t['shape'])}Q", *t["shape"]) + struct.pack("<IQ", TYPES[t["type"]], at)
        at += t["bytes"] + -t["bytes"] % 32
    head += b"\0" * (-len(head) % 32)
    file.write(head)
    file.truncate(len(head) + at)


def main(sources, build, headroom, *wanted):
    sources, build = pathlib.Path(sources), pathlib.Path(build).resolve()
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder) / "plan"
        subprocess.run(["g++", "-std=c++17", "-O1", f"-I{sources}/include", f"-I{sources}/ggml/include",
                        PROGRAM, "-o", plan, f"-L{build}", "-lllama", "-lggml", "-lggml-base",
                        f"-Wl,-rpath,{build}"], check=True)
        rows, seen = [], set()
        for entry in json.loads(CATALOG.read_text())["models"]:
            c = entry["config"]
            alike = json.dumps({k: v for k, v in c.items() if k != "vision_params"}, sort_keys=True)
            if wanted and entry["id"] not in wanted or alike in seen:
                continue
            seen.add(alike)
            asked = subprocess.run([headroom, "tensors", entry["id"], "Q4_K_M"], capture_output=True, text=True)
            if asked.returncode:
                continue
            model = json.loads(asked.stdout)
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".gguf") as file:
                try:
                    write(file, model, c)
                except (KeyError, TypeError) as problem:
                    print(entry["id"], model["arch"], "metadata:", problem)
                    continue
                file.flush()
                # The backends are looked for beside the program or where it is started.
                done = subprocess.run([plan, file.name], capture_output=True, text=True, cwd=build)
            planned = [line.split() for line in done.stdout.splitlines()]
            if not planned:
                print(entry["id"], model["arch"], done.stderr.strip()[:200])
            rows += [[entry["id"], model["arch"], *figures] for figures in planned]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([COLUMNS, *rows])
    print(len(rows), "rows of", len({row[0] for row in rows}), "models")
    if not wanted:
        OUT.write_bytes(gzip.compress(out.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
