//! What a format of the weights and a type of the cache cost in quality: what was measured on the
//! model, else on models like it, else that nothing is known.
//!
//! `figures.json` is written by `xtask/data/quality.py` from published measurements. No figure is
//! made from others: metrics and texts that do not compare stay apart.

pub(crate) mod record;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Model};
use crate::decimal;
use crate::quant::{Build, BuildName, Mix, Quant};
use crate::report::{Cell, Quality, QualityBasis, QualityFigure, QualityMetric, QualityNote};
use crate::scenario::{CacheTypes, Engine};
use crate::sort;
use crate::units::Interval;
use record::{Columns, Figures, Kind, Metric, Subject};

/// The metrics, the one that tells most first.
const METRICS: [Metric; 4] =
    [Metric::Divergence, Metric::Agreement, Metric::Perplexity, Metric::Benchmark];

static FIGURES: LazyLock<Figures> = LazyLock::new(|| {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/quality.postcard"));
    postcard::from_bytes(bytes).expect("build.rs has encoded it")
});

/// Returns what `cell`, which has its cache in `kv`, loses against the model as released; `None` if
/// the model is not in `catalog`.
pub fn of_cell(catalog: &Catalog, kv: CacheTypes, cell: &Cell) -> Option<Quality> {
    let model = catalog.model(&cell.model)?;
    let bits = 8.0 * cell.weights_bytes.0 as f64 / cell.params_total.max(1) as f64;
    Some(Quality {
        weights: of_weights(model, Size::of(model), cell.quant, bits),
        cache: of_cache(model, cell.engine, kv),
    })
}

/// How large a model is and of what kind, which says what it is like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Parameters, in billions.
    pub billions: f64,
    /// Whether it is a mixture of experts.
    pub has_experts: bool,
}

impl Size {
    /// The size of `model`.
    pub fn of(model: &Model) -> Size {
        Size {
            billions: model.count().text as f64 / 1e9,
            has_experts: model.tensors().iter().any(|tensor| tensor.role.is_expert()),
        }
    }
}

/// What is known of `model`, of this size, in `quant`, a file of `bits` bits per weight.
pub fn of_weights(model: &Model, size: Size, quant: Quant, bits: f64) -> QualityNote {
    let native = model.native_format();
    let is_native = quant.scheme() == native || quant.scheme().is_also_called(native);
    if is_native || quant.nominal_bits() >= 16 {
        return QualityNote::Reference;
    }
    let name = name(quant);
    let pure = quant.mix().and_then(main_type);
    let mut figures = measured(model, Subject::Weights, &name, None);
    if figures.is_empty() {
        figures.extend(
            pure.iter()
                .flat_map(|ty| measured(model, Subject::Pure, ty, Some(format!("pure {ty}")))),
        );
        let place = Some(place(size));
        let mut near = similar(place, Subject::Weights, &name, &name);
        if near.is_empty() && quant.mix().is_some() {
            near = of_bits(place, bits);
        }
        // A type of all tensors says less than a file as people load it.
        if near.is_empty() && figures.is_empty() {
            near = pure
                .iter()
                .flat_map(|ty| similar(place, Subject::Pure, ty, &format!("pure {ty}")))
                .collect();
        }
        if near.is_empty() && figures.is_empty() {
            near = of_other_size(size, &name);
        }
        figures.extend(near);
    }
    note(figures)
}

/// What is known of a cache in `kv` under `engine`.
pub fn of_cache(model: &Model, engine: Engine, kv: CacheTypes) -> QualityNote {
    let (subject, kv) = match engine.rules_engine() {
        Engine::Mlx => (Subject::MlxCache, kv.without_fp8()),
        Engine::Vllm | Engine::Sglang | Engine::TensorRtLlm => (Subject::ServingCache, kv),
        // Transformers keeps 16 bits whatever is asked for.
        Engine::Transformers => return QualityNote::Reference,
        Engine::ExLlamaV3 if kv.key.is_quantised() => return QualityNote::NoData,
        _ => (Subject::LlamaCppCache, kv.without_fp8()),
    };
    if !kv.key.is_quantised() && !kv.value.is_quantised() {
        return QualityNote::Reference;
    }
    let name = match (subject, kv.key.bits_per_value()) {
        // Eight bits are FP8 there.
        (Subject::ServingCache, 8.5) => "fp8".to_owned(),
        _ => kv.to_string(),
    };
    let mut figures = measured(model, subject, &name, None);
    if figures.is_empty() {
        figures = similar(None, subject, &name, &name);
    }
    note(figures)
}

