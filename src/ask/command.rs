//! Flags of command lines and variables of the environment, by the settings that they set.

use std::ops::Range;

use crate::scenario::{Scenario, setting};

/// What a flag does to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Sets a setting to the value.
    Set(&'static str),
    /// Switches a setting on.
    On(&'static str),
    /// Switches a setting off.
    Off(&'static str),
    /// A projector's file, which tells its type.
    ProjectorFile,
    /// What drafts: a head, repeated text, or the model's own MTP layers.
    Drafter,
    /// Tokens of all users together, of llama.cpp.
    TotalContext,
    /// The type of cached keys.
    Keys,
    /// The type of cached values.
    Values,
    /// Layers on devices.
    GpuLayers,
    /// Layers whose experts stay in RAM.
    ExpertLayers,
    /// All experts stay in RAM.
    Experts,
    /// Mebibytes of a setting.
    Mebibytes(&'static str),
    /// Gibibytes of a setting.
    Gibibytes(&'static str),
    /// Where tensors go whose names match: experts on the CPU.
    Tensors,
    /// The type of weights that are not quantised.
    Type,
    /// Takes a value that no figure depends on.
    Other,
    /// The rank of LoRA adapters.
    Rank,
    /// How many LoRA adapters there are.
    Adapters,
    /// A draft model.
    Draft,
    /// The value is a name that is read as one.
    Name,
    /// A switch that changes nothing here.
    Switch,
}

use Effect::{
    Adapters, Draft, Drafter, ExpertLayers, Experts, Gibibytes, GpuLayers, Keys, Mebibytes, Name,
    Off, On, Other, ProjectorFile, Rank, Set, Switch, Tensors, TotalContext, Type, Values,
};

/// Flags of llama.cpp, Ollama, KoboldCpp, LM Studio, vLLM, SGLang, TensorRT-LLM and MLX; `_` is read
/// as `-`.
const FLAGS: &[(&str, Effect)] = &[
    ("-c --ctx-size LLAMA_ARG_CTX_SIZE", TotalContext),
    (
        "--max-model-len --context-length --max-seq-len --contextsize OLLAMA_CONTEXT_LENGTH \
         --num-ctx --n-ctx --max-kv-size",
        Set("ctx"),
    ),
    ("-np --parallel --n-parallel OLLAMA_NUM_PARALLEL LLAMA_ARG_N_PARALLEL", Set("users")),
    ("--max-num-seqs --max-num-seq --max-running-requests --max-batch-size", Set("seqs")),
    ("--max-num-batched-tokens --chunked-prefill-size --max-num-tokens", Set("batched")),
    (
        "--gpu-memory-utilization --mem-fraction-static --kv-cache-free-gpu-memory-fraction",
        Set("util"),
    ),
    ("--tensor-parallel-size -tp --tp --tp-size", Set("tp")),
    ("--pipeline-parallel-size -pp --pp --pp-size", Set("pp")),
    ("--data-parallel-size -dp --dp --dp-size", Set("dp")),
    ("--enable-expert-parallel --enable-ep-moe -ep", On("ep")),
    ("--ep-size --ep --expert-parallel-size", Set("ep")),
    ("--kv-cache-dtype OLLAMA_KV_CACHE_TYPE --quantkv", Set("kv")),
    ("-ctk --cache-type-k LLAMA_ARG_CACHE_TYPE_K", Keys),
    ("-ctv --cache-type-v LLAMA_ARG_CACHE_TYPE_V", Values),
    (
        "-ctkd --cache-type-k-draft --spec-draft-type-k -ctvd --cache-type-v-draft --spec-draft-type-v",
        Set("draft_kv"),
    ),
    (
        "-fa --flash-attn --flashattention --flash-attention OLLAMA_FLASH_ATTENTION LLAMA_ARG_FLASH_ATTN",
        Set("fa"),
    ),
    ("-ub --ubatch-size", Set("ubatch")),
    ("-b --batch-size --batchsize", Set("batch")),
    ("-ngl --n-gpu-layers --gpu-layers --gpulayers LLAMA_ARG_N_GPU_LAYERS", GpuLayers),
    ("-ncmoe --n-cpu-moe --moecpu", ExpertLayers),
    ("-cmoe --cpu-moe", Experts),
    ("-ot --override-tensor", Tensors),
    (
        "-n --predict --n-predict --max-tokens --max-new-tokens --n-gen --output-len --random-output-len",
        Set("output"),
    ),
    ("-p --n-prompt --input-len --random-input-len", Set("prompt")),
    ("--dtype", Type),
    (
        "-t --threads -tb --threads-batch --host --port --temp --top-p --top-k --min-p --seed \
      --api-key --served-model-name --alias -a --gpus --runtime --shm-size --reasoning-parser \
      --tool-call-parser --reasoning-format --chat-template --chat-template-file --rpc",
        Other,
    ),
    ("-sm --split-mode", Set("split")),
    ("-ts --tensor-split", Set("ts")),
    ("-mg --main-gpu", Set("mg")),
    ("-kvu --kv-unified", On("unified")),
    ("--swa-full", On("swa_full")),
    ("-nkvo --no-kv-offload --lowvram", Off("kv_offload")),
    ("--no-mmproj-offload --mmprojcpu", Off("mmproj_offload")),
    ("--no-mmproj --language-model-only", Off("mmproj")),
    ("-mm --mmproj", ProjectorFile),
    ("-dcp --dcp --decode-context-parallel-size", Set("dcp")),
    ("--spec-type --speculative-algorithm --speculative-algo --spec-method", Drafter),
    ("-mtp", Drafter),
    ("--enforce-eager --disable-cuda-graph", On("eager")),
    (
        "-md --model-draft --spec-draft-model -hfd -hfrd --hf-repo-draft --spec-draft-hf --draftmodel \
      --speculative-draft-model-path --draft-model",
        Draft,
    ),
    (
        "--draft --draft-n --draft-max --spec-draft-n-max --draftamount --num-draft-tokens \
      --speculative-num-draft-tokens",
        Set("draft_n"),
    ),
    ("-cram --cache-ram", Mebibytes("cache_ram")),
    ("--kv-offloading-size", Gibibytes("pinned")),
    ("--max-lora-rank", Rank),
    ("--max-loras --max-loras-per-batch", Adapters),
    ("-ctxcp --ctx-checkpoints --swa-checkpoints", Set("checkpoints")),
    (
        "-m --model -hf -hfr --hf-repo --hf -hff --hf-file --model-path --quantization -q \
      -mu --model-url --load-format --include",
        Name,
    ),
    (
        "--no-mmap --mlock --jinja -cnv --no-warmup --trust-remote-code --verbose -v --log-disable \
      --enable-lora --cont-batching -cb --metrics --enable-prefix-caching --enable-auto-tool-choice --rm -it -d \
      --usecublas --enable-chunked-prefill --no-webui --embeddings --enable-dp-attention",
        Switch,
    ),
];

/// What a command line sets.
#[derive(Debug, Default)]
pub struct Command {
    /// Settings, with what was typed.
    pub found: Vec<(Range<usize>, &'static str, String)>,
    /// The value of a draft model's flag.
    pub draft: Option<(Range<usize>, String)>,
    /// The type of weights that are not quantised.
    pub dtype: Option<(Range<usize>, &'static str)>,
    /// Which tensors are told to be elsewhere.
    pub tensors: Option<(Range<usize>, String)>,
    /// Flags that mean nothing here.
    pub ignored: Vec<Range<usize>>,
    /// What of the text is read.
    pub consumed: Vec<Range<usize>>,
}

/// Words of a text with their places.
fn shell_words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            words.extend(start.take().map(|start| start..at));
        } else if start.is_none() {
            start = Some(at);
        }
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

fn effect(name: &str) -> Option<Effect> {
    let known = |names: &str| names.split_whitespace().any(|known| known == name);
    FLAGS.iter().find(|(names, _)| known(names)).map(|(_, effect)| *effect)
}

/// The flags and variables in a text.
pub fn read(text: &str) -> Command {
    let mut command = Command::default();
    let words = shell_words(text);
    let (mut keys, mut values): (Option<String>, Option<String>) = (None, None);
    let (mut layers, mut total, mut cache): (_, _, Option<Range<usize>>) = (None, None, None);
    let mut experts = false;
    let (mut rank, mut adapters, mut lora) = (None, None, None);
    let mut drafts_itself: Option<Range<usize>> = None;
    let mut at = 0;
    while at < words.len() {
        let span = words[at].clone();
        let word = &text[span.clone()];
        at += 1;
        let is_variable = word.split_once('=').is_some_and(|(name, _)| {
            name.len() > 5 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        });
        let is_flag = word.starts_with('-')
            && word[1..].starts_with(|c: char| c == '-' || c.is_ascii_alphabetic());
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.trim_end_matches(['?', ',', ';']), None),
        };
        // max_model_len=8192 in Python, in quotes in JSON, max_model_len: 8192 in YAML, max-model-len
        // 8192 as told. A batch size that is told may be one of users.
        let name = name.trim_start_matches(['{', '"']);
        let argument = name.trim_end_matches([':', '"']).replace('_', "-");
        let is_written = name.contains('_') || name.contains('-') && name != "batch-size";
        let argument = effect(&format!("--{argument}")).filter(|_| is_written);
        // What is only spoken of has no value behind it.
        let is_told = inline.is_some()
            || name.ends_with(':')
            || words
                .get(at)
                .is_some_and(|next| text[next.start..].starts_with(|c: char| c.is_ascii_digit()));
        let argument = argument.filter(|_| is_told);
        if word == "\\" || !(is_flag || is_variable || argument.is_some()) {
            continue;
        }
        let name = match name.strip_prefix("--") {
            Some(long) => format!("--{}", long.replace('_', "-")),
            None => name.to_owned(),
        };
        let effect = argument.or_else(|| effect(&name));
        let next = words.get(at).map(|next| (next.clone(), &text[next.clone()]));
        let next = next.filter(|(_, next)| {
            let is_negative = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
            *next != "\\" && next.strip_prefix('-').is_none_or(is_negative)
        });
        let takes_value =
            !matches!(effect, Some(On(_) | Off(_) | Experts | Switch | Name)) && name != "-mtp";
        let is_switch = effect == Some(Set("fa"))
            && !next
                .as_ref()
                .is_some_and(|(_, next)| matches!(*next, "on" | "off" | "auto" | "1" | "0"));
        let (value, end) = match (inline, next) {
            (Some(value), _) => (value, span.end),
            (None, Some((place, value))) if takes_value && !is_switch => {
                // What follows an unknown flag in plain text belongs to the text.
                let is_text = !name.starts_with("--") && name.len() > 3;
                if effect.is_none() && (is_text || value.contains("://")) {
                    ("", span.end)
                } else {
                    at += 1;
                    (value, place.end)
                }
            }
            _ => ("", span.end),
        };
        let value = value.trim_matches(['"', '\'', '\\', ',', ')', '}']);
        let whole = span.start..end;
        let Some(effect) = effect else {
            command.ignored.push(whole.clone());
            command.consumed.push(whole);
            continue;
        };
        let mut set = |key, value: &str| command.found.push((whole.clone(), key, value.to_owned()));
        match effect {
            Set("kv") => match value {
                "auto" => {}
                value if value.starts_with("fp8") => set("kv", "fp8"),
                "bfloat16" => set("kv", "bf16"),
                "1" => set("kv", "q8_0"),
                "2" => set("kv", "q4_0"),
                value => set("kv", value),
            },
            Set("fa") => match value {
                "off" | "0" | "false" => set("fa", "off"),
                _ => set("fa", "on"),
            },
            // A flag that its value was forgotten of says nothing.
            Set(_) if value.is_empty() => {}
            Set(key) => set(key, value),
            On(_) if value.eq_ignore_ascii_case("false") => {}
            On(key) => set(key, "on"),
            Off(key) => set(key, "off"),
            ProjectorFile => {
                let lower = value.to_ascii_lowercase();
                let known = ["bf16", "q8_0", "f32"].into_iter().find(|ty| lower.contains(ty));
                set("mmproj", known.unwrap_or("f16"));
            }
            Drafter => {
                let lower = value.to_ascii_lowercase();
                let is = |word: &str| lower.contains(word);
                if name == "-mtp" || is("mtp") || is("nextn") {
                    drafts_itself = Some(whole.clone());
                } else if is("ngram") {
                    set("draft", "ngram");
                } else if is("eagle") {
                    set("draft", "eagle3");
                } else if is("dflash") {
                    set("draft", "dflash");
                }
            }
            Mebibytes(key) => set(key, &format!("{value}MiB")),
            Gibibytes(key) => set(key, &format!("{value}GiB")),
            TotalContext => total = Some((whole.clone(), value.to_owned())),
            Keys | Values => {
                let half = if effect == Keys { &mut keys } else { &mut values };
                *half = Some(value.to_owned());
                let start = cache.as_ref().map_or(whole.start, |cache| cache.start);
                cache = Some(start..whole.end);
            }
            Rank => (rank, lora) = (Some(value.to_owned()), Some(whole.clone())),
            Adapters => (adapters, lora) = (Some(value.to_owned()), Some(whole.clone())),
            GpuLayers => layers = Some((whole.clone(), value.to_owned())),
            ExpertLayers if !value.is_empty() => {
                experts = true;
                set("offload", &format!("experts:{value}"));
            }
            Experts | ExpertLayers => {
                experts = true;
                set("offload", "experts");
            }
            Draft => command.draft = Some((whole.clone(), value.to_owned())),
            Name => {
                let end = span.end - inline.map_or(0, str::len);
                command.consumed.push(span.start..end);
                continue;
            }
            Tensors if value.contains("exp") && value.to_ascii_lowercase().contains("cpu") => {
                experts = true;
                // Several flags are several overrides, the first that matches first.
                let before = command.tensors.take();
                let start = before.as_ref().map_or(whole.start, |(before, _)| before.start);
                let before = before.map(|(_, text)| text + ",").unwrap_or_default();
                command.tensors = Some((start..whole.end, before + value));
            }
            Type => {
                let dtype = match value {
                    "half" | "float16" | "fp16" => Some("F16"),
                    "bfloat16" | "bf16" => Some("BF16"),
                    "float32" | "float" => Some("F32"),
                    _ => None,
                };
                command.dtype = dtype.map(|dtype| (whole.clone(), dtype));
            }
            Tensors => command.ignored.push(whole.clone()),
            Other | Switch => {}
        }
        command.consumed.push(whole);
    }
    if let Some((span, method, tokens)) = speculative_config(text) {
        match method.as_str() {
            method if method.contains("mtp") => {
                command.found.push((span, "mtp", tokens.unwrap_or(1).to_string()));
            }
            method @ ("ngram" | "eagle" | "eagle3" | "dflash") => {
                let method = if method == "eagle" { "eagle3" } else { method };
                command.found.push((span.clone(), "draft", method.to_owned()));
                let tokens = tokens.map(|tokens| (span, "draft_n", tokens.to_string()));
                command.found.extend(tokens);
            }
            _ => {}
        }
    }
    if let Some(span) = drafts_itself {
        // The number of tokens is that of any draft.
        let count = command.found.iter_mut().find(|(_, key, _)| *key == "draft_n");
        match count {
            Some((_, key, _)) => *key = "mtp",
            None => command.found.push((span, "mtp", "3".to_owned())),
        }
    }
    // vLLM's rank where it is not told is 16, and there is one.
    if let Some(span) = lora {
        let many = adapters.map_or(String::new(), |many| format!("*{many}"));
        command.found.push((span, "lora", rank.unwrap_or_else(|| "16".to_owned()) + &many));
    }
    if let Some(cache) = cache {
        let f16 = || "f16".to_owned();
        let (keys, values) = (keys.unwrap_or_else(f16), values.unwrap_or_else(f16));
        let both = if keys == values { keys } else { format!("{keys},{values}") };
        command.found.push((cache, "kv", both));
    }
    if let Some((whole, value)) = layers.filter(|_| !experts) {
        let value = match value.as_str() {
            "auto" | "-1" => "auto".to_owned(),
            "all" => "none".to_owned(),
            // More layers than any model has: all of them.
            value if value.parse::<u64>().is_ok_and(|n| n >= 99) => "none".to_owned(),
            value => format!("ngl:{value}"),
        };
        command.found.push((whole, "offload", value));
    }
    if let Some((whole, value)) = total.filter(|(_, value)| value != "0") {
        let find = |key| command.found.iter().find(|(_, known, _)| *known == key);
        let users = find("users").and_then(|(_, _, users)| users.parse::<u64>().ok());
        let divided = users.filter(|_| find("unified").is_none());
        // 16k is read as a link writes it.
        let mut scenario = Scenario::default();
        let tokens = setting("ctx").filter(|ctx| ctx.set(&mut scenario, &value).is_ok());
        let value = match (tokens.map(|_| scenario.context), divided) {
            (Some(total), Some(users)) if users > 0 => (total / users).to_string(),
            _ => value,
        };
        command.found.push((whole, "ctx", value));
    }
    command
}

/// The method and the number of tokens of vLLM's `--speculative-config`, with its place in the text.
fn speculative_config(text: &str) -> Option<(Range<usize>, String, Option<u64>)> {
    let start = text.find("\"method\"")?;
    let mut strings = text[start..].split('"').skip(2);
    let method = strings.nth(1)?.to_ascii_lowercase();
    let after = "num_speculative_tokens";
    let digits =
        text.find(after).map(|at| text[at + after.len()..].trim_start_matches(['"', ':', ' ']));
    let tokens = digits
        .and_then(|digits| digits.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok());
    let end = text[start..].find('}').map_or(text.len(), |end| start + end);
    Some((start..end, method, tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Vec<(&'static str, String)> {
        read(text).found.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    #[test]
    fn drafts_are_read_however_they_are_asked_for() {
        let of = |key: &str, text| {
            settings(text).into_iter().find(|(found, _)| *found == key).map(|(_, value)| value)
        };
        let one = |text: &str| Some(text.to_owned());
        assert_eq!(of("mtp", "llama-server --spec-type draft-mtp --spec-draft-n-max 2"), one("2"));
        assert_eq!(of("draft", "llama-server --spec-type ngram-mod"), one("ngram"));
        assert_eq!(of("draft", "sglang --speculative-algorithm EAGLE3"), one("eagle3"));
        let config = r#"vllm serve x --speculative-config '{"method": "qwen3_next_mtp", "num_speculative_tokens": 2}'"#;
        assert_eq!(of("mtp", config), one("2"));
        assert_eq!(of("kv_offload", "llama-server -nkvo -c 4096"), one("off"));
        assert_eq!(of("mmproj", "llama-server --mmproj mmproj-BF16.gguf"), one("bf16"));
    }
}
