//! Settings that llama.cpp and its front ends refuse or silently change.

use super::VERSION;
use super::front_ends::FrontEnd;
use super::placement::Placement;
use super::tensor_split::divides_tensors;
use crate::architecture::{Architecture, Mixer};
use crate::catalog::Model;
use crate::engine::refusal::Refusal;
use crate::hardware::Hardware;
use crate::report::RefusalReason;
use crate::scenario::{CacheType, Engine, Offload, Scenario, SplitMode, TensorSplit};

/// Checks that `front_end` offers the settings of `scenario`.
pub(super) fn check(front_end: &FrontEnd, scenario: &Scenario) -> Result<(), Refusal> {
    let kv = scenario.kv.without_fp8();
    let lacks = |ty| front_end.lacks.contains(&ty);
    if lacks(kv.key) || lacks(kv.value) {
        return Err(Refusal::of(RefusalReason::CacheType, "kv", kv).set("kv", "q8_0"));
    }
    // Of FP8 it is said that the figures are for Q8_0; other types are no types of llama.cpp's.
    if scenario.kv.key.is_of_serving_engines() && scenario.kv.key != CacheType::Fp8 {
        return Err(Refusal::of(RefusalReason::CacheType, "kv", scenario.kv).set("kv", kv));
    }
    let of_draft = scenario.addons.draft_kv;
    if front_end.draft_types
        && [of_draft.key, of_draft.value].iter().any(|ty| lacks(*ty) || ty.is_of_serving_engines())
    {
        let refusal = Refusal::of(RefusalReason::CacheType, "draft_kv", of_draft);
        return Err(refusal.set("draft_kv", "q8_0"));
    }
    if let Some(types) = front_end.cache_types
        && (kv.key != kv.value || !types.contains(&kv.key))
    {
        let nearest = if kv.key.is_quantised() { "q8_0" } else { "f16" };
        return Err(Refusal::of(RefusalReason::CacheType, "kv", kv).set("kv", nearest));
    }
    let most = front_end.max_users;
    if scenario.users > most {
        let refusal = Refusal::of(RefusalReason::Sequences { most }, "users", scenario.users);
        return Err(refusal.set("users", most));
    }
    let most = front_end.max_context;
    if scenario.context > most {
        let refusal = Refusal::of(RefusalReason::Context { most }, "ctx", scenario.context);
        return Err(refusal.set("ctx", most));
    }
    Ok(())
}

/// Checks that llama.cpp accepts the cache types for `model`: it refuses two different types if one
/// cache serves as keys and values, and types whose blocks do not divide a head. Source:
/// `llama_init_from_model`.
pub(super) fn check_model(scenario: &Scenario, model: &Model) -> Result<(), Refusal> {
    let kv = scenario.kv.without_fp8();
    let architecture = model.architecture();
    let mixers = || architecture.layers.iter().map(|layer| &layer.mixer);
    let latent = |mixer: &Mixer| matches!(mixer, Mixer::Mla(_) | Mixer::Compressed(_));
    let refusal = |rule| Refusal::of(rule, "kv", kv);
    if kv.key != kv.value && mixers().any(latent) {
        return Err(refusal(RefusalReason::MixedCache).set("kv", kv.key));
    }
    let divides = |ty: CacheType, n: u64| n.is_multiple_of(ty.ggml_type().block_elements());
    let uneven = mixers().filter_map(Mixer::attention).find_map(|a| {
        [(kv.key, a.head_dim), (kv.value, a.v_head_dim)]
            .into_iter()
            .find(|(ty, n)| !divides(*ty, *n))
    });
    match uneven {
        Some((_, head)) if scenario.flash_attention => {
            Err(refusal(RefusalReason::CacheBlocks { head }).set("kv", "f16"))
        }
        _ => Ok(()),
    }
}

