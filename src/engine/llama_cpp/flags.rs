//! A placement expressed in the engine's own flags.

use super::placement::Placement;
use super::placement_solver::split_with_mtp;
use super::tensor_split::Division;
use crate::architecture::Architecture;
use crate::catalog::{Device, DeviceKind};
use crate::engine::command::gguf_file;
use crate::engine::model_files::{Addons, ModelFiles, Proposer};
use crate::hardware::InstalledDevice;
use crate::scenario::{GpuBackend, LogitsBuffer, Scenario, SplitMode};
use crate::units::{Bytes, MIB};

/// A placement to express in flags.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The placement of the layers.
    pub placement: &'a Placement,
    /// The model's architecture.
    pub architecture: &'a Architecture,
    /// The devices.
    pub devices: &'a [InstalledDevice<'a>],
    /// Usable memory of each device.
    pub memory: &'a [Bytes],
}

/// Flags of `llama-server`, without defaults.
pub fn llama_server(placed: Placed<'_>) -> Vec<String> {
    let Placed { scenario, placement, architecture, memory, .. } = placed;
    let mut out = Vec::new();
    let mut flag = |text: String| out.push(text);
    let slots = scenario.slots.unwrap_or(1);
    flag(format!("-c {}", scenario.context.saturating_mul(scenario.users)));
    if scenario.logits == LogitsBuffer::Server {
        flag(format!("-np {}", scenario.users.max(slots)));
    }
    if scenario.unified_kv || slots > scenario.users {
        flag("--kv-unified".to_owned());
    }
    if scenario.backend == Some(GpuBackend::Cpu) {
        flag("--device none".to_owned());
    }
    if !memory.is_empty() {
        flag(format!("-ngl {}", placement.n_gpu_layers(architecture)));
    }
    if placement.host_expert_layers > 0 {
        flag(format!("--n-cpu-moe {}", placement.host_expert_layers));
    }
    if scenario.parallel.rpc.is_some() && memory.len() > 1 {
        let servers = (2..=memory.len()).map(|host| format!("host-{host}:50052"));
        flag(format!("--rpc {}", servers.collect::<Vec<_>>().join(",")));
    }
    if memory.len() > 1 {
        let split = match placement.divided {
            Division::Nothing => SplitMode::None,
            _ => scenario.parallel.split,
        };
        if !matches!(split, SplitMode::Auto | SplitMode::Layer) {
            flag(format!("-sm {}", split.name()));
        }
        if let Some(device) = placement.only_device().filter(|device| *device > 0) {
            flag(format!("-mg {device}"));
        }
        if let Some(split) = tensor_split(placed) {
            flag(format!("-ts {split}"));
        }
    }
    flag(format!("-fa {}", if scenario.flash_attention { "on" } else { "off" }));
    let default = Scenario::default();
    if scenario.kv != default.kv {
        let kv = scenario.kv.without_fp8();
        flag(format!("-ctk {} -ctv {}", kv.key, kv.value));
    }
    let of_draft = scenario.addons.draft_kv;
    if of_draft != default.addons.draft_kv
        && (scenario.addons.draft.is_some() || scenario.addons.mtp > 0)
    {
        flag(format!("-ctkd {} -ctvd {}", of_draft.key, of_draft.value));
    }
    let batch = scenario.parallel.logical_batch();
    if scenario.ubatch != default.ubatch {
        flag(format!("-ub {}", scenario.ubatch.min(batch)));
    }
    if scenario.parallel.batch.is_some() {
        flag(format!("-b {batch}"));
    }
    if scenario.swa_full {
        flag("--swa-full".to_owned());
    }
    if !scenario.kv_offload {
        flag("--no-kv-offload".to_owned());
    }
    out
}

/// Flags of `llama-server` of ik_llama.cpp, which shares one cache and keeps whole contexts anyway.
pub fn ik_llama_server(placed: Placed<'_>) -> Vec<String> {
    let known = |flag: &String| !matches!(flag.as_str(), "--kv-unified" | "--swa-full");
    let scenario = Scenario { logits: LogitsBuffer::Server, ..placed.scenario.clone() };
    llama_server(Placed { scenario: &scenario, ..placed }).into_iter().filter(known).collect()
}

