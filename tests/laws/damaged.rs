//! Damaged files and pasted text: what the readers make of bytes that no program wrote.
//!
//! The corpus is made of files of the catalogue's models, of configurations and of ids; each round
//! changes one of them at random, reads it, and asks a question about what was read. `cargo test`
//! takes some thousands, always the same; `cargo xtask fuzz --minutes N` as many as it can.

use std::time::{Duration, Instant};

use headroom::ask::{ask, pasted_machine};
use headroom::catalog::{Catalog, Custom};
use headroom::engine::llama_cpp::GgufFile;
use headroom::estimate;
use headroom::import::{MetaValue, write_header};
use headroom::quant::Mix;
use headroom::scenario::{Engine, Scenario};

use crate::setting;
use crate::targets;

/// Rounds of a run that nobody asked for more.
const ROUNDS: u64 = 3000;

/// The longest that one file may take to be read, and its model to be answered for: a bound that
/// only a loop without end misses.
const LONGEST: Duration = Duration::from_secs(20);

/// Numbers drawn one after the other (SplitMix64).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Whole files, each with its name.
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let catalog = Catalog::bundled();
    let mut files = Vec::new();
    for id in ["qwen3-0.6b", "qwen3-30b-a3b", "gemma-3-1b-it", "deepseek-v2-lite", "mamba-130m-hf"]
    {
        let Some(model) = catalog.model(id) else { continue };
        files.push((format!("{id}.id"), custom(id).into_bytes()));
        let Ok(file) = GgufFile::new(model, Mix::Q4_K_M, false) else { continue };
        let arch = model.architecture().gguf_arch.clone().unwrap_or_default();
        let c = model.config();
        let whole = |key: &str, n: u64| (format!("{arch}.{key}"), MetaValue::Whole(n.into()));
        let meta = [
            ("general.architecture".to_owned(), MetaValue::Text(arch.clone())),
            whole("block_count", c.num_hidden_layers),
            whole("embedding_length", c.hidden_size),
            whole("attention.head_count", c.num_attention_heads),
            (format!("{arch}.attention.head_count_kv"), MetaValue::List(vec![8; 4])),
            ("tokenizer.ggml.tokens".to_owned(), MetaValue::Long(20)),
        ];
        let tensors: Vec<_> = file
            .weights
            .iter()
            .map(|w| (w.tensor.gguf_name(), w.tensor.shape, w.ty as u32, w.bytes().0))
            .collect();
        files.push((format!("{id}-Q4_K_M.gguf"), write_header(&meta, &tensors).0));
        let config = serde_json::to_vec(c).unwrap();
        files.push((format!("{id}/config.json"), config));
    }
    let header = br#"{"a":{"dtype":"BF16","shape":[4096,4096],"data_offsets":[0,33554432]}}"#;
    let mut safetensors = (header.len() as u64).to_le_bytes().to_vec();
    safetensors.extend(header);
    files.push(("model.safetensors".to_owned(), safetensors));
    let index = br#"{"metadata":{"total_size":16060522496},"weight_map":{"a":"b"}}"#;
    files.push(("model.safetensors.index.json".to_owned(), index.to_vec()));
    files.push(("size.id".to_owned(), b"size:30B-A3B".to_vec()));
    let card = b"custom:1:name.x:vendor.amd:memory.24:bandwidth.900:fp16.120";
    files.push(("card.id".to_owned(), card.to_vec()));
    let smi = b"|   0  NVIDIA GeForce RTX 4090  Off | 00000000:01:00.0 On | Off |\n|  0%  45C  P8 \
                21W / 450W | 1536MiB / 24564MiB | 3% Default |";
    files.push(("smi.txt".to_owned(), smi.to_vec()));
    let listed = |name: &str, size: u64| {
        format!(r#"{{"type":"file","path":"{name}","size":135,"lfs":{{"size":{size}}}}}"#)
    };
    let of_kinds =
        ["config.json", "a-Q4_K_M.gguf", "b/a-Q8_0-00001-of-00002.gguf", "c.safetensors"];
    let list = of_kinds.map(|name| listed(name, 4 << 30)).join(",");
    files.push(("files.list".to_owned(), format!("[{list}]").into_bytes()));
    let address = b"https://huggingface.co/owner/A-7B-GGUF/blob/main/b/a-Q4_K_M.gguf?x=1";
    files.push(("hub.txt".to_owned(), address.to_vec()));
    files
}