/// Checks that the requested split is possible: the front end and the backend support the mode,
/// llama.cpp divides tensors of the architecture, and the devices exist.
pub(super) fn check_split(
    front_end: &FrontEnd,
    scenario: &Scenario,
    architecture: &Architecture,
    hardware: &Hardware<'_>,
) -> Result<(), Refusal> {
    let parallel = &scenario.parallel;
    let devices = hardware.parts.len() as u64;
    let refusal = |rule| Refusal::of(rule, "split", parallel.split.name());
    let plain = |rule| Err(refusal(rule).set("split", "layer"));
    let vendors = |known: &[&str]| {
        let known = |vendor: &str| known.contains(&vendor);
        hardware.parts.iter().all(|part| known(&part.device.vendor))
    };
    match parallel.split {
        SplitMode::Row if !front_end.row_split => plain(RefusalReason::SplitMode),
        SplitMode::Tensor if !front_end.tensor_split => plain(RefusalReason::SplitMode),
        SplitMode::Row if !vendors(&["NVIDIA", "AMD"]) => plain(RefusalReason::SplitMode),
        SplitMode::Tensor if !divides_tensors(architecture) => {
            plain(RefusalReason::SplitArchitecture)
        }
        SplitMode::Tensor if !scenario.flash_attention => {
            Err(refusal(RefusalReason::NeedsFlashAttention).set("fa", "on"))
        }
        SplitMode::None if parallel.main_gpu >= devices.max(1) => {
            let refusal =
                Refusal::of(RefusalReason::FewerDevices { devices }, "mg", parallel.main_gpu);
            Err(refusal.set("mg", devices.saturating_sub(1)))
        }
        _ => Ok(()),
    }
}

/// Settings that llama.cpp silently changes on any model and machine: batch size and cache type.
pub(super) fn silent_adjustments(engine: Engine, scenario: &Scenario) -> Vec<Refusal> {
    let mut out = Vec::new();
    let batch = scenario.parallel.logical_batch();
    if scenario.ubatch > batch {
        let refusal = Refusal::of(RefusalReason::BatchLimit { batch }, "ubatch", scenario.ubatch);
        out.push(refusal.set("ubatch", batch));
    }
    if scenario.kv.key == CacheType::Fp8 {
        out.push(Refusal::of(RefusalReason::NoFp8Cache, "kv", "fp8").set("kv", "q8_0"));
    }
    if scenario.parallel.split == SplitMode::Row && engine == Engine::LlamaCpp {
        let rule = RefusalReason::RowSplitGone { build: VERSION.to_owned() };
        out.push(Refusal::of(rule, "split", "row").set("split", "tensor"));
    }
    out
}

/// Offload settings that name more layers than the model has.
pub(super) fn adjusted_layers(scenario: &Scenario, architecture: &Architecture) -> Option<Refusal> {
    let layers = architecture.n_layers();
    let (word, asked, most) = match scenario.offload {
        Offload::GpuLayers(n) => {
            let all = Placement::gpu(architecture).n_gpu_layers(architecture);
            ("ngl", u64::from(n), all)
        }
        Offload::ExpertLayers(n) => ("experts", u64::from(n), layers),
        _ => return None,
    };
    (asked > most).then(|| {
        let rule = RefusalReason::MoreLayers { layers: most };
        let refusal = Refusal::of(rule, "offload", format!("{word}:{asked}"));
        refusal.set("offload", format!("{word}:{most}"))
    })
}

/// A `tensor_split` with parts for more than `devices` devices, or with only zeros.
pub(super) fn adjusted_shares(scenario: &Scenario, devices: usize) -> Option<Refusal> {
    let split = scenario.parallel.tensor_split.as_ref()?;
    let refusal = |rule, nearest: String| Some(Refusal::of(rule, "ts", split).set("ts", nearest));
    if split.0.iter().all(|share| *share == 0) {
        return refusal(RefusalReason::NoShares, String::new());
    }
    if split.0.len() > devices && devices > 0 {
        let first = TensorSplit(split.0[..devices].to_vec());
        return refusal(RefusalReason::MoreShares { devices: devices as u64 }, first.to_string());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::front_ends::{KOBOLD_CPP, LLAMA_SERVER, OLLAMA};
    use super::*;
    use crate::report::Suggestion;
    use crate::scenario::CacheTypes;

    #[test]
    fn what_a_front_end_lacks_is_refused_with_the_nearest() {
        let scenario = Scenario { users: 4, ..Scenario::default() };
        let refusal = check(&KOBOLD_CPP, &scenario).unwrap_err();
        assert_eq!(refusal.nearest, [Suggestion::set("users", 1)]);
        let kv = CacheTypes { key: CacheType::Q8_0, value: CacheType::F16 };
        let mixed = Scenario { kv, ..Scenario::default() };
        assert_eq!(check(&OLLAMA, &mixed).unwrap_err().rule, RefusalReason::CacheType);
        assert_eq!(check(&LLAMA_SERVER, &mixed), Ok(()));
    }
}