fn note(figures: Vec<QualityFigure>) -> QualityNote {
    match figures.is_empty() {
        true => QualityNote::NoData,
        false => QualityNote::Measured { figures },
    }
}

/// The name of `quant`, whoever published it.
fn name(quant: Quant) -> String {
    match quant {
        Quant::Build(Build { name: name @ BuildName::Own(_), .. }) => name.to_string(),
        quant => quant.scheme().to_string(),
    }
}

/// The type of most tensors of a mix, as `llama-quantize --pure` would give all of them.
fn main_type(mix: Mix) -> Option<&'static str> {
    let name = match mix {
        Mix::IQ3_M => "IQ3_S",
        Mix::IQ2_M => "IQ2_S",
        mix => mix.name(),
    };
    Some(name.strip_suffix("_S").filter(|base| base.ends_with("_K")).unwrap_or(name))
        .map(|name| name.strip_suffix("_M").or(name.strip_suffix("_L")).unwrap_or(name))
}

/// The kind and the size band of a model.
fn place(size: Size) -> (Kind, u8) {
    let (kind, bands) = match size.has_experts {
        true => (Kind::Moe, &FIGURES.moe_bands),
        false => (Kind::Dense, &FIGURES.dense_bands),
    };
    (kind, bands.iter().filter(|top| size.billions > **top).count() as u8)
}

/// The figures of the model itself, the most telling of each metric. `named` says what they are of
/// where it is not `name`.
fn measured(
    model: &Model,
    subject: Subject,
    name: &str,
    named: Option<String>,
) -> Vec<QualityFigure> {
    let mut first = 0;
    let own = FIGURES.measured.iter().find_map(|(of, count)| {
        let rows = first..first + *count as usize;
        first = rows.end;
        of.eq_ignore_ascii_case(&model.hf_id).then_some(rows)
    });
    let rows = &FIGURES.own;
    let own: Vec<usize> =
        own.into_iter().flatten().filter(|row| rows.is_of(*row, subject, name)).collect();
    let best = |metric: &Metric| {
        let of_metric = own.iter().filter(|row| rows.metric[**row] == *metric);
        // The first of those with the most figures.
        of_metric.rev().max_by_key(|row| rows.count[**row])
    };
    let figure = |row: &usize| QualityFigure {
        method: text(&FIGURES.methods, FIGURES.method[*row]),
        ..rows.figure(*row, named.as_deref().unwrap_or(name), QualityBasis::Model)
    };
    METRICS.iter().filter_map(best).map(figure).collect()
}

impl Columns {
    /// Whether the figure in `row` is of `name`, a name of `subject`.
    fn is_of(&self, row: usize, subject: Subject, name: &str) -> bool {
        self.subject[row] == subject && FIGURES.names[usize::from(self.name[row])] == name
    }

    /// The figure in `row`, of what is called `format`.
    fn figure(&self, row: usize, format: &str, basis: QualityBasis) -> QualityFigure {
        let median = self.median[row];
        let (low, high) = self.spread[row].unwrap_or((median, median));
        QualityFigure {
            format: format.to_owned(),
            basis,
            models: Vec::new(),
            metric: self.metric[row].into(),
            value: Interval { low, expected: median, high }.map(f64::from),
            count: self.count[row],
            data: text(&FIGURES.texts, self.text[row]),
            method: String::new(),
            source: text(&FIGURES.sources, self.source[row]),
        }
    }
}

