#!/usr/bin/env python3
"""Writes what hosts ask for a million tokens of each model of the catalogue.

PRICES is a checkout (or a bare repository) of pydantic/genai-prices, a collection of hosts' public
prices. Only names that are a model's own are taken: its Hugging Face id, or the last part of it where
the catalogue has one such. Prices that depend on the length of the prompt, and free tiers, are left
out, and hosts that are beaten by another for prompts and for answers: the lowest is what is asked for.

Usage: api_prices.py PRICES
"""

import collections
import json
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src" / "catalog" / "data"
# Hugging Face's router lists the prices of hosts as they are; a host's own list here may be older.
ROUTER = "huggingface_"
# What it lists as these makers' own prices of open models are OpenRouter's.
NOT_THEIR_OWN = {"azure", "deepseek", "google", "mistral", "openai"}
NAMES = {
    "together": "Together AI",
    "fireworks-ai": "Fireworks",
    "moonshotai": "Moonshot AI",
    "zai": "Z.ai",
    "zhipuai": "Zhipu AI",
    "ovhcloud": "OVHcloud",
    "sambanova": "SambaNova",
    "publicai": "Public AI",
}


def git(repository, *arguments):
    command = ["git", "-C", repository, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def price(entry):
    prices = entry.get("prices")
    if isinstance(prices, list):  # Those of the time that was added last hold.
        prices = prices[-1]["prices"]
    pair = tuple((prices or {}).get(key) for key in ("input_mtok", "output_mtok"))
    fixed = all(isinstance(usd, int | float) and usd > 0 for usd in pair)
    return tuple(round(float(usd), 6) for usd in pair) if fixed else None


def unbeaten(prices):
    """Of hosts that ask the same, the first."""
    kept = {}
    for host, (usd_in, usd_out) in sorted(prices.items(), key=lambda price: (*price[1], price[0])):
        if all(usd_out < other_out for _, other_out in kept.values()):
            kept[host] = (usd_in, usd_out)
    return kept


def main(repository):
    models = json.loads((DATA / "models.json").read_text())["models"]
    by_id = {model["id"].lower(): model["id"] for model in models}
    last_parts = collections.defaultdict(list)
    for model in models:
        last_parts[model["id"].split("/")[-1].lower()].append(model["id"])

    def model_of(name):
        alone = last_parts.get(name.split("/")[-1], [])
        return by_id.get(name) or (alone[0] if len(alone) == 1 else None)

    found = collections.defaultdict(dict)
    files = git(repository, "ls-tree", "-r", "--name-only", "HEAD", "prices/providers").split()
    # The router's come last, and so hold.
    for file in sorted(files, key=lambda file: (ROUTER in file, file)):
        if not file.endswith(".yml"):
            continue
        host = yaml.safe_load(git(repository, "show", f"HEAD:{file}"))
        key = host["id"].removeprefix(ROUTER)
        name = NAMES.get(key) or (key.title() if ROUTER in file else host["name"])
        for entry in host["models"] if key not in NOT_THEIR_OWN else []:
            model, usd = model_of(str(entry["id"]).lower()), price(entry)
            if model and usd:
                found[model][name] = usd
    found = {model: unbeaten(prices) for model, prices in found.items()}
    hosts = sorted({host for prices in found.values() for host in prices})
    commit, date = git(repository, "log", "-1", "--format=%h %cs").split()
    lines = [
        json.dumps({"model": model, "hosts": [[hosts.index(host), *usd] for host, usd in sorted(prices.items())]})
        for model, prices in sorted(found.items())
    ]
    head = json.dumps({"source": f"pydantic/genai-prices@{commit}", "date": date, "hosts": hosts})
    text = head.removesuffix("}") + ', "models": [\n' + ",\n".join(lines) + "\n]}\n"
    (DATA / "api_prices.json").write_text(text)
    print(f"{len(found)} models, {sum(map(len, found.values()))} prices, {len(hosts)} hosts: {', '.join(hosts)}")


if __name__ == "__main__":
    main(sys.argv[1])
