//! Laws that every answer obeys, held against questions drawn at random from the grammar of links.
//!
//! `cargo test` asks a few hundred questions, always the same. `cargo xtask fuzz --minutes N` asks
//! as many as it can, others each time, and prints the seed.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::disallowed_methods, reason = "a run tells how long it took")]

mod answers;
mod damaged;
mod fuzzed;
mod links;
mod questions;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use questions::Question;

/// Questions shown of those that break a law.
const SHOWN: usize = 4;

/// What an answer to a question must be: an error says what it is instead.
pub type Law = (&'static str, fn(&Question) -> Result<(), String>);

/// Questions of a run that nobody asked for more.
const QUESTIONS: u64 = 600;

#[test]
fn every_law_holds() {
    let seed = setting("HEADROOM_SEED").unwrap_or(1);
    let minutes: Option<f64> = setting("HEADROOM_MINUTES");
    let laws: Vec<Law> = [links::LAWS, answers::LAWS].concat();
    let end = minutes.map(|minutes| Instant::now() + Duration::from_secs_f64(minutes * 60.0));
    let next = AtomicU64::new(0);
    let found = Mutex::new(Found::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let over = end.map_or(number >= QUESTIONS, |end| Instant::now() >= end);
                    if over {
                        return;
                    }
                    let broken = ask(seed, number, &laws);
                    found.lock().unwrap().add(broken);
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    println!("{} questions of seed {seed}, {} laws", found.questions, laws.len());
    let (slowest, question) = &found.slowest;
    println!("slowest: {:.0} ms for {question}", slowest.as_secs_f64() * 1e3);
    for (law, Broken { count, shortest }) in &found.broken {
        println!("{law}: broken {count} times, such as by");
        for (_, question, why) in shortest {
            println!("  {question}\n    {why}");
        }
    }
    assert!(found.broken.is_empty(), "{} laws are broken", found.broken.len());
}

/// Questions that broke a law once, of a cause each.
const MENDED: &[&str] = &[
    // Single layers were moved between devices, until that no longer helped.
    "model=qwen3.8-27b&hw=rtx-4060-ti-8gb*57&quant=UD-Q4_K_S&engine=llama.cpp&ctx=4096",
    "model=granite-4.0-h-1b&hw=arc-pro-b60*8&quant=IQ2_S&engine=llama.cpp&ctx=4096",
    // With a part in RAM, layers were divided as the engine does it.
    "model=size:0.5B&hw=arc-b570&quant=IQ2_KS&engine=llama.cpp&kv_offload=off",
    "model=ai21-jamba-mini-1.6&hw=rtx-5050&quant=Q5_1&engine=llama.cpp",
    "model=lfm2.5-2.6b&hw=rx-9050-8gb&quant=IQ2_KS&engine=llama.cpp&ctx=107777&users=11",
    // A layer that reads the cache of one on another device gets a copy of it.
    "model=gemma-3n-e4b-it&hw=gtx-1070*4&quant=Q4_1&engine=ik_llama.cpp&ubatch=1",
    // Of several machines with one memory each, the fullest counts.
    "model=mistral-7b-v0.1&hw=nvidia-n1x*2&quant=UD-Q4_K_M&engine=llama.cpp&users=15",
    "model=ornith-1.5-35b-a3b&hw=apple-a18-pro-macbook-neo*6&quant=UD-IQ1_M&engine=ik_llama.cpp&users=5",
    "model=olmo-2-0425-1b-instruct&hw=rtx-2000-ada,apple-m1*5,cpu-ddr4-3600-dual*2&quant=UD-IQ2_XXS&engine=llama.cpp",
    "model=llama-3_3-nemotron-super-49b-v1_5&hw=apple-m1-pro-14c*3,instinct-mi350p,rtx-pro-3000-blackwell-laptop&quant=APEX-Compact&engine=llama.cpp&ctx=4147&users=52",
    // vLLM's V0 engine divides prompts beyond a context, not in all answers to a longer one.
    "model=stablelm-2-12b&hw=rtx-pro-5000-blackwell-72gb&quant=FP8-MXFP4&engine=vllm&vllm=0.6",
    // Layers of the same kinds leave other gaps in another order.
    "model=ai21-jamba2-mini&hw=rtx-2080-ti*6&quant=UD-IQ4_NL_XL&engine=llama.cpp",
    "model=e5-mistral-7b-instruct&hw=rtx-3070-laptop*32&quant=UD-Q4_K_L&engine=lmstudio",
    // The search did not know how far real models lie from a hypothetical shape.
    "model=size:30B-A3B&hw=gtx-1060-3gb,rtx-4090-48gb-mod*6&quant=IQ4_NL&engine=llama.cpp&ctx=32768&fa=off&unified=on",
    "model=size:72B&hw=instinct-mi25,rtx-6000-ada*7,apple-m2-max*2&quant=Q3_K_L&engine=llama.cpp&ctx=1048576",
    // Six divisions were looked at, each with copies of other layers' caches.
    "model=gemma-3n-e4b-it&hw=a100-sxm-80gb*6&quant=UD-Q5_K_XL&engine=lmstudio",
    "model=gemma-4-e2b-it&hw=rtx-pro-2000-blackwell*4&quant=Q3_K_L&engine=llama.cpp&users=3",
    // Only the RAM was too small for the division found.
    "model=step-3.5-flash&hw=radeon-pro-w7800-48gb*5,rtx-3050-laptop-4gb*3,apple-m5-max-32c&quant=Q3_K_L&engine=llama.cpp",
    // Sparse attention computes in memory for every layer.
    "model=minimax-m3&hw=h200-sxm*7&quant=IQ3_XXS&engine=ik_llama.cpp&ctx=16384",
    // The longest context ended with the last whole block.
    "model=falcon-h1-1.5b-instruct&hw=instinct-mi455x&quant=FP8&engine=vllm&ctx=8192",
];

#[test]
fn what_broke_a_law_keeps_all() {
    let laws: Vec<Law> = [links::LAWS, answers::LAWS].concat();
    for query in MENDED {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let question = Question::new(pairs);
        assert!(question.cell().is_some(), "{query} has no answer");
        for (name, law) in &laws {
            if let Err(why) = law(&question) {
                panic!("{name}: {query}: {why}");
            }
        }
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// What a run has found.
#[derive(Default)]
struct Found {
    questions: u64,
    slowest: (Duration, String),
    broken: BTreeMap<&'static str, Broken>,
}

/// How often a law was broken, and how: length of the question, question, reason.
#[derive(Default)]
struct Broken {
    count: u64,
    shortest: BTreeSet<(usize, String, String)>,
}

/// What a question has found.
struct Asked {
    question: String,
    took: Duration,
    broken: Vec<(&'static str, String, String)>,
}

impl Found {
    fn add(&mut self, asked: Asked) {
        self.questions += 1;
        if asked.took > self.slowest.0 {
            self.slowest = (asked.took, asked.question);
        }
        for (law, question, why) in asked.broken {
            let Broken { count, shortest } = self.broken.entry(law).or_default();
            *count += 1;
            shortest.insert((question.len(), question, why));
            if shortest.len() > SHOWN {
                shortest.pop_last();
            }
        }
    }
}

/// Draws a question by `seed` and `number`, and holds all laws against it. The questions that
/// break one are made as short as still break it.
fn ask(seed: u64, number: u64, laws: &[Law]) -> Asked {
    let question = questions::drawn(seed, number);
    let start = Instant::now();
    question.report();
    let took = start.elapsed();
    let broken = laws.iter().filter_map(|(name, law)| {
        let mut shortest = (question.clone(), law(&question).err()?);
        loop {
            let broken = |question: Question| law(&question).err().map(|why| (question, why));
            let Some(shorter) = shortest.0.shorter().find_map(broken) else { break };
            shortest = shorter;
        }
        Some((*name, shortest.0.query(), shortest.1))
    });
    Asked { question: question.query(), took, broken: broken.collect() }
}