/// The ranges over models at a place, or over any where there is none; `named` says what they are
/// of.
fn similar(
    place: Option<(Kind, u8)>,
    subject: Subject,
    name: &str,
    named: &str,
) -> Vec<QualityFigure> {
    let place = place.unwrap_or((Kind::Any, 0));
    let rows = &FIGURES.similar;
    let of_metric = |metric: &Metric| {
        (0..FIGURES.place.len()).find(|row| {
            FIGURES.place[*row] == place
                && rows.is_of(*row, subject, name)
                && rows.metric[*row] == *metric
        })
    };
    let basis = match place.0 {
        Kind::Any => QualityBasis::AnyModel,
        Kind::Dense | Kind::Moe => QualityBasis::Similar,
    };
    let figure = |row: usize| QualityFigure {
        models: FIGURES.of_models[row].iter().map(|at| text(&FIGURES.models, *at)).collect(),
        ..rows.figure(row, named, basis)
    };
    METRICS.iter().filter_map(of_metric).map(figure).collect()
}

/// The ranges over models of that kind in the nearest size band that has any; of two as near in the one
/// of smaller models, which lose more.
fn of_other_size(size: Size, name: &str) -> Vec<QualityFigure> {
    let (kind, own) = place(size);
    let bands = FIGURES.dense_bands.len().max(FIGURES.moe_bands.len()) as u8;
    let mut others: Vec<u8> = (0..=bands).filter(|band| *band != own).collect();
    sort::by_key(&mut others, |band| band.abs_diff(own));
    let near = |band| similar(Some((kind, band)), Subject::Weights, name, name);
    let mut figures =
        others.into_iter().map(near).find(|near| !near.is_empty()).unwrap_or_default();
    for figure in &mut figures {
        figure.basis = QualityBasis::OtherSize;
    }
    figures
}

/// The ranges over mixes of about `bits` bits per weight.
fn of_bits(place: Option<(Kind, u8)>, bits: f64) -> Vec<QualityFigure> {
    let between = FIGURES.bits.windows(2).find(|pair| (pair[0]..pair[1]).contains(&bits));
    let Some([from, to]) = between else { return Vec::new() };
    let named = format!("{from:.1} to {to:.1} bits per weight");
    similar(place, Subject::Bits, &format!("{from:.1}"), &named)
}

fn text(table: &[String], at: u16) -> String {
    table.get(usize::from(at)).cloned().unwrap_or_default()
}

