#!/usr/bin/env python3
"""Writes the flags that the engines really have, `tests/data/flags.json`.

    python3 xtask/data/flags.py TRUTH

TRUTH      folder with the engines' own lists, one file an engine: names, kind of value, choices

An entry is a program with its version and where its flags were read; a flag is a name with what it
takes: `flag` (nothing), `int`, `float`, `string`, `path`, `enum`, `list` (several words), `csv` (one
word of several values), `section`. `optional` says that the value may be left out, `dotted` that its
JSON may be given by keys after a dot, `several` that values are divided by commas. `positional` are
the arguments without a name, in their order. Flags that the parser knows only to refuse are left out.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The words that a command of the program begins with; of what is no program, a name of ours.
PROGRAMS = {
    "llama-cpp.json": {
        "llama-server": "llama-server", "llama-bench": "llama-bench",
        "llama-batched-bench": "llama-batched-bench", "llama-imatrix": "llama-imatrix",
        "llama-quantize": "llama-quantize",
        "convert_hf_to_gguf.py": "python convert_hf_to_gguf.py"},
    "ollama.json": {
        "ollama create": "ollama create", "ollama run": "ollama run", "ollama serve": "ollama serve",
        "ollama pull": "ollama pull", "ollama ps": "ollama ps",
        "environment variables": "environment of ollama",
        "Modelfile PARAMETER": "Modelfile PARAMETER", "Modelfile instructions": "Modelfile"},
    "lm-studio.json": {
        "lms load": "lms load", "lms get": "lms get", "lms chat": "lms chat",
        "lms import": "lms import", "lms server start": "lms server start"},
    "koboldcpp.json": {"koboldcpp.py": "koboldcpp"},
    "vllm.json": {"vllm serve": "vllm serve", "vllm bench serve": "vllm bench serve"},
    "sglang.json": {
        "sglang serve": "python -m sglang.launch_server",
        "python -m sglang.benchmark.serving": "python -m sglang.benchmark.serving"},
    "tensorrt-llm.json": {"trtllm-serve": "trtllm-serve", "LLM API YAML keys": "llm.yaml"},
    "mlx-lm.json": {
        "mlx_lm.server": "mlx_lm.server", "mlx_lm.generate": "mlx_lm.generate",
        "mlx_lm.convert": "mlx_lm.convert", "mlx_lm.benchmark": "mlx_lm.benchmark"},
    "transformers.json": {
        "transformers serve": "transformers serve", "BitsAndBytesConfig": "BitsAndBytesConfig"},
    "exllamav3.json": {
        "convert.py": "python convert.py",
        "model loading flags of the example and eval scripts": "python examples/chat.py",
        "config.yml": "python main.py"},
    "dynamo.json": {
        "python -m dynamo.frontend": "python -m dynamo.frontend",
        "python -m dynamo.vllm (own flags)": "python -m dynamo.vllm",
        "python -m dynamo.sglang (own flags)": "python -m dynamo.sglang",
        "dynamo runtime flags (every worker)": "dynamo runtime",
        "manifest DynamoGraphDeployment": "dynamo.yaml"},
    "cluster.json": {"LeaderWorkerSet manifest": "leader-worker-set.yaml"},
}

# Programs whose lists are not in TRUTH, as far as the plan names them.
BY_HAND = {
    "hf download": {
        "version": "huggingface_hub 1.x", "source": "its command line reference",
        "positional": ["repo_id"],
        "flags": {"repo_id": ["string"], "--include": ["string"], "--local-dir": ["path"]}},
    "ray start": {
        "version": "vLLM 0.33.0", "source": "vllm-project/vllm@v0.33.0:examples/ray_serving",
        "flags": {"--head": ["flag"], "--port": ["int"], "--address": ["string"], "--block": ["flag"]}},
    "kubectl apply": {
        "version": "Kubernetes 1.34", "source": "its command line reference", "flags": {"-f": ["path"]}},
    "kubectl port-forward": {
        "version": "Kubernetes 1.34", "source": "its command line reference",
        "positional": ["what", "ports"], "flags": {"what": ["string"], "ports": ["string"]}},
    "docker compose up": {
        "version": "Compose 2", "source": "its command line reference", "flags": {"-d": ["flag"]}},
    "systemctl": {
        "version": "systemd 255", "source": "systemctl(1)",
        "positional": ["command", "unit"],
        "flags": {"command": ["string"], "--user": ["flag"], "--now": ["flag"], "unit": ["string"]}},
    "python run.py": {"version": "", "source": "a file of the plan", "flags": {}},
    "python quantise.py": {"version": "", "source": "a file of the plan", "flags": {}},
}


def entry(flag, program):
    """What a flag takes, in a list: the kind, then choices and marks where there are any."""
    note, kind = flag.get("note") or "", flag["value"]
    if kind == "list" and not ("several values after one flag" in note or program == "koboldcpp.py"):
        kind = "csv"
    out = [kind or "string"]
    marks = {}
    if choices := [c for c in flag.get("choices") or [] if c is not None]:
        marks["choices"] = [str(choice) for choice in choices]
    if "value optional" in note or program == "koboldcpp.py" and kind == "list" and "no value" in note:
        marks["optional"] = True
    if program == "llama-bench" and kind in ("int", "enum", "string"):
        marks["several"] = True
    if "dotted sub-keys" in note:
        marks["dotted"] = True
    return out + ([marks] if marks else [])


def main():
    truth, programs = pathlib.Path(sys.argv[1]), dict(BY_HAND)
    for file, wanted in PROGRAMS.items():
        listed = {program["program"]: program for program in json.load(open(truth / file))}
        for name, ours in wanted.items():
            program = listed[name]
            flags = {}
            for flag in program["flags"]:
                if "removed" in (flag.get("note") or ""):
                    continue
                for spelling in flag["names"] + (flag.get("names_negative") or []):
                    is_negative = spelling in (flag.get("names_negative") or [])
                    flags[spelling] = ["flag"] if is_negative else entry(flag, name)
            source = program["source"]
            positional = [flag["names"][0] for flag in program["flags"]
                          if "positional" in (flag.get("note") or "") or name == "convert_hf_to_gguf.py"
                          and flag["names"][0] == "model"]
            programs[ours] = {
                "positional": positional,
                "version": program["version_or_commit"],
                "source": source if isinstance(source, str) else "; ".join(source),
                "flags": flags}
    lines = []
    for name, program in sorted(programs.items()):
        flags = ",\n    ".join(f"{json.dumps(n)}: {json.dumps(f)}" for n, f in program["flags"].items())
        lines.append(f'  {json.dumps(name)}: {{"version": {json.dumps(program["version"])},\n'
                     f'   "source": {json.dumps(program["source"])},\n'
                     f'   "positional": {json.dumps(program.get("positional", []))},\n   "flags": {{{flags}}}}}')
    target = ROOT / "tests/data/flags.json"
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    count = sum(len(program["flags"]) for program in programs.values())
    print(f"{len(programs)} programs, {count} flags, {target.stat().st_size} bytes")


main()
