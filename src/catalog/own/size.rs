//! A model of a size that nobody released: `72B`, or `30B-A3B` as a mixture of experts.
//!
//! Its shape is interpolated from the real models of about that size, and its figures are as wide as
//! theirs are apart.

use std::cmp::Reverse;
use std::fmt;

use super::{OwnError, OwnModel, Spread};
use crate::architecture::config::Config;
use crate::architecture::{Architecture, AttentionSpan, KvSource, Mixer};
use crate::catalog::{Catalog, Model};
use crate::float;
use crate::sort;

/// A number of parameters, and how many of them a token uses in a mixture of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelSize {
    /// All parameters, in thousands.
    total: u64,
    /// Active ones, in thousands; `None` if it is dense.
    active: Option<u64>,
}

/// The smallest and the largest model that is taken for one, in thousands of parameters.
const THOUSANDS: std::ops::RangeInclusive<u64> = 1_000..=20_000_000_000;

/// What is accepted as a size.
const ACCEPTED: &str =
    "a size from 1M to 20T such as 72B, or 30B-A3B with fewer active than total parameters";

/// Models that a shape is interpolated from: at least as many, those nearest in size.
const NEIGHBOURS: usize = 12;

/// Ratio of sizes up to which models count as about the same size.
const NEAR: f64 = 1.4;

/// Years before that of the catalogue from which on models count.
const RECENT_YEARS: u64 = 2;

/// Tokens of context at which caches are compared.
const CONTEXT: u64 = 32_768;

impl ModelSize {
    /// Reads a size: a number with M, B or T, and the active part behind `-A`.
    ///
    /// # Errors
    /// It is no size, or that of no model.
    pub fn parse(text: &str) -> Result<ModelSize, OwnError> {
        let wrong = || OwnError::new("size", text, ACCEPTED);
        let upper = text.trim().to_ascii_uppercase();
        let (total, active) = match upper.split_once("-A") {
            Some((total, active)) => (total, Some(active)),
            None => (upper.as_str(), None),
        };
        let active = active.map(|active| thousands(active).ok_or_else(wrong)).transpose()?;
        let size = ModelSize { total: thousands(total).ok_or_else(wrong)?, active };
        let is_less = size.active.is_none_or(|active| active < size.total);
        if is_less { Ok(size) } else { Err(wrong()) }
    }

    /// A size of so many parameters, and so many active ones; `None` if that of no model.
    pub fn of(total: u64, active: Option<u64>) -> Option<ModelSize> {
        let in_range = |n: u64| Some(n / 1000).filter(|n| THOUSANDS.contains(n));
        let total = in_range(total)?;
        let active = match active {
            Some(active) => Some(in_range(active).filter(|active| *active < total)?),
            None => None,
        };
        Some(ModelSize { total, active })
    }

    /// The size that a name states: `72b`, or `30b-a3b`.
    pub fn in_name(name: &str) -> Option<ModelSize> {
        let parts: Vec<&str> = name.split(|c: char| !c.is_alphanumeric() && c != '.').collect();
        let is_size = |part: &&str| {
            part.ends_with(['b', 'B']) && part.starts_with(|c: char| c.is_ascii_digit())
        };
        let at = parts.iter().position(is_size)?;
        let active = parts.get(at + 1).filter(|part| part.starts_with(['a', 'A']));
        let with = active.map(|active| ModelSize::parse(&format!("{}-{active}", parts[at])));
        with.and_then(Result::ok).or_else(|| ModelSize::parse(parts[at]).ok())
    }

    /// The size as people write it.
    pub fn digits(self) -> String {
        let of = |thousands: u64| match thousands {
            1_000_000_000.. if thousands.is_multiple_of(1_000_000) => {
                format!("{}T", thousands as f64 / 1e9)
            }
            1_000_000.. => format!("{}B", thousands as f64 / 1e6),
            _ => format!("{}M", thousands as f64 / 1e3),
        };
        match self.active {
            Some(active) => format!("{}-A{}", of(self.total), of(active)),
            None => of(self.total),
        }
    }