/// The `--tensor-split` that reproduces `placement`, if llama.cpp's own split differs.
fn tensor_split(placed: Placed<'_>) -> Option<String> {
    let Placed { scenario, placement, architecture, memory, .. } = placed;
    let text = |shares: &[u64]| shares.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    if let Some(split) = &scenario.parallel.tensor_split {
        return Some(split.to_string());
    }
    match &placement.divided {
        Division::Nothing => None,
        Division::Tensors(shares) => {
            let uneven = shares.iter().any(|share| *share != shares[0]);
            uneven.then(|| text(shares))
        }
        Division::Layers | Division::Rows(_) => {
            let layers: u64 = placement.device_layers.iter().sum();
            let unloaded = placement.n_gpu_layers(architecture).saturating_sub(layers);
            let mut counts = placement.device_layers.clone();
            if counts == split_with_mtp(layers, unloaded, memory) {
                return None;
            }
            // Layers that are not loaded count too, right before the output layer.
            if let Some(last) = counts.iter_mut().rfind(|count| **count > 0) {
                *last += unloaded;
            }
            Some(text(&counts))
        }
    }
}

/// Environment variables of Ollama. The number of offloaded layers is an option of the model.
pub fn ollama(placed: Placed<'_>) -> Vec<String> {
    let Placed { scenario, placement, architecture, devices, .. } = placed;
    let mut out = vec![
        format!("OLLAMA_CONTEXT_LENGTH={}", scenario.context),
        format!("OLLAMA_NUM_PARALLEL={}", scenario.users),
    ];
    // Of those that it uses by itself it drives none by Vulkan.
    let by_vulkan = scenario.backend == Some(GpuBackend::Vulkan);
    let is_aside = |device: &Device| {
        let is_integrated = device.kind == DeviceKind::Unified && device.vendor == "AMD";
        device.is_left_aside_by_ollama() || by_vulkan && is_integrated
    };
    if devices.iter().any(|part| is_aside(part.device)) {
        out.push("OLLAMA_IGPU_ENABLE=1".to_owned());
    }
    if scenario.kv.key.is_quantised() {
        out.push("OLLAMA_FLASH_ATTENTION=1".to_owned());
        out.push(format!("OLLAMA_KV_CACHE_TYPE={}", scenario.kv.without_fp8()));
    }
    let on_devices: u64 = placement.device_layers.iter().sum();
    if on_devices <= architecture.n_layers() {
        out.push(format!("PARAMETER num_gpu {}", placement.n_gpu_layers(architecture)));
    }
    out
}

/// Flags of LM Studio's `lms load`.
pub fn lm_studio(placed: Placed<'_>) -> Vec<String> {
    let Placed { scenario, placement, architecture, .. } = placed;
    let n_layers = architecture.n_layers();
    let context = scenario.context.saturating_mul(scenario.users);
    let on_devices: u64 = placement.device_layers.iter().sum();
    let share = on_devices as f64 / (n_layers + 1) as f64;
    let gpu = match on_devices {
        0 => "off".to_owned(),
        n if n > n_layers => "max".to_owned(),
        _ => format!("{share:.2}"),
    };
    vec![format!("--context-length {context}"), format!("--gpu {gpu}")]
}

/// The batches that KoboldCpp takes.
const BATCH_SIZES: [u64; 9] = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/// The shortest context that KoboldCpp takes.
const LEAST_CONTEXT: u64 = 256;

/// Flags of KoboldCpp.
pub fn kobold_cpp(placed: Placed<'_>) -> Vec<String> {
    let Placed { scenario, placement, architecture, memory, .. } = placed;
    let mut out = vec![format!("--contextsize {}", scenario.context.max(LEAST_CONTEXT))];
    if !memory.is_empty() {
        out.push(format!("--gpulayers {}", placement.n_gpu_layers(architecture)));
    }
    if placement.host_expert_layers > 0 {
        out.push(format!("--moecpu {}", placement.host_expert_layers));
    }
    if memory.len() > 1 {
        if let Some(split) = tensor_split(placed) {
            out.push(format!("--tensor_split {}", split.replace(',', " ")));
        }
        if matches!(placement.divided, Division::Rows(_)) {
            out.push("--usecublas rowsplit".to_owned());
        }
    }
    if scenario.kv.key.is_quantised() {
        out.push(format!("--quantkv {}", scenario.kv.without_fp8()));
    }
    if !scenario.flash_attention {
        out.push("--noflashattention".to_owned());
    }
    if scenario.ubatch != Scenario::default().ubatch {
        // It takes these sizes only; a smaller one needs no more memory than is billed.
        let size = BATCH_SIZES.iter().rfind(|size| **size <= scenario.ubatch);
        out.push(format!("--batchsize {}", size.unwrap_or(&BATCH_SIZES[0])));
    }
    if scenario.swa_full {
        out.push("--noswa".to_owned());
    }
    if !scenario.kv_offload {
        out.push("--usecublas lowvram".to_owned());
    }
    out
}

