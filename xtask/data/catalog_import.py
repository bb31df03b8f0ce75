#!/usr/bin/env python3
"""Writes src/catalog/data/ from a folder of collected facts.

    python3 xtask/data/catalog_import.py FACTS

FACTS   folder with models.json, accelerators.json and check.py, whose `resolve` states what a
        model's family implies

Everything the families imply is written out, one entry a line, so that the data can be read and
reviewed without knowing any defaults. Entries that the facts lack were added by hand: they are
kept. `cargo test` then checks each entry.
"""
import json
import pathlib
import re
import sys

DATA = pathlib.Path(__file__).resolve().parents[2] / "src/catalog/data"

# Entries whose tensors the facts do not determine, and why.
LEFT_OUT = {
    "deepseek-ai/DeepSeek-V4.1-Flash": "the compression ratio of each layer is not known, so neither are its weights nor its cache",
    "swiss-ai/Apertus-v1.5-8B": "the text model computed from the known fields is larger than the published total",
    "swiss-ai/Apertus-v1.5-70B": "the text model computed from the known fields is larger than the published total",
    "nvidia/NVIDIA-Nemotron-Labs-3-Puzzle-75B-A9B-BF16": "its layers differ in the number and width of their experts, and the list of them was not found",
    "inclusionAI/Ling-2.6-flash": "which of its layers have linear attention, and the widths of the others' latent attention, were not found",
    "inclusionAI/Ling-2.6-1T": "which of its layers have linear attention, and the widths of the others' latent attention, were not found",
    "inclusionAI/Ring-2.6-1T": "which of its layers have linear attention, and the widths of the others' latent attention, were not found",
    "Qwen/Qwen2.5-Omni-3B": "no exact total was found, nor the sizes of its speech model and encoders",
    "Qwen/Qwen3-Omni-30B-A3B-Instruct": "the configuration of its text model was not found, nor the sizes of its speech model and encoders",
    "google/gemma-4-31B-it-assistant": "a draft model that reads the states of the model it drafts for; its tensors are not modelled",
    "LiquidAI/LFM2.5-230M": "the order of its six attention layers was not found",
    "RWKV/RWKV7-G1k-7.2B-20260930": "the tensors of RWKV-7 are not modelled",
}

