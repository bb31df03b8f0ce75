//! The GGUF mixes against llama.cpp b11434: the type and the bytes of every tensor of 31 models in
//! 30 mixes, with and without an importance matrix, and the sizes of published files.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::{BTreeMap, HashMap};

use common::{fixture, fixture_rows};
use headroom::architecture::{self, Group, Role, Shape, Tensor};
use headroom::catalog::Catalog;
use headroom::quant::{GgmlType, Lineage, Mix, MixContext, Quant};
use headroom::units::Bytes;
use proptest::prelude::*;
use serde::Deserialize;

/// A model as llama.cpp quantised it.
#[derive(Deserialize)]
struct Model {
    model: String,
    hf_id: String,
    arch: String,
    heads: u64,
    first_layer_kv_heads: u64,
    experts: u64,
    layers: u64,
    tensors: Vec<(String, Vec<u64>)>,
    /// By mix, `:im` added where an importance matrix is used: a letter a tensor.
    types: BTreeMap<String, String>,
}

impl Model {
    fn all() -> Vec<Model> {
        serde_json::from_str(&fixture("gguf-types.json.gz")).unwrap()
    }

    fn context(&self, imatrix: bool) -> MixContext {
        let lineage = match (self.arch.as_str(), self.layers) {
            ("llama", 80) => Lineage::SeventyB,
            _ => Lineage::Other,
        };
        MixContext {
            imatrix,
            experts: self.experts,
            heads_per_kv_head: self.heads.checked_div(self.first_layer_kv_heads).unwrap_or(0),
            lineage,
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        let tensor = |(name, dimensions): &(String, Vec<u64>)| {
            let mut shape = [1; 3];
            shape[..dimensions.len()].copy_from_slice(dimensions);
            Tensor {
                role: Role::from_gguf_name(name).unwrap_or_else(|| panic!("no role for {name}")),
                layer: name.strip_prefix("blk.").map(|rest| {
                    rest.split('.').next().and_then(|number| number.parse().ok()).unwrap()
                }),
                shape: Shape(shape),
                group: Group::Text,
                in_checkpoint: true,
                in_gguf: true,
            }
        };
        self.tensors.iter().map(tensor).collect()
    }
}

fn mix(name: &str) -> Mix {
    Mix::parse(name).unwrap_or_else(|| panic!("no mix is called {name}"))
}

#[test]
fn every_tensor_gets_the_type_that_llama_cpp_gives_it() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for model in Model::all() {
        let tensors = model.tensors();
        for (key, letters) in &model.types {
            let (name, imatrix) = match key.split_once(':') {
                Some((name, _)) => (name, true),
                None => (key.as_str(), false),
            };
            let types = mix(name).types(model.context(imatrix), &tensors);
            assert_eq!(types.len(), letters.len());
            for ((ty, letter), (tensor, _)) in types.iter().zip(letters.bytes()).zip(&model.tensors)
            {
                let truth = GgmlType::from_id(u32::from(letter) - 65).unwrap();
                compared += 1;
                if *ty != truth {
                    wrong.push(format!("{} {key} {tensor}: {ty:?}, not {truth:?}", model.model));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong, such as {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    assert_eq!(compared, 534_940);
}

#[test]
fn the_order_of_the_tensors_does_not_matter() {
    for model in Model::all() {
        let mut tensors = model.tensors();
        for mix in Mix::ALL {
            let context = model.context(false);
            let mut types = mix.types(context, &tensors);
            types.reverse();
            tensors.reverse();
            assert_eq!(mix.types(context, &tensors), types, "{} {mix:?}", model.model);
        }
    }
}

#[derive(Deserialize)]
struct Size {
    hf_id: String,
    quant: String,
    imatrix: u8,
    tensor_bytes: u64,
    tensor_bytes_padded32: u64,
    by_type: String,
}

#[test]
fn bytes_are_exact_on_every_row() {
    let models: HashMap<_, _> = Model::all().into_iter().map(|m| (m.hf_id.clone(), m)).collect();
    let sizes: Vec<Size> = fixture_rows("gguf-sizes.csv.gz");
    assert_eq!(sizes.len(), 1085);
    for row in sizes {
        let model = &models[&row.hf_id];
        let (tensors, context) = (model.tensors(), model.context(row.imatrix == 1));
        let mix = mix(&row.quant);
        let quant = Quant::Gguf(mix);
        let label = format!("{} {} imatrix={}", row.hf_id, row.quant, row.imatrix);

        assert_eq!(quant.total_bytes(context, &tensors).0, row.tensor_bytes, "{label}");
        assert_eq!(quant.file_bytes(context, &tensors).0, row.tensor_bytes_padded32, "{label}");

        let mut by_type: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let bytes = quant.tensor_bytes(context, &tensors);
        for (ty, bytes) in mix.types(context, &tensors).into_iter().zip(bytes) {
            let entry = by_type.entry(ty.name()).or_default();
            *entry = (entry.0 + 1, entry.1 + bytes.0);
        }
        let truth: BTreeMap<&str, (u64, u64)> = row
            .by_type
            .split(' ')
            .map(|entry| {
                let fields: Vec<&str> = entry.split(':').collect();
                (fields[0], (fields[1].parse().unwrap(), fields[2].parse().unwrap()))
            })
            .collect();
        assert_eq!(by_type, truth, "{label}");
    }
}

/// From the catalogue on: architecture, tensors, types, bytes.
#[test]
fn the_catalogue_leads_to_the_same_bytes() {
    let mut sizes: HashMap<String, Vec<Size>> = HashMap::new();
    for row in fixture_rows::<Size>("gguf-sizes.csv.gz") {
        sizes.entry(row.hf_id.clone()).or_default().push(row);
    }
    assert_eq!(sizes.len(), 31);
    for (hf_id, sizes) in sizes {
        let architecture = Catalog::bundled().model(&hf_id).unwrap().architecture();
        let mut tensors = architecture::tensors(architecture);
        tensors.retain(|tensor| tensor.in_gguf);
        for row in sizes {
            let context = MixContext::new(architecture, row.imatrix == 1);
            let bytes = Quant::Gguf(mix(&row.quant)).total_bytes(context, &tensors);
            assert_eq!(bytes.0, row.tensor_bytes, "{hf_id} {}", row.quant);
        }
    }
}

/// The Q4_K_M file of mozilla-ai/llamafile#772, but for one tensor: since then the per-layer
/// embedding is quantised as the head too (36 of Q6_K and 281 of Q4_K; 35 and 282 there).
#[test]
fn gemma_3n_keeps_altup_and_laurel_in_16_bits() {
    let architecture = Catalog::bundled().model("gemma-3n-e4b-it").unwrap().architecture();
    let mut tensors = architecture::tensors(architecture);
    tensors.retain(|tensor| tensor.in_gguf);
    let types = Mix::Q4_K_M.types(MixContext::new(architecture, false), &tensors);
    let count = |ty| types.iter().filter(|other| **other == ty).count();
    let counts = [GgmlType::F32, GgmlType::BF16, GgmlType::Q4_K, GgmlType::Q6_K].map(count);
    assert_eq!(counts, [422, 108, 281, 36]);
}

#[derive(Deserialize)]
struct PublicFile {
    hf_id: String,
    repo: String,
    quant: String,
    public_file_bytes: u64,
    #[serde(rename = "match")]
    recipe: String,
}

/// A published file is the tensors and one header per repository, which differs by what it says
/// of the quantisation: under 2 KB.
#[test]
fn published_files_are_the_tensors_and_a_header() {
    let models: HashMap<_, _> = Model::all().into_iter().map(|m| (m.hf_id.clone(), m)).collect();
    let files: Vec<PublicFile> = fixture_rows("gguf-public-files.csv");
    assert_eq!(files.len(), 113);
    let mut headers: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut own_recipes = Vec::new();
    for file in &files {
        if file.recipe == "MISMATCH" {
            own_recipes.push((file.repo.as_str(), file.quant.as_str()));
            continue;
        }
        let model = &models[&file.hf_id];
        let context = model.context(file.recipe == "imatrix");
        let bytes = Quant::Gguf(mix(&file.quant)).file_bytes(context, &model.tensors());
        headers.entry(&file.repo).or_default().push(file.public_file_bytes as i64 - bytes.0 as i64);
    }
    for (repo, headers) in headers {
        let (low, high) = (headers.iter().min().unwrap(), headers.iter().max().unwrap());
        assert!(*low > 800_000 && *high < 14_000_000, "{repo}: a header of {low} to {high} bytes");
        assert!(high - low < 2_048, "{repo}: headers of {low} to {high} bytes");
    }
    // Unsloth gives these mixes a recipe of its own.
    assert_eq!(
        own_recipes,
        [
            ("unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF", "IQ4_XS"),
            ("unsloth/Qwen3-30B-A3B-GGUF", "IQ4_XS"),
        ]
    );
}

#[test]
fn mixes_are_listed_largest_first() {
    let models = Model::all();
    let moe = models.iter().find(|model| model.model == "Qwen3-30B-A3B").unwrap();
    let (tensors, context) = (moe.tensors(), moe.context(false));
    let size = |quant: Quant| (quant.total_bytes(context, &tensors), quant);
    let mixes = Quant::all().filter(|quant| matches!(quant, Quant::Gguf(_)));
    let sizes: Vec<_> = mixes.map(size).collect();
    for pair in sizes.windows(2) {
        assert!(pair[0].0 >= pair[1].0, "{} is smaller than {}", pair[0].1, pair[1].1);
    }
}

#[test]
fn bits_per_weight_are_the_known_ones() {
    let models = Model::all();
    let model = models.iter().find(|model| model.model == "Llama-3.1-8B").unwrap();
    let (tensors, context) = (model.tensors(), model.context(false));
    let bits = |mix| Quant::Gguf(mix).bits_per_weight(context, &tensors);
    for (mix, known) in [(Mix::BF16, 16.0), (Mix::Q8_0, 8.5), (Mix::Q4_K_M, 4.89)] {
        assert!((bits(mix) - known).abs() < 0.01, "{mix:?}: {} bits", bits(mix));
    }
}

fn any_tensor() -> impl Strategy<Value = Tensor> {
    let dimension = prop_oneof![Just(0), Just(1), 1u64..9000, Just(4096), any::<u64>()];
    let layer = proptest::option::of(prop_oneof![0u32..100, any::<u32>()]);
    (proptest::sample::select(Role::ALL), layer, [dimension.clone(), dimension.clone(), dimension])
        .prop_map(|(role, layer, shape)| Tensor {
            role,
            layer,
            shape: Shape(shape),
            group: Group::Text,
            in_checkpoint: true,
            in_gguf: true,
        })
}

fn any_context() -> impl Strategy<Value = MixContext> {
    let lineages = [Lineage::Falcon, Lineage::SeventyB, Lineage::Other];
    (any::<bool>(), 0u64..10, 0u64..10, proptest::sample::select(lineages.to_vec())).prop_map(
        |(imatrix, experts, heads_per_kv_head, lineage)| MixContext {
            imatrix,
            experts,
            heads_per_kv_head,
            lineage,
        },
    )
}

proptest! {
    /// Whatever the tensors are, each gets a type whose blocks divide its rows.
    #[test]
    fn any_tensors_get_types_that_fit(
        tensors in proptest::collection::vec(any_tensor(), 0..60),
        context in any_context(),
        mix in proptest::sample::select(Mix::ALL),
    ) {
        let types = mix.types(context, &tensors);
        prop_assert_eq!(types.len(), tensors.len());
        for (ty, tensor) in types.iter().zip(&tensors) {
            let fits = tensor.shape.0[0] % ty.block_elements() == 0;
            prop_assert!(fits || tensor.shape.rank() < 2, "{:?} {:?}", ty, tensor);
        }
        let quant = Quant::Gguf(mix);
        let bytes: Bytes = quant.tensor_bytes(context, &tensors).into_iter().sum();
        prop_assert_eq!(quant.total_bytes(context, &tensors), bytes);
        prop_assert!(quant.file_bytes(context, &tensors) >= bytes);
    }
}