    /// The shape that real models of this size suggest.
    pub fn model(self, catalog: &Catalog) -> Model {
        let near = Near::of(self, catalog);
        let config = near.shape();
        let own = OwnModel {
            spread: Some(near.spread(&config)),
            like: near.models.iter().take(5).map(|near| near.model.id.clone()).collect(),
            ..OwnModel::default()
        };
        let digits = self.digits();
        Model::not_released(format!("size:{digits}"), &format!("OWNER/{digits}"), config, None, own)
    }

    fn total(self) -> f64 {
        self.total as f64 * 1e3
    }

    fn active(self) -> Option<f64> {
        Some(self.active? as f64 * 1e3)
    }
}

impl fmt::Display for ModelSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "size:{}", self.digits())
    }
}

/// Thousands of parameters of a number such as `0.6B`.
fn thousands(text: &str) -> Option<u64> {
    let digits = text.strip_suffix(['M', 'B', 'T'])?;
    let number = float::parse(digits)?;
    let unit = match text.as_bytes().last()? {
        b'M' => 1e3,
        b'B' => 1e6,
        _ => 1e9,
    };
    let thousands = (number * unit).round();
    (thousands.is_finite() && thousands < 1e15)
        .then_some(thousands as u64)
        .filter(|n| THOUSANDS.contains(n))
}

/// A real model near a size.
struct Neighbour<'a> {
    model: &'a Model,
    /// Its parameters.
    total: f64,
    weight: f64,
}

/// The real models near a size, the nearest first.
struct Near<'a> {
    size: ModelSize,
    models: Vec<Neighbour<'a>>,
}

impl<'a> Near<'a> {
    fn of(size: ModelSize, catalog: &'a Catalog) -> Near<'a> {
        let is_sparse = size.active.is_some();
        // Models of today: grouped queries have become usual since.
        let year: u64 = catalog.generated.get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
        let oldest = year.saturating_sub(RECENT_YEARS).to_string();
        let off = |model: &Model| {
            let total = model.params_published? as f64;
            let c = &model.config;
            let is_alike = c.num_attention_heads > 0
                && model.modality.contains("text")
                && model.release >= oldest
                && (c.num_experts > 0) == is_sparse;
            let active = size.active().map(|active| active_share(c) * total / active);
            let off = (total / size.total()).ln().powi(2)
                + active.map_or(0.0, |ratio| 0.5 * ratio.max(1e-9).ln().powi(2));
            is_alike.then_some((off.sqrt(), total))
        };
        let mut found: Vec<(f64, f64, &Model)> = catalog
            .models
            .iter()
            .filter_map(|model| off(model).map(|(off, total)| (off, total, model)))
            .collect();
        // What is as near and newer tells more of a model of today.
        sort::by_key(&mut found, |(_, _, model)| Reverse(model.release.clone()));
        sort::by_key(&mut found, |(off, ..)| (off * 1e6) as u64);
        let within = found.iter().filter(|(off, ..)| *off <= NEAR.ln()).count();
        found.truncate(within.max(NEIGHBOURS));
        let models = found.into_iter().map(|(off, total, model)| {
            let weight = 1.0 / (1.0 + (off / NEAR.ln()).powi(2));
            Neighbour { model, total, weight }
        });
        Near { size, models: models.collect() }
    }

    /// The weighted geometric mean of a figure of the neighbours, each brought to this size by a
    /// power of the ratio of sizes.
    fn mean(&self, power: f64, figure: impl Fn(&Config) -> f64) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for near in &self.models {
            let value = figure(&near.model.config);
            if value > 0.0 {
                let scaled = value * (self.size.total() / near.total).powf(power);
                sum += near.weight * scaled.ln();
                weights += near.weight;
            }
        }
        if weights > 0.0 { (sum / weights).exp() } else { 0.0 }
    }

