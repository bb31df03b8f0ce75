//! A placement in the engine's own flags.

use crate::architecture::Architecture;
use crate::engine::llama_cpp::Placement;
use crate::placement::split_by_memory;
use crate::scenario::{Mode, Scenario};
use crate::units::Bytes;

/// The flags of `llama-server` for `scenario` under `placement`, defaults left out. `memory` is
/// what each device can use.
pub fn flags(
    scenario: &Scenario,
    placement: &Placement,
    architecture: &Architecture,
    memory: &[Bytes],
) -> Vec<String> {
    let mut out = Vec::new();
    let mut flag = |text: String| out.push(text);
    flag(format!("-c {}", scenario.context.saturating_mul(scenario.users)));
    if scenario.mode == Mode::Server {
        flag(format!("-np {}", scenario.users));
    }
    if scenario.unified_kv {
        flag("--kv-unified".to_owned());
    }
    let on_devices: u64 = placement.device_layers.iter().sum();
    if !memory.is_empty() {
        flag(format!("-ngl {}", placement.n_gpu_layers(architecture)));
    }
    if placement.host_expert_layers > 0 {
        flag(format!("--n-cpu-moe {}", placement.host_expert_layers));
    }
    if memory.len() > 1 && placement.device_layers != split_by_memory(on_devices, memory) {
        let split: Vec<String> = placement.device_layers.iter().map(u64::to_string).collect();
        flag(format!("-ts {}", split.join(",")));
    }
    flag(format!("-fa {}", if scenario.flash_attention { "on" } else { "off" }));
    let default = Scenario::default();
    if scenario.kv != default.kv {
        let name = |ty: crate::quant::GgmlType| ty.name().to_ascii_lowercase();
        flag(format!("-ctk {} -ctv {}", name(scenario.kv.k), name(scenario.kv.v)));
    }
    if scenario.ubatch != default.ubatch {
        flag(format!("-ub {0} -b {0}", scenario.ubatch));
    }
    if scenario.swa_full {
        flag("--swa-full".to_owned());
    }
    out
}