/// Flags of `llama-server` that load `addons`.
pub fn llama_server_addons(addons: &Addons<'_>) -> Vec<String> {
    let mut flags = projector(addons, "--no-mmproj-offload");
    flags.extend(adapters(addons).map(|file| format!("--lora {file}")));
    if let Some(speculation) = &addons.speculation {
        let source = match &speculation.by {
            Proposer::Mtp(_) => "--spec-type draft-mtp".to_owned(),
            Proposer::Draft(files) => format!("-md {}", draft_file(files)),
            Proposer::Head(head) => {
                let kind = head.kind.name();
                format!("-md {kind}.gguf --spec-type draft-{kind}")
            }
            Proposer::Ngram => "--spec-type ngram-simple".to_owned(),
        };
        flags.push(format!("{source} --spec-draft-n-max {}", speculation.tokens));
    }
    if addons.prompt_cache > Bytes::ZERO {
        flags.push(format!("--cache-ram {}", addons.prompt_cache.0 / MIB));
    }
    if addons.checkpoints > 0 {
        flags.push(format!("--ctx-checkpoints {}", addons.checkpoints));
    }
    flags
}

/// Flags of `llama-server` of ik_llama.cpp that load `addons`.
pub fn ik_llama_server_addons(addons: &Addons<'_>) -> Vec<String> {
    let mut flags = projector(addons, "--no-mmproj-offload");
    flags.extend(adapters(addons).map(|file| format!("--lora {file}")));
    if let Some(speculation) = &addons.speculation {
        let source = match &speculation.by {
            Proposer::Mtp(_) => "-mtp".to_owned(),
            Proposer::Draft(files) => format!("-md {}", draft_file(files)),
            Proposer::Head(head) => format!("-md {}.gguf", head.kind.name()),
            Proposer::Ngram => "--spec-type ngram-simple".to_owned(),
        };
        flags.push(format!("{source} --draft-max {}", speculation.tokens));
    }
    flags
}

/// Flags of KoboldCpp that load `addons`.
pub fn kobold_cpp_addons(addons: &Addons<'_>) -> Vec<String> {
    let mut flags = projector(addons, "--mmprojcpu");
    // Of several of these flags the last one counts.
    let adapters: Vec<String> = adapters(addons).collect();
    if !adapters.is_empty() {
        flags.push(format!("--lora {}", adapters.join(" ")));
    }
    if let Some(draft) = addons.draft() {
        let (name, tokens) = (draft_file(draft), addons.proposed());
        flags.push(format!("--draftmodel {name} --draftamount {tokens}"));
    }
    flags
}

/// Instructions of Ollama's Modelfile that load `addons`. The projector comes with the model.
pub fn ollama_addons(addons: &Addons<'_>) -> Vec<String> {
    adapters(addons).map(|file| format!("ADAPTER ./{file}")).collect()
}

/// Flags of LM Studio that load `addons`. The projector comes with the model.
pub fn lm_studio_addons(addons: &Addons<'_>) -> Vec<String> {
    let draft = addons.draft().map(|draft| {
        let (name, tokens) = (draft.model().name_on_hub().to_ascii_lowercase(), addons.proposed());
        format!(
            "--speculative-draft-simple --speculative-draft-model {name} \
             --speculative-draft-max-tokens {tokens}"
        )
    });
    draft.into_iter().collect()
}

/// The projector; `on_host` is the flag that leaves it in RAM.
fn projector(addons: &Addons<'_>, on_host: &str) -> Vec<String> {
    let projector = addons.projector.map(|ty| format!("--mmproj mmproj-{ty:?}.gguf"));
    let in_ram = addons.projector.is_some() && !addons.projector_offload;
    projector.into_iter().chain(in_ram.then(|| on_host.to_owned())).collect()
}

/// Names of the files of the adapters, of which as many are named as anybody types.
fn adapters(addons: &Addons<'_>) -> impl Iterator<Item = String> {
    let count = addons.lora.map_or(0, |lora| lora.count.min(8));
    (1..=count).map(|n| format!("adapter-{n}.gguf"))
}

fn draft_file(files: &ModelFiles<'_>) -> String {
    gguf_file(files.model(), files.quant())
}