    /// The interpolated shape: plain layers of grouped-query attention whose widths are those of the
    /// neighbours, with the feed-forward width that the number of parameters leaves.
    fn shape(&self) -> Config {
        let third = 1.0 / 3.0;
        let mut hidden = self.mean(third, |c| c.hidden_size as f64).max(64.0);
        let layers = self.mean(third, |c| c.num_hidden_layers as f64).round().max(2.0);
        let vocab = self.mean(0.0, |c| c.vocab_size as f64).max(1024.0);
        let context = self.mean(0.0, |c| c.max_position_embeddings.unwrap_or(0) as f64);
        let kv_width = self.mean(0.0, |c| match c.kv_lora_rank {
            0 => (c.num_key_value_heads * c.head_dim) as f64,
            _ => 0.0,
        });
        let (total, active) = (self.size.total(), self.size.active());
        let base = Config {
            num_hidden_layers: (layers as u64).clamp(2, 512),
            // Steps of 256 divide among devices.
            vocab_size: ((vocab / 256.0).round() as u64 * 256).clamp(256, 1 << 20),
            max_position_embeddings: Some(to_power_of_two(context).clamp(2048, 1 << 20)),
            // As most models of less than four billion parameters do.
            tie_word_embeddings: total < 4e9,
            ..Config::default()
        };
        loop {
            // Blocks of quantised types have 256 values.
            let step = if hidden < 512.0 { 64.0 } else { 256.0 };
            let hidden_size = ((hidden / step).round() * step).max(64.0) as u64;
            let head_dim = if hidden_size < 1024 { 64 } else { 128 };
            let kv_heads = (kv_width / head_dim as f64).max(1.0).log2().round().exp2() as u64;
            let heads = (hidden_size / head_dim).max(1).next_multiple_of(kv_heads);
            let mut config = Config {
                hidden_size,
                head_dim,
                num_attention_heads: heads,
                num_key_value_heads: kv_heads,
                ..base.clone()
            };
            let tables = if config.tie_word_embeddings { 1 } else { 2 };
            let attention = 2 * hidden_size * head_dim * (heads + kv_heads);
            let layers = config.num_hidden_layers;
            let rest = (tables * config.vocab_size * hidden_size
                + hidden_size
                + layers * (attention + 2 * hidden_size)) as f64;
            let triple = (3 * hidden_size * layers) as f64;
            let width = (total - rest) / triple;
            let is_small = hidden_size <= 64;
            match active {
                None if width >= hidden_size as f64 / 2.0 || is_small => {
                    config.model_type = "llama".to_owned();
                    config.intermediate_size = rounded(width, step as u64);
                    return config;
                }
                Some(active) if (active - rest) >= 0.2 * active || is_small => {
                    config.model_type = "qwen3_moe".to_owned();
                    config.qk_norm = crate::architecture::config::QkNormType::Head;
                    self.experts(&mut config, width, (active - rest) / triple);
                    return config;
                }
                // A narrower one, with less in its embeddings and attention.
                _ => hidden *= 0.9,
            }
        }
    }

    /// Gives `config` experts of `width` together, of which a token uses `used`.
    fn experts(&self, config: &mut Config, width: f64, used: f64) {
        let usual = self.mean(1.0 / 3.0, |c| c.moe_intermediate_size as f64).max(64.0);
        let per_token = (used / usual).round().clamp(1.0, 64.0);
        let step = if config.hidden_size < 512 { 64 } else { 256 };
        let each = rounded(used / per_token, step);
        // With the width in whole blocks another number of experts may come nearer.
        let per_token = (used / each as f64).round().clamp(1.0, 64.0);
        config.num_experts_per_tok = per_token as u64;
        config.moe_intermediate_size = each;
        let most = (1 << 16) as f64;
        config.num_experts = (width / each as f64).round().clamp(per_token + 1.0, most) as u64;
        config.intermediate_size = each * config.num_experts_per_tok;
    }

    /// How far the neighbours lie from the shape, relative to their size.
    fn spread(&self, config: &Config) -> Spread {
        let shape = Figures::of(config, self.size.total());
        let real = self.models.iter().map(|near| {
            let figures = Figures::of(&near.model.config, near.total);
            let scale = (self.size.total() / near.total).cbrt();
            (
                figures.cache * scale / shape.cache,
                figures.read * self.size.total() / near.total / shape.read,
            )
        });
        let (cache, read): (Vec<f64>, Vec<f64>) = real.unzip();
        let named = self.models.iter().filter_map(|near| named_size(&near.model.id, near.total));
        Spread {
            weights: nine_of_ten(named.collect()),
            cache: nine_of_ten(cache),
            read: nine_of_ten(read),
        }
    }
}