# What the collected facts lack of a configuration, which llama.cpp's converter does not do without,
# and where it was read.
CONFIG_MORE = {
    f"XHToken/Spark-X2.5-{size}": (
        {"sliding_window": 512, "layer_pattern": "SSSF" * (layers // 4)},
        "huggingface.co/{id} config.json and configuration_spark.py: sliding_window, layer_types",
    )
    for size, layers in (("1.7B", 28), ("4B", 36))
}

# Why a parameter count differs from the published one by more than 0.1 %.
COUNT_NOTES = {
    "xai-org/grok-1": "the published total, 314B, is rounded",
    "mistralai/Mistral-Large-3-675B-Instruct-2512": "the published total, 675B, is rounded and the vision tower is taken as 2.5B",
    "nvidia/Nemotron-4-340B-Instruct": "the published total, 340B, is rounded",
    "inclusionAI/Ling-3.0-tiny": "variants of the attention projections were not seen verbatim",
    "meituan-longcat/LongCat-Flash-Chat": "the published total also holds an MTP layer whose layout is not known",
    "thinkingmachines/Inkling": "the published total also holds MTP layers and vision and audio adapters that are not counted here",
    "thinkingmachines/Inkling-Small": "the published total also holds MTP layers and vision and audio adapters that are not counted here",
}

# Compute units and their boost clock in MHz, where the collected facts lack them: makers' data
# sheets and, for Apple, the clock at which 256 operations a core give the published rate.
UNITS = {
    "h20": (78, 1830), "h20-141gb": (78, 1830),
    "gh200-96gb": (132, 1830), "gh200-144gb": (132, 1830),
    "b200": (148, 1850), "b300": (148, 1850), "gb200": (148, 1850), "gb300": (148, 1850),
    "dgx-spark-gb10": (48, 2500), "rtx-2080-ti-22gb-mod": (68, 1545), "rtx-4090-48gb-mod": (128, 2520),
    "jetson-agx-orin-64gb": (16, 1300), "jetson-agx-orin-32gb": (14, 930),
    "jetson-orin-nx-16gb": (8, 918), "jetson-orin-nx-8gb": (8, 765), "jetson-orin-nano-8gb-super": (8, 1020),
    "jetson-orin-nano-4gb": (4, 625), "jetson-agx-thor-t5000": (20, 1575), "jetson-agx-xavier-32gb": (8, 1377),
    "instinct-mi50-16gb": (60, 1725), "instinct-mi50-32gb": (60, 1725), "instinct-mi60": (64, 1800),
    "instinct-mi100": (120, 1502), "instinct-mi210": (104, 1700), "instinct-mi250": (208, 1700),
    "instinct-mi250x": (220, 1700), "instinct-mi300x": (304, 2100), "instinct-mi300a": (228, 2100),
    "instinct-mi325x": (304, 2100), "instinct-mi350x": (256, 2200), "instinct-mi355x": (256, 2400),
    "strix-halo-395": (40, 2900), "strix-halo-385": (32, 2800), "radeon-890m": (16, 2900), "radeon-780m": (12, 2700),
    "arc-a380": (8, 2000), "arc-a580": (24, 2000), "arc-a750": (28, 2400), "arc-a770-8gb": (32, 2400),
    "arc-a770-16gb": (32, 2400), "arc-b570": (18, 2750), "arc-b580": (20, 2850), "arc-pro-b50": (16, 2600),
    "arc-pro-b60": (20, 2400), "arc-pro-b65": (20, 2400), "arc-pro-b70": (32, 2800), "arc-140v": (8, 2050),
    "max-1550": (128, 1600), "max-1100": (56, 1550),
}
APPLE_MHZ = {"Apple M1": 1280, "Apple M2": 1400, "Apple M3": 1380, "Apple M4": 1580, "Apple M5": 1620}

# Short names that fit several devices, for the one that is usually meant.
ALIASES = {
    "a100-sxm-40gb": ["A100 40GB"],
    "a100-sxm-80gb": ["A100", "A100 80GB"],
    "apple-m3-max-40c": ["M3 Max"],
    "apple-m4-max-40c": ["M4 Max"],
    "apple-m5-max-40c": ["M5 Max"],
    "arc-a770-16gb": ["A770"],
    "gh200-96gb": ["GH200"],
    "h100-sxm": ["H100", "H100 80GB"],
    "h200-sxm": ["H200"],
    "h20": ["H20 96GB"],
    "instinct-mi50-32gb": ["MI50"],
    "rtx-3060-12gb": ["RTX 3060", "3060"],
    "rtx-4060-ti-16gb": ["RTX 4060 Ti", "4060 Ti"],
    "rtx-5060-ti-16gb": ["RTX 5060 Ti", "5060 Ti"],
    "rx-9060-xt-16gb": ["RX 9060 XT", "9060 XT"],
    "rtx-6000-ada": ["RTX 6000 Ada Generation"],
    "dgx-spark-gb10": ["DGX Spark", "GB10", "Spark"],
    "radeon-780m": ["Ryzen 7 7840HS", "Ryzen 7 7840U", "Ryzen 9 7940HS", "Ryzen 7 8845HS", "Ryzen 7 8700G"],
    "radeon-890m": ["Ryzen AI 9 HX 370"],
    "cpu-threadripper-9000-4ch": ["Threadripper 9980X", "Threadripper 9970X"],
    "cpu-threadripper-pro-9000-8ch": ["Threadripper PRO 9995WX", "Threadripper PRO 9985WX", "Threadripper PRO 9975WX"],
    "strix-halo-395": ["Strix Halo", "Ryzen AI Max+ 395", "AI Max 395"],
    "tesla-p100-pcie-16gb": ["P100"],
    "tesla-v100-sxm2-32gb": ["V100", "V100 32GB"],
    "tesla-v100-sxm2-16gb": ["V100 16GB"],
}

# What a CUDA process sees of a card on Linux, in MiB, and where it was printed: the total of
# `cudaMemGetInfo`, or the first figure of llama.cpp's `(24080 MiB, 23668 MiB free)`. The driver
# keeps the rest of what nvidia-smi calls the card's memory; newer drivers keep more. The second
# figure, what is free, lacks also the context of the process itself, which bills have a line for.
VISIBLE = {
    "gtx-1050-ti": (4038, "public log: 71403640706"),
    "gtx-1060-6gb": (6063, "public log: 55056077618"),
    "gtx-1080": (8107, "public log: 63430533308 (8098 to 8110 MiB in others)"),
    "gtx-1650": (3712, "public log: 52759481780 (3716 MiB in another)"),
    "gtx-1660-ti": (5747, "public log: 60727836238"),
    "rtx-2060-12gb": (11833, "public log: 55045396669"),
    "rtx-2080-ti": (10818, "public log: 59107629290"),
    "quadro-rtx-5000": (15927, "public log: 68349961061"),
    "rtx-3050-6gb": (5803, "public log: 60345721985"),
    "rtx-3060-12gb": (11906, "public log: 65784644688 (11907 to 12037 MiB in others)"),
    "rtx-3070": (7819, "public log: 68714327338"),
    "rtx-3070-ti": (7840, "public log: 56921583246"),
    "rtx-3070-ti-laptop": (7850, "public log: 52325563820"),
    "rtx-3080-10gb": (9875, "public log: 60306027812 (9650 MiB free)"),
    "rtx-3090": (24123, "public log: 65784644688 (24159 to 24268 MiB with older drivers; 24124 MiB, of which 23859 free, in 62185358509)"),
    "rtx-a5000": (24114, "public log: 36903445345 (24138 MiB in another)"),
    "rtx-a6000": (48676, "public log: 35030005167"),
    "rtx-4060": (7807, "public log: 68866837539"),
    "rtx-4060-laptop": (7807, "public log: 57587266355 (7815 MiB in 57488598479)"),
    "rtx-4070-laptop": (7805, "https://github.com/ggml-org/llama.cpp/pull/20184 (7546 MiB free)"),
    "rtx-4060-ti-16gb": (15944, "public log: 57745939478"),
    "rtx-4070": (11866, "public log: 58671331675 (11875 to 11903 MiB in others)"),
    "rtx-4080-super": (15937, "public log: 70844013997"),
    "rtx-4090": (24080, "public log: 66902274663 (23668 MiB free; 24210 MiB, of which 23818 free, with an older driver in 53147252052)"),
    "rtx-6000-ada": (48622, "public log: 23688622983"),
    "rtx-5060-ti-16gb": (15847, "public log: 56142305194 (15825 to 15888 MiB in others)"),
    "rtx-5070": (11774, "public log: 62675041598 (11523 MiB free)"),
    "rtx-5070-ti": (15808, "public log: 53693779035 (15842 MiB, of which 15403 free, in 53143770214)"),
    "rtx-5090": (32109, "public log: 53110813666 (32119 and 32149 MiB in others)"),
    "rtx-pro-5000-blackwell-72gb": (72836, "public log: 55751057545"),
    "rtx-pro-6000-blackwell-workstation": (97247, "public log: 55218677051"),
    "rtx-pro-6000-blackwell-max-q": (97247, "public log: 59881354089"),
    "tesla-p100-pcie-16gb": (16280, "public log: 34266832235"),
    "tesla-v100-sxm2-16gb": (16160, "public log: 3962852127"),
    "tesla-v100-sxm2-32gb": (32494, "public log: 55875384326"),
    "tesla-t4": (14912, "public log: 52479826213"),
    "a10": (22589, "public log: modal log 22.06 GiB"),
    "a10g": (22587, "public log: 67234836605"),
    "a40": (45416, "public log: 31219571458"),
    "a100-sxm-80gb": (81151, "public log: 60407381838"),
    "l4": (22558, "public log: modal log 22.03 GiB; 57637853416 (22563 MiB, of which 22369 free)"),
    "l20": (45457, "public log: 65718167615"),
    "l40s": (45467, "public log: 68827881975"),
    "h100-sxm": (81081, "public log: 68827881975"),
    "h200-sxm": (143156, "public log: 2097843420"),
    "b200": (182631, "public log: 25224556183 (182642 MiB in another)"),
}

# Wrappers whose text model is of the plain family that the facts name.
WRAPPERS = "internvl_chat interns1 minicpmv mistral3".split()

# Keys copied as they are where they say something.
PLAIN = """hidden_size num_hidden_layers vocab_size max_position_embeddings tie_word_embeddings
 embed_norm layer_pattern ffn_pattern num_attention_heads num_key_value_heads head_dim v_head_dim
 attention_bias attention_out_bias sinks sliding_window swa_num_attention_heads
 swa_num_key_value_heads global_head_dim num_global_key_value_heads attention_k_eq_v kv_shared_from
 cross_attention_layers block_configs q_lora_rank kv_lora_rank qk_nope_head_dim qk_rope_head_dim
 sublayers_per_layer index_n_heads index_head_dim index_topk indexer_pattern
 compress_ratios o_groups o_lora_rank hc_mult linear_num_key_heads
 linear_key_head_dim linear_num_value_heads linear_value_head_dim linear_num_heads linear_head_dim
 linear_conv_kernel_dim kda_full_rank_f kda_full_rank_gate mamba_d_inner mamba_d_state mamba_d_conv
 mamba_dt_rank mamba_num_heads mamba_n_groups mamba_inner_norms intermediate_size
 intermediate_sizes mlp_bias act_params_per_layer num_experts num_experts_per_tok zero_expert_num
 moe_intermediate_size moe_latent_size latent_norm shared_expert_intermediate_size
 shared_expert_gate num_hash_layers first_k_dense_replace router_bias router_linear_bias expert_bias router_extra
 token_type_vocab_size word_embed_proj_dim lm_head_bias hidden_size_per_layer_input
 vocab_size_per_layer_input engram_params vision_params extra_params per_layer_extra
 num_nextn_predict_layers mtp_stores_embed mtp_stores_head mtp_params""".split()
# Known to `resolve` or to other keys, or without bearing on the tensors.
HANDLED = """model_type norm_type norms_per_layer qk_norm mlp_type attn_output_gate mla_use_output_gate
 mamba_norm final_norm conv_L_cache attention_chunk_size n_shared_experts mtp_kind mtp_ffn
 learned_positions position_offset full_attention_interval mamba_head_dim kv_shared_stored
 hc_head_params indexer_extra layer_order_verified""".split()


def config(model):
    """The normalised configuration of one model, as src/architecture/config.rs describes it."""
    unknown = set(model["config"]) - set(PLAIN) - set(HANDLED)
    assert not unknown, (model["id"], unknown)
    known = resolve(model["config"])
    wrapped = model["hf_model_type"] in WRAPPERS
    out = {"model_type": model["config"]["model_type"] if wrapped else model["hf_model_type"]}
    if out["model_type"] == "bert" and model["config"]["vocab_size"] > 200000:
        out["model_type"] = "xlm-roberta"
    for key in PLAIN:
        if known.get(key) and (key != "layer_pattern" or set(known[key]) != {"F"}):
            out[key] = known[key]
    layers = known["num_hidden_layers"]
    if known.get("kv_lora_rank") and known.get("index_n_heads") and not known.get("layer_pattern"):
        out["layer_pattern"] = "D" * layers
    if known["norm_type"] != "rmsnorm":
        out["norm_type"] = {"layernorm": "layer_norm", "layernorm_nobias": "layer_norm_no_bias", "nonparametric": "non_parametric"}[known["norm_type"]]
    if known["norms_per_layer"] != 2:
        out["norms_per_layer"] = known["norms_per_layer"]
    if known["qk_norm"]:
        out["qk_norm"] = {"head": "head", "headwise": "each_head", "full": "full"}[known["qk_norm"]]
    gate = known.get("attn_output_gate") or known.get("mla_use_output_gate")
    if gate:
        in_query = gate is True and not known.get("mla_use_output_gate")
        out["attn_output_gate"] = "in_query" if in_query else "full" if gate is True else gate
    if known["mlp_type"] == "plain":
        out["mlp_plain"] = True
    if known.get("mamba_norm") is False:
        out["mamba_no_norm"] = True
    if known.get("final_norm") is False:
        out["no_final_norm"] = True
    if known.get("conv_L_cache"):
        out["conv_kernel"] = known["conv_L_cache"]
    if known.get("attention_chunk_size"):
        out["sliding_window"] = known["attention_chunk_size"]
    if known.get("learned_positions"):
        out["learned_positions"] = known["learned_positions"] + known.get("position_offset", 0)
    width = known.get("moe_intermediate_size") or known.get("intermediate_size")
    if known.get("num_experts"):
        out["moe_intermediate_size"] = width
        if known.get("n_shared_experts") and not known.get("shared_expert_intermediate_size"):
            out["shared_expert_intermediate_size"] = known["n_shared_experts"] * width
    else:
        for key in "num_experts_per_tok", "moe_intermediate_size":
            out.pop(key, None)
    if known.get("num_nextn_predict_layers") and known.get("mtp_kind"):
        out["mtp_kind"] = {"deepseek": "deepseek", "dsv4": "deepseek_v4"}[known["mtp_kind"]]
    else:
        for key in "mtp_stores_embed", "mtp_stores_head":
            out.pop(key, None)
    if known.get("hc_head_params") == 0:
        out["no_hc_head"] = True
    if known["model_type"] == "deepseek_v4":
        # What the facts give as a number: tables of the first layers, biases of the others.
        out.update(num_hash_layers=3, router_bias=True)
        tables = 3 * known["vocab_size"] * known["num_experts_per_tok"]
        assert out.pop("extra_params") == tables + (layers - 2) * known["num_experts"]
    if known.get("zero_expert_num"):
        # Rows of the router for choices that are no expert, with their biases.
        rows = layers * known["zero_expert_num"]
        assert out.pop("extra_params") == rows * (known["hidden_size"] + 1)
    if known.get("indexer_extra"):
        # A pooling gate, and a table beside it. Four tokens share a key: `index_kpool` of
        # GLM-5.3-Flash (github.com/vllm-project/vllm/pull/55563).
        out["index_kpool"] = 4
        width = known["index_head_dim"]
        out["index_pool"] = known["indexer_extra"] // width - known["hidden_size"]
    if model["hf_model_type"] == "gemma3n":
        # The facts count AltUp and LAuReL less the keys and values of the layers that share a
        # cache. These are in the checkpoint: counted, they leave both models the same towers.
        out.update(altup_num_inputs=4, laurel_rank=64)
        e, inputs = known["hidden_size"], 4
        altup = 2 * (inputs - 1) * e * e
        layer = 2 * e * 64 + e * (inputs + 3) + inputs * inputs * (inputs + 1)
        head = known["head_dim"]
        shared = (layers - known["kv_shared_from"]) * (2 * e * known["num_key_value_heads"] + 1) * head
        assert out.pop("extra_params") == altup + layers * layer - shared
        out["vision_params"] -= shared
        assert out["vision_params"] == 983281504
    if known.get("mtp_ffn") == "dense":
        out["mtp_dense"] = True
    factors = rope_factors(out)
    if factors:
        out["rope_factors"] = factors
    return out


def rope_factors(c):
    """Which rotary factors llama.cpp's converter stores, by the `rope_scaling` of these families."""
    kind, context = c["model_type"], c.get("max_position_embeddings", 0)
    llama3 = kind in ("llama", "mllama", "nemotron-nas") and c["vocab_size"] in (128256, 128264)
    if llama3 and context >= 131072 or kind == "apertus" or kind == "llama4" and c["num_experts"] == 16:
        return "llama3"
    if kind in ("phi3", "phi4mm", "phimoe") and context >= 131072:
        rotary = c["head_dim"] * 3 // 4 if c["vocab_size"] == 200064 else c["head_dim"]
        return {"long_rope": rotary}
    return None


# What the collector says of its own ways of looking things up, in words that mean something here.
PLAIN_WORDS = [
    (r" \(code index [\d, ]+\)|, code-index file \d+", ""),
    (r"code index \d[\d, ]*\d", "public repositories"),
    (r", not re-fetched|; not re-fetched", ", not looked up again"),
    (r" in the index", ""),
    (r" \(via docs search\)", ""),
    (r"no open (\S+) repo appears in the stored sources", r"no open \1 weights were found"),
    (r" in the stored (sources|pages)", ""),
    (r"its config was not found here", "its configuration was not found"),
    # A package is named by its kind, name and version; the registry it came from is not a source.
    (r"([\w-]+ \d[\d.]*) \((?:crate|crates\.io)\)", r"crate \1"),
    (r"([\w-]+ \d[\d.]*) \(PyPI\)", r"PyPI package \1"),
    (r"([\w-]+ \d[\d.]*) \(PyPI,? ", r"PyPI package \1 ("),
    (r"^((?:litgpt|transformers|llm-cal) \d[\d.]*)", r"PyPI package \1"),
    (r"^(@huggingface/tasks \d[\d.]*)", r"npm package \1"),
]


def plain_words(value):
    """`value` with every string in it put in plain words."""
    if isinstance(value, str):
        for pattern, words in PLAIN_WORDS:
            value = re.sub(pattern, words, value)
        return value
    if isinstance(value, list):
        return [plain_words(v) for v in value]
    if isinstance(value, dict):
        return {k: plain_words(v) for k, v in value.items()}
    return value


class Sources:
    """Source strings, each kept once; `{id}` stands for the entry's own id."""

    def __init__(self):
        self.known = {}

    def add(self, text, own=None):
        if not text:
            return None
        text = text.replace(own, "{id}") if own else text
        return self.known.setdefault(text, len(self.known))

    def all(self, texts, own=None):
        return [self.add(t, own) for t in texts]


# Models that people ask for whose weights nobody has, with open ones that are used in their place.
CLOSED = [
    {
        "names": ["GPT-3.5", "GPT-4", "GPT-4o", "GPT-4.1", "GPT-5"],
        "why": "OpenAI serves it by API only; its open models are gpt-oss-20b and gpt-oss-120b",
        "nearest": ["openai/gpt-oss-120b", "openai/gpt-oss-20b"],
    },
    {
        "names": ["Claude", "Claude-Opus", "Claude-Sonnet", "Claude-Haiku"],
        "why": "Anthropic serves it by API only",
        "nearest": ["zai-org/GLM-4.6", "openai/gpt-oss-120b"],
    },
    {
        "names": ["Gemini", "Gemini-Pro", "Gemini-Flash"],
        "why": "Google serves it by API only; its open models are Gemma",
        "nearest": ["google/gemma-4-31B-it", "google/gemma-3-27b-it"],
    },
]


def names(text):
    """The names in "Qwen3.5-72B / 32B, Llama-4-8B": a bare size continues the name before it."""
    out = []
    for part in re.sub(r" (open weights|weights|naming)$", "", text).replace(", ", " / ").split(" / "):
        out.append(out[0].rsplit("-", 1)[0] + "-" + part if part[0].isdigit() else part)
    return out


def models_by_hand(facts, sources):
    """The entries that were written by hand: those of the present file that the facts lack."""
    present = json.loads((DATA / "models.json").read_text())
    known = {m["id"] for m in facts["models"]}
    table = present["sources"]
    for entry in present["models"]:
        if entry["id"] not in known:
            refers = {k: sources.add(table[entry[k]]) for k in ("params_source", "active_source", "confidence") if k in entry}
            yield entry | refers | {"sources": sources.all([table[i] for i in entry["sources"]])}


def models(facts):
    sources = Sources()
    entries = []
    for m in facts["models"]:
        if m["id"] in LEFT_OUT:
            continue
        own = m["id"]
        more, read_at = CONFIG_MORE.get(own, ({}, None))
        m = m | {"config": m["config"] | more, "source": m["source"] + [read_at] * bool(more)}
        entry = {
            "id": own,
            "name": m["name"],
            "family": m["family"],
            "org": m["org"],
            "release": m["release"],
            "license": m["license"],
            "modality": m["modality"],
            "params": m["params_total"],
            "params_source": sources.add(m["params_total_source"], own),
            "params_include": m["published_includes"],
            "active_b": m["params_active_published_b"],
            "active_source": sources.add(m["params_active_source"], own),
            "dtype": m["torch_dtype"],
            "native_quantization": m["native_quantization"],
            "confidence": sources.add(m["confidence"]),
            "sources": sources.all(m["source"], own),
            "note": m.get("note"),
            "count_note": COUNT_NOTES.get(own),
            "config": config(m),
        }
        entries.append({k: v for k, v in entry.items() if v not in (None, [])})
    entries += models_by_hand(facts, sources)
    entries.sort(key=lambda e: e["release"], reverse=True)
    entries.sort(key=lambda e: e["family"])
    return {
        "generated": facts["generated"],
        "sources": list(sources.known),
        "models": entries,
        "left_out": [{"id": k, "why": v} for k, v in LEFT_OUT.items()],
        "never_released": [
            {"names": names(n["name"]), "why": n["why"], "nearest": [i for i in n["nearest"] if i not in LEFT_OUT]}
            for n in facts["not_official"]
        ]
        + CLOSED,
    }


def price_range(p):
    """Lowest and highest price of a device and hour."""
    if "usd_per_gpu_hour" in p:
        return [p["usd_per_gpu_hour"]] * 2
    return [float(x) for x in p["usd_per_gpu_hour_range"].split("-")]


def visible(d, all_devices):
    """What a process sees of an NVIDIA card: the bytes, their basis, and their source if they were
    printed. Of a card that no log was found of, the driver keeps as much as of the card of its
    generation that is nearest in size."""
    total = d["memory_bytes_usable"]
    if d["vendor"] != "NVIDIA" or d["unified_memory"] or not total:
        return None
    if d["id"] in VISIBLE:
        mib, read_at = VISIBLE[d["id"]]
        return mib << 20, "runtime-visible total (observed)", f"runtime-visible total: {read_at}"
    generation = d["architecture"].removesuffix(" Ultra")
    seen = [o for o in all_devices if o["architecture"] == generation and o["id"] in VISIBLE]
    size = lambda o: o["memory_bytes_usable"]
    nearest = min(seen, key=lambda o: max(size(o), total) / min(size(o), total))
    kept = size(nearest) - (VISIBLE[nearest["id"]][0] << 20)
    return total - kept, f"runtime-visible total, inferred from {nearest['name']}", None


def device(d, sources, all_devices):
    options = d["memory_options_gb"] or []
    usable = d.get("gpu_usable_mib_by_memory") or {}
    by_option = [usable[str(gb)]["macos15_and_older"] << 20 for gb in options if str(gb) in usable]
    link = d["interconnect"]
    units = d.get("sm_count") or d.get("cu_count") or d.get("gpu_cores") or UNITS.get(d["id"], (None,))[0]
    mhz = d.get("boost_mhz") or APPLE_MHZ.get(d["architecture"]) or UNITS.get(d["id"], (None, None))[1]
    usable, basis, read_at = visible(d, all_devices) or (None, None, None)
    # Replaced by what is stated here.
    other = [s for s in d["sources"] if not (read_at and s.startswith("runtime-visible total"))]
    entry = {
        "id": d["id"],
        "name": d["name"],
        "aliases": d["aliases"] + ALIASES.get(d["id"], []),
        "vendor": d["vendor"],
        "generation": d["architecture"],
        "chip": d["chip"],
        "segment": d["segment"],
        "kind": "cpu" if d["segment"] == "cpu-host" else "unified" if d["unified_memory"] else "discrete",
        "release": d["release_date"],
        "status": d["status"],
        "memory_gb": d["memory_gb"],
        "memory_options_gb": options,
        "memory_usable_bytes": usable or d["memory_bytes_usable"],
        "memory_driver_bytes": usable and d["memory_bytes_usable"],
        "usable_by_option": by_option,
        "memory_usable_basis": basis or d["memory_usable_basis"],
        "memory_usable_note": d["memory_usable_note"],
        "memory_type": d["memory_type"],
        "bandwidth_gb_s": d["bandwidth_gb_s"],
        "tflops_dense": sorted(d["tflops_dense"].items()),
        "tflops_basis": d["tflops_basis"],
        "compute_units": units,
        "boost_mhz": mhz,
        "compute_target": d["compute_target"],
        "tdp_w": d["tdp_w"],
        "pcie": link["pcie"],
        "fabric_gb_s": link["nvlink_or_fabric_gb_s_bidir"],
        "fabric_devices": link["max_gpus_in_fast_domain"],
        "msrp_usd": d["msrp_usd"],
        "msrp_source": sources.add(d["msrp_source"]),
        "cloud_prices": [
            {"usd_per_hour": price_range(p), "provider": p["provider"], "source": sources.add(p["source"]), "date": p["date"]}
            for p in d["cloud_prices"]
        ],
        "confidence": d["confidence"],
        "flags": d["flags"],
        "note": d["notes"],
        "sources": sources.all(other + [read_at] * bool(read_at)),
    }
    return {k: v for k, v in entry.items() if v not in (None, [])}


def by_hand(facts):
    """The entries that were written by hand: those of the present file that the facts lack, by the
    id of the entry that they follow."""
    present = json.loads((DATA / "devices.json").read_text())
    known = {d["id"] for d in facts["devices"]}
    table, last, found = present["sources"], None, {}
    for entry in present["devices"]:
        if entry["id"] in known:
            last = entry["id"]
            continue
        found.setdefault(last, []).append(entry | {"sources": [table[i] for i in entry["sources"]]})
    return found


def devices(facts):
    sources = Sources()
    more = by_hand(facts)
    entries = []
    for d in facts["devices"]:
        entries.append(device(d, sources, facts["devices"]))
        entries += [e | {"sources": sources.all(e["sources"])} for e in more.get(d["id"], [])]
    return {"generated": facts["generated"], "sources": list(sources.known), "devices": entries}


def write(name, data):
    """JSON with one entry a line."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            lines = ",\n  ".join(json.dumps(v, ensure_ascii=False) for v in value)
            parts.append(f' "{key}": [\n  {lines}\n ]')
        else:
            parts.append(f' "{key}": {json.dumps(value)}')
    (DATA / name).write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    from check import resolve

    write("models.json", models(plain_words(json.loads((folder / "models.json").read_text()))))
    write("devices.json", devices(plain_words(json.loads((folder / "accelerators.json").read_text()))))