impl From<Metric> for QualityMetric {
    fn from(metric: Metric) -> QualityMetric {
        match metric {
            Metric::Divergence => QualityMetric::Divergence,
            Metric::Agreement => QualityMetric::Agreement,
            Metric::Perplexity => QualityMetric::Perplexity,
            Metric::Benchmark => QualityMetric::Benchmark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::CacheType;

    fn figures(note: QualityNote) -> Vec<QualityFigure> {
        match note {
            QualityNote::Measured { figures } => figures,
            _ => Vec::new(),
        }
    }

    fn weights(id: &str, quant: &str, bits: f64) -> QualityNote {
        let model = Catalog::bundled().model(id).unwrap();
        of_weights(model, Size::of(model), Quant::parse(quant).unwrap(), bits)
    }

    #[test]
    fn what_was_measured_on_the_model_comes_first() {
        let own = figures(weights("qwen3.8-27b", "EXL3-6.0bpw", 6.0));
        assert_eq!(own[0].metric, QualityMetric::Divergence);
        assert!((0.001..0.01).contains(&own[0].value.expected), "{own:?}");
        assert!(own.iter().all(|f| f.basis == QualityBasis::Model && !f.source.is_empty()));
        // NVFP4 depends on the maker.
        let maker = figures(weights("qwen3.8-27b", "NVFP4", 4.5));
        assert!(maker.iter().any(|f| f.value.high > 1.5 * f.value.low), "{maker:?}");
    }

    #[test]
    fn a_pure_type_and_a_range_are_marked_as_such() {
        let both = figures(weights("qwen3.5-4b", "Q4_K_M", 4.9));
        assert_eq!((both[0].basis, both[0].format.as_str()), (QualityBasis::Model, "pure Q4_K"));
        let range = both.iter().find(|f| f.basis == QualityBasis::Similar).unwrap();
        assert!(range.models.len() >= 3 && range.format == "Q4_K_M");
        assert_eq!(range.metric, QualityMetric::Perplexity);
        // A mixture of that size in a format of its bits only.
        let bits = figures(weights("deepseek-v3", "Q3_K_M", 3.9));
        assert_eq!(bits[0].format, "3.8 to 4.3 bits per weight");
        // Of models as large nobody measured it.
        let smaller = figures(weights("qwen2.5-72b-instruct", "Q8_0", 8.5));
        assert_eq!(smaller[0].basis, QualityBasis::OtherSize);
        assert!(smaller[0].value.high < 0.5 && smaller[0].models.len() >= 3, "{smaller:?}");
    }

    #[test]
    fn the_reference_loses_nothing_and_the_unmeasured_is_said_to_be() {
        assert_eq!(weights("qwen3-32b", "BF16", 16.0), QualityNote::Reference);
        assert_eq!(weights("gpt-oss-120b", "MXFP4", 4.2), QualityNote::Reference);
        assert_eq!(weights("gpt-oss-120b", "MXFP4_MOE", 4.2), QualityNote::Reference);
        assert_eq!(weights("deepseek-r1", "FP8-block", 8.0), QualityNote::Reference);
        assert_eq!(weights("qwen3-32b", "NF4", 4.1), QualityNote::NoData);
    }

    #[test]
    fn caches_are_those_of_their_engine() {
        let cache = |engine, ty| {
            let model = Catalog::bundled().model("qwen2.5-7b-instruct").unwrap();
            of_cache(model, engine, CacheTypes::both(ty))
        };
        assert_eq!(cache(Engine::LlamaCpp, CacheType::F16), QualityNote::Reference);
        let mlx = figures(cache(Engine::Mlx, CacheType::Q4_0));
        assert!(mlx[0].value.expected > 9.0, "unusable: {mlx:?}");
        let other = figures(cache(Engine::Ollama, CacheType::Q8_0));
        assert!(other.iter().all(|f| f.basis == QualityBasis::AnyModel && !f.models.is_empty()));
        assert!(other[0].value.expected < 0.1);
        assert_eq!(cache(Engine::ExLlamaV3, CacheType::Q8_0), QualityNote::NoData);
        assert_eq!(cache(Engine::Vllm, CacheType::Q8_0), cache(Engine::Vllm, CacheType::Fp8));
    }

    #[test]
    fn the_figures_are_sane() {
        let are_sane = |rows: &Columns| {
            for row in 0..rows.median.len() {
                let figure = rows.figure(row, "", QualityBasis::Model);
                let Interval { low, expected, high } = figure.value;
                assert!(low <= expected && expected <= high, "{figure:?}");
                assert!(!figure.source.is_empty() && !figure.data.is_empty(), "{figure:?}");
            }
        };
        are_sane(&FIGURES.own);
        are_sane(&FIGURES.similar);
        for (model, _) in &FIGURES.measured {
            assert!(Catalog::bundled().model(model).is_some(), "{model}");
        }
        let own: u32 = FIGURES.measured.iter().map(|(_, count)| count).sum();
        assert_eq!(own as usize, FIGURES.own.median.len());
        for (models, count) in FIGURES.of_models.iter().zip(&FIGURES.similar.count) {
            assert!(!models.is_empty() && *count as usize >= models.len(), "{models:?}");
        }
        // Fewer bits never cost less in a range over the same kind of models.
        let q = |name| similar(Some((Kind::Dense, 1)), Subject::Weights, name, name);
        let medians =
            ["Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M", "Q2_K"].map(|name| q(name)[0].value.expected);
        assert!(medians.is_sorted(), "{medians:?}");
    }
}