/// What a model caches and reads.
struct Figures {
    /// Elements of the cache of a sequence of [`CONTEXT`] tokens.
    cache: f64,
    /// Bytes that a token reads with weights in 4.5 bits and a cache in 16.
    read: f64,
}

impl Figures {
    fn of(config: &Config, total: f64) -> Figures {
        let architecture = Architecture::from(config);
        let window = architecture.sliding_window.unwrap_or(CONTEXT).min(CONTEXT);
        let elements = |mixer: &Mixer| match mixer {
            Mixer::Mla(mla) => CONTEXT * (mla.kv_lora_rank + mla.qk_rope_head_dim),
            Mixer::Compressed(c) => {
                (window + CONTEXT.checked_div(c.ratio).unwrap_or(0)) * c.head_dim
            }
            mixer => mixer.attention().map_or(0, |a| {
                let tokens = match a.reach {
                    AttentionSpan::Sliding | AttentionSpan::Chunked => window,
                    AttentionSpan::Full | AttentionSpan::Sparse => CONTEXT,
                };
                let is_own = a.kv_source == KvSource::Own;
                if is_own { tokens * a.kv_heads * (a.head_dim + a.v_head_dim) } else { 0 }
            }),
        };
        let cache = architecture.layers.iter().map(|layer| elements(&layer.mixer)).sum::<u64>();
        let cache = cache.max(1) as f64;
        Figures { cache, read: total * active_share(config) * 4.5 / 8.0 + cache * 2.0 }
    }
}

/// Share of the parameters that a token uses, from the widths of the experts alone.
fn active_share(c: &Config) -> f64 {
    if c.num_experts == 0 {
        return 1.0;
    }
    let layers = c.num_hidden_layers as f64;
    let inner = c.moe_latent_size.unwrap_or(c.hidden_size) as f64;
    let expert = 3.0 * inner * c.moe_intermediate_size as f64;
    let all = layers * expert * c.num_experts as f64;
    let used = layers * expert * c.num_experts_per_tok as f64;
    let e = c.hidden_size as f64;
    let attention = match c.kv_lora_rank {
        0 => 2.0 * e * (c.head_dim * (c.num_attention_heads + c.num_key_value_heads)) as f64,
        _ => 2.0 * e * (c.v_head_dim.unwrap_or(c.head_dim) * c.num_attention_heads) as f64,
    };
    let shared = 3.0 * e * c.shared_expert_intermediate_size as f64;
    let rest = 2.0 * e * c.vocab_size as f64 + layers * (attention + shared);
    (rest + used) / (rest + all)
}

/// Ratio of the parameters of a model to the size in its id: `qwen2.5-72b` has 72.7 billion.
fn named_size(id: &str, total: f64) -> Option<f64> {
    let sizes = id.split(['-', '_']).filter_map(|word| {
        let number = float::parse(word.strip_suffix('b')?)?;
        Some(total / 1e9 / number)
    });
    sizes.into_iter().next().filter(|ratio| (0.7..1.4).contains(ratio))
}

/// The ratios between which nine of ten lie, and 1 between them.
fn nine_of_ten(ratios: Vec<f64>) -> (f64, f64) {
    let mut ratios: Vec<u64> = ratios.iter().map(|ratio| (ratio * 1e6) as u64).collect();
    sort::by_key(&mut ratios, |ratio| *ratio);
    // Of a few all are within.
    let beyond = ratios.len() / 20;
    let at = |ratio: Option<&u64>| ratio.map_or(1.0, |ratio| *ratio as f64 / 1e6);
    (at(ratios.get(beyond)).min(1.0), at(ratios.iter().nth_back(beyond)).max(1.0))
}

fn rounded(value: f64, step: u64) -> u64 {
    ((value / step as f64).round().max(1.0) as u64).saturating_mul(step).min(1 << 21)
}

