//! A change of one part of a question.

use std::fmt;

use crate::quant::Quant;
use crate::scenario::{
    CacheType, CacheTypes, DeviceCount, Engine, ExpertParallel, GpuBackend, Machine, Offload,
    Scenario, Selected, SplitMode,
};
use crate::units::Bytes;

/// The burden of a change that is made where nothing else helps.
pub(super) const LAST: u32 = 8;

/// A change of one part of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This type of the KV cache.
    Cache(CacheType),
    /// This much context for each user, in tokens.
    Context(u64),
    /// So many users at once.
    Users(u64),
    /// This format.
    Quant(Quant),
    /// A physical batch of so many tokens.
    Ubatch(u64),
    /// This division of the model between the machine's devices.
    Split(SplitMode),
    /// The experts of so many first layers in RAM, everything else on the devices.
    Experts(u32),
    /// So many of the machine's devices.
    Devices(u32),
    /// A limit of this size on what the GPU may use of unified memory.
    UnifiedLimit(Bytes),
    /// Attention on as many data-parallel ranks as there are devices, experts divided between them.
    DataParallel(u64),
    /// This backend, by which the engine uses a GPU that it leaves aside.
    Backend(GpuBackend),
    /// This engine.
    Engine(Engine),
    /// This model, by its id.
    Model(String),
    /// The newer model of about the size, by its id.
    Newer(String),
    /// Another machine, which can be rented.
    Rent(DeviceCount),
}

impl Change {
    /// Makes the change in `scenario`, of which the cell at `at` is the one that is to be better;
    /// returns where that cell then is.
    pub fn apply(&self, scenario: &mut Scenario, at: Selected) -> Selected {
        match self {
            Change::Cache(ty) => scenario.kv = CacheTypes::both(*ty),
            Change::Context(tokens) => scenario.context = *tokens,
            Change::Users(users) => scenario.users = *users,
            Change::Ubatch(tokens) => scenario.ubatch = *tokens,
            Change::Split(mode) => scenario.parallel.split = *mode,
            Change::Experts(layers) => scenario.offload = Offload::ExpertLayers(*layers),
            Change::UnifiedLimit(limit) => scenario.platform.limit = Some(*limit),
            Change::Backend(backend) => scenario.backend = Some(*backend),
            Change::DataParallel(ranks) => {
                scenario.tensor_parallel = Some(1);
                scenario.parallel.data = Some(*ranks);
                scenario.parallel.expert = ExpertParallel::On;
            }
            Change::Devices(count) => {
                let machine = scenario.machines.get_mut(at.machine);
                if let Some(device) = machine.and_then(|machine| machine.devices.first_mut()) {
                    device.count = *count;
                }
            }
            Change::Quant(quant) => {
                return Selected { quant: place(&mut scenario.quants, *quant), ..at };
            }
            Change::Engine(engine) => {
                return Selected { engine: place(&mut scenario.engines, *engine), ..at };
            }
            Change::Model(id) | Change::Newer(id) => {
                return Selected { model: place(&mut scenario.models, id.clone()), ..at };
            }
            Change::Rent(devices) => {
                let machine = Machine { devices: vec![devices.clone()] };
                return Selected { machine: place(&mut scenario.machines, machine), ..at };
            }
        }
        at
    }

    /// The place of the change among those that a reader would rather make: what costs nothing
    /// that is noticed first, what costs money last.
    pub(super) fn burden(&self) -> u32 {
        match self {
            _ if self.loses_much() => LAST,
            Change::UnifiedLimit(_)
            | Change::DataParallel(_)
            | Change::Split(_)
            | Change::Backend(_)
            | Change::Ubatch(_) => 1,
            Change::Cache(_) => 2,
            Change::Context(_) => 3,
            Change::Quant(_) => 4,
            Change::Users(_) | Change::Experts(_) | Change::Newer(_) => 6,
            Change::Engine(_) => 7,
            Change::Devices(_) => 9,
            Change::Model(_) => 10,
            Change::Rent(_) => 11,
        }
    }

    /// Whether it is a format of fewer than four bits, in which a model loses much.
    pub(super) fn loses_much(&self) -> bool {
        matches!(self, Change::Quant(quant) if quant.nominal_bits() < 4)
    }

    /// Whether it is another model.
    pub fn is_other_model(&self) -> bool {
        matches!(self, Change::Model(_) | Change::Newer(_))
    }
}

/// As a link writes it; a limit of unified memory with what sets it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Cache(ty) => write!(f, "kv={ty}"),
            Change::Context(tokens) => write!(f, "ctx={tokens}"),
            Change::Users(users) => write!(f, "users={users}"),
            Change::Quant(quant) => write!(f, "quant={quant}"),
            Change::Devices(count) => write!(f, "{count} devices"),
            Change::UnifiedLimit(limit) => {
                write!(
                    f,
                    "limit of the GPU {:.0} GiB (iogpu.wired_limit_mb, ttm.pages_limit)",
                    limit.to_gib()
                )
            }
            Change::DataParallel(ranks) => write!(f, "tp=1&dp={ranks}&ep=on"),
            Change::Backend(backend) => write!(f, "backend={}", backend.name()),
            Change::Engine(engine) => write!(f, "engine={engine}"),
            Change::Ubatch(tokens) => write!(f, "ubatch={tokens}"),
            Change::Split(mode) => write!(f, "split={}", mode.name()),
            Change::Experts(layers) => write!(f, "offload=experts:{layers}"),
            Change::Model(id) | Change::Newer(id) => write!(f, "model={id}"),
            Change::Rent(devices) => {
                write!(f, "hw={} (rented)", Machine { devices: vec![devices.clone()] }.to_query())
            }
        }
    }
}

/// The place of `value` in `list`, at whose end it is put if it is not there.
fn place<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}
