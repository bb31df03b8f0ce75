//! The targets of cargo-fuzz (`fuzz/`), fed with damaged files of their corpus for a bounded time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use headroom::quant::Quant;
use headroom::scenario::{Control, Engine, SETTINGS};

use crate::damaged::{self, Draw, damage};
use crate::questions::drawn;
use crate::setting;
use crate::targets::TARGETS;

/// Rounds of a target in a run that nobody asked for more.
const ROUNDS: u64 = 400;

/// The longest that one may take: a bound that only a loop without end misses.
const LONGEST: Duration = Duration::from_secs(20);

/// Bytes of the largest file of the corpus.
const LARGEST: usize = 24 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn is_blessed() -> bool {
    env::var_os("HEADROOM_BLESS").is_some()
}

/// The files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder().join("corpus").join(target)).unwrap();
    let files: BTreeSet<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// What links are made of, by the table of settings, as libFuzzer takes it.
fn dictionary() -> String {
    let mut words = BTreeSet::new();
    for setting in SETTINGS {
        words.insert(format!("&{}=", setting.key));
        if let Control::Choice(choices) = setting.control() {
            words.extend(choices.iter().map(|choice| (*choice).to_owned()));
        }
    }
    words.extend(Engine::ALL.iter().map(Engine::to_string));
    words.extend(Quant::all().map(|quant| quant.to_string()));
    words.extend(["size:", "custom:1:", "*128", "GiB", "ngl:", "experts:"].map(str::to_owned));
    words.iter().map(|word| format!("\"{word}\"\n")).collect()
}

#[test]
fn the_dictionary_has_every_setting() {
    let (file, words) = (folder().join("query.dict"), dictionary());
    if is_blessed() {
        fs::write(&file, &words).unwrap();
    }
    assert!(!words.contains('\\'), "what libFuzzer would need escaped");
    assert_eq!(fs::read_to_string(file).unwrap(), words, "HEADROOM_BLESS=1 writes it anew");
}

/// Writes what the corpus has of the catalogue and of the grammar of links.
fn bless() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = folder().join("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name.replace('/', "-")), bytes).unwrap();
    };
    for (name, bytes) in damaged::corpus() {
        let target = match name.rsplit('.').next() {
            Some("gguf") => "gguf",
            Some("safetensors") => "safetensors",
            Some("list") => "hub",
            Some("json") if name.ends_with("config.json") => "config",
            Some("json") => continue,
            _ => "ask",
        };
        if bytes.len() <= LARGEST {
            write(target, &name, &bytes);
        }
    }
    for number in 0..8 {
        let link = drawn(1, number).query();
        for target in ["query", "answer"] {
            write(target, &format!("{number}.link"), link.as_bytes());
        }
    }
}

#[test]
fn every_target_takes_what_nobody_wrote() {
    if is_blessed() {
        bless();
    }
    let seed: u64 = setting("HEADROOM_SEED").unwrap_or(1);
    let minutes: Option<f64> = setting("HEADROOM_MINUTES");
    let links = fs::read_to_string(folder().join("query.dict")).unwrap();
    let links: Vec<Vec<u8>> =
        links.lines().map(|line| line.trim_matches('"').as_bytes().to_vec()).collect();
    for (at, (name, target)) in TARGETS.iter().enumerate() {
        let files = corpus(name);
        assert!(files.len() > 1, "{name} has no corpus");
        files.iter().for_each(|file| target(file));
        let words = if matches!(*name, "query" | "answer") { links.as_slice() } else { &[] };
        let mut draw = Draw(seed.wrapping_add(at as u64));
        let each = minutes.map(|minutes| minutes * 60.0 / TARGETS.len() as f64);
        let end = each.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
        let mut rounds = 0;
        while end.map_or(rounds < ROUNDS, |end| Instant::now() < end) {
            rounds += 1;
            let mut bytes = files[draw.below(files.len())].clone();
            damage(&mut bytes, words, &mut draw);
            let start = Instant::now();
            target(&bytes);
            let took = start.elapsed();
            assert!(took < LONGEST, "{name}, round {rounds} of seed {seed}, took {took:?}");
        }
        println!("{name}: {rounds} rounds of seed {seed}");
    }
}