fn custom(id: &str) -> String {
    let model = Catalog::bundled().model(id).unwrap();
    let (name, config) = (model.hf_id.clone(), model.config().clone());
    Custom { name, config, ..Custom::default() }.to_id()
}

/// Changes a few bytes, takes or doubles a part, or puts in one of `words` or a word that few expect.
pub fn damage(bytes: &mut Vec<u8>, words: &[Vec<u8>], draw: &mut Draw) {
    const NUMBERS: &[u64] =
        &[0, 1, 2, 255, 256, 1 << 21, 1 << 31, 1 << 32, 1 << 47, 1 << 63, u64::MAX, u64::MAX - 7];
    const WORDS: &[&[u8]] = &[
        b"-1",
        b"NaN",
        b"1e308",
        b"null",
        b"[]",
        b"{}",
        b"\"",
        b":",
        b".",
        b"0",
        b"99999999",
        b"\xff",
    ];
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len());
        match draw.below(8) {
            0 | 1 if !bytes.is_empty() => bytes[at] = draw.next() as u8,
            2 if !bytes.is_empty() => bytes[at] ^= 1 << draw.below(8),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + draw.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + draw.below(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            6 if bytes.len() > at + 8 => {
                let number = NUMBERS[draw.below(NUMBERS.len())];
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
            _ => {
                let word = match draw.below(words.len() + WORDS.len()) {
                    n if n < words.len() => words[n].as_slice(),
                    n => WORDS[n - words.len()],
                };
                let end = (at + draw.below(12)).min(bytes.len());
                bytes.splice(at..end, word.iter().copied());
            }
        }
    }
}

#[test]
fn damaged_files_are_read_or_refused() {
    let seed: u64 = setting("HEADROOM_SEED").unwrap_or(1);
    let minutes: Option<f64> = setting("HEADROOM_MINUTES");
    let end = minutes.map(|minutes| Instant::now() + Duration::from_secs_f64(minutes * 60.0));
    let files = corpus();
    assert!(files.len() > 12, "{}", files.len());
    let mut draw = Draw(seed);
    let (mut rounds, mut models, mut answers) = (0u64, 0, 0);
    while end.map_or(rounds < ROUNDS, |end| Instant::now() < end) {
        rounds += 1;
        let start = Instant::now();
        let (name, whole) = &files[draw.below(files.len())];
        let mut bytes = whole.clone();
        damage(&mut bytes, &[], &mut draw);
        let text = String::from_utf8_lossy(&bytes);
        let id = match name.rsplit('.').next() {
            Some("txt") => {
                pasted_machine(&text);
                ask(&text);
                None
            }
            Some("list") => {
                targets::hub(&bytes);
                None
            }
            Some("id") => Some(text.into_owned()),
            _ => targets::import(name, &bytes),
        };
        // What was described is forgotten with its catalogue.
        let catalog = Catalog::bundled().clone();
        if let Some(id) = id {
            models += u64::from(catalog.model(&id).is_some());
            let mut scenario = Scenario::default();
            match name.as_str() {
                "card.id" => scenario.machines[0].devices[0].id = id,
                _ => scenario.models = vec![id],
            }
            scenario.engines = vec![Engine::ALL[draw.below(Engine::ALL.len())]];
            scenario.context = 4096;
            let report = estimate::report(&catalog, &scenario, Vec::new());
            answers += report.cells.len();
        }
        let took = start.elapsed();
        assert!(took < LONGEST, "{name} of round {rounds} and seed {seed} took {took:?}");
    }
    println!("{rounds} damaged files of seed {seed}: {models} models, {answers} cells");
    // Small damage leaves many models whole: the answers are not all refusals.
    assert!(models * 20 > rounds && answers > 0, "{models} of {rounds}, {answers}");
}