fn to_power_of_two(value: f64) -> u64 {
    (value.max(1.0) as u64).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::count;

    fn size(text: &str) -> ModelSize {
        ModelSize::parse(text).unwrap()
    }

    #[test]
    fn sizes_read_back() {
        for text in ["72B", "30B-A3B", "500M", "1.5B", "0.6B-A0.1B", "1T-A32B", "20T"] {
            assert_eq!(ModelSize::parse(&size(text).digits()), Ok(size(text)), "{text}");
        }
        assert_eq!(size("72b").to_string(), "size:72B");
        assert_eq!(size("30b-a3b").to_string(), "size:30B-A3B");
        for wrong in ["", "B", "72", "-72B", "NaNB", "infB", "1e9B", "0B", "30T", "3B-A30B", "3B-A"]
        {
            let error = ModelSize::parse(wrong).unwrap_err();
            assert_eq!((error.field.as_str(), error.value.as_str()), ("size", wrong));
        }
    }

    #[test]
    fn a_shape_has_the_parameters_it_is_asked_for() {
        for text in ["100M", "500M", "1B", "3B", "8B", "14B", "33B", "72B", "123B", "405B", "2T"] {
            let model = size(text).model(Catalog::bundled());
            let off = count(model.architecture()).text as f64 / size(text).total();
            assert!((0.97..1.03).contains(&off), "{text}: {off}");
        }
        for text in ["7B-A1B", "30B-A3B", "120B-A5B", "235B-A22B", "671B-A37B", "1T-A32B"] {
            let model = size(text).model(Catalog::bundled());
            let counted = count(model.architecture());
            let total = counted.text as f64 / size(text).total();
            let active = counted.active as f64 / size(text).active().unwrap();
            assert!((0.9..1.1).contains(&total), "{text}: {total}");
            assert!((0.9..1.1).contains(&active), "{text}: {active}");
        }
    }

    #[test]
    fn any_size_has_a_shape_that_can_exist() {
        for digits in ["1", "2.7", "9"] {
            for unit in ["M", "B", "T"] {
                for scale in ["", "0", "00"] {
                    let text = format!("{digits}{scale}{unit}").replace(".70", "7");
                    let Ok(size) = ModelSize::parse(&text) else { continue };
                    let of = |active| ModelSize { active, ..size };
                    let sparse = [2, 10, 50].map(|n| Some(size.total / n).filter(|n| *n > 1000));
                    for size in [of(None)]
                        .into_iter()
                        .chain(sparse.into_iter().flatten().map(|n| of(Some(n))))
                    {
                        let model = size.model(Catalog::bundled());
                        assert_eq!(super::super::check(&model.config), Ok(()), "{size}");
                        let Spread { weights, cache, read } = model.own().unwrap().spread.unwrap();
                        for (low, high) in [weights, cache, read] {
                            assert!(
                                0.0 < low && low <= 1.0 && (1.0..100.0).contains(&high),
                                "{size}"
                            );
                        }
                    }
                }
            }
        }
    }

    /// Leaving a model out: its cache lies within the interval of a shape of its size.
    #[test]
    fn most_real_models_are_within_the_interval_of_their_size() {
        let (mut within, mut all) = (0, 0);
        for model in Catalog::bundled()
            .models
            .iter()
            .filter(|m| m.modality == "text" && m.release.as_str() >= "2025")
        {
            let Some(total) =
                model.params_published.filter(|_| model.config.num_attention_heads > 0)
            else {
                continue;
            };
            let active = (model.config.num_experts > 0).then(|| model.count().active);
            let Some(size) = ModelSize::of(total, active) else { continue };
            let mut catalog = Catalog::bundled().clone();
            catalog.models = catalog.models.iter().filter(|m| m.id != model.id).cloned().collect();
            let shape = size.model(&catalog);
            let spread = shape.own().unwrap().spread.unwrap();
            let figures = |config| Figures::of(config, total as f64).cache;
            let ratio = figures(&model.config) / figures(&shape.config);
            all += 1;
            within += usize::from((spread.cache.0..=spread.cache.1).contains(&ratio));
            if all > 150 {
                break;
            }
        }
        assert!(within * 10 >= all * 9, "{within} of {all}");
    }
}
