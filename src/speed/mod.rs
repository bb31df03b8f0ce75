//! Speed: latencies and throughput of a model on its devices, and their energy and cost.
//!
//! A model's [`Work`] and a device's [`Chip`] meet in a roofline ([`Stage`], [`SpeedModel`]) whose
//! coefficients ([`calibration`]) are fitted to public measurements. From its two times, a decode
//! step and a prompt, follow all figures: tokens a second, first-token latency, throughput
//! against users ([`serving`]), energy ([`energy`]) and money ([`money`]).
//!
//! ```
//! use headroom::architecture::tensors;
//! use headroom::catalog::Catalog;
//! use headroom::quant::{MixContext, Quant};
//! use headroom::speed::{
//!     CacheBytes, Chip, Engine, Numerics, PlacedPart, Software, SpeedModel, Work,
//! };
//!
//! let catalog = Catalog::bundled();
//! let architecture = catalog.model("qwen3-32b").unwrap().architecture();
//! let tensors = tensors(architecture);
//! let quant = Quant::parse("Q4_K_M").unwrap();
//! let bytes = quant.tensor_bytes(MixContext::new(architecture, false), &tensors);
//! let weights = tensors.iter().zip(bytes.iter().map(|b| b.0));
//! let work = Work::whole(architecture, weights, CacheBytes::SIXTEEN_BIT);
//! let chip = Chip::of(catalog.device("rtx-4090").unwrap()).unwrap();
//!
//! let software = Software::on(Engine::LlamaCpp, &chip);
//! let parts = [PlacedPart::on(chip, work)];
//! let model = SpeedModel::new(software, parts, Numerics::of(quant, true), 512.0).unwrap();
//! let tokens_a_second = model.decode_tps(4096.0);
//! assert!(tokens_a_second.low > 25.0 && tokens_a_second.high < 60.0);
//! ```

pub mod calibration;
mod chip;
mod correction;
pub mod energy;
mod measured;
pub mod money;
pub(crate) mod numerics;
pub mod paste;
mod roofline;
pub mod serving;
mod speculative;
mod speed_model;
mod work;

pub use calibration::{Backend, Engine, Era, Known, Software};
pub use chip::{Chip, Peaks, Precision, between_machines};
pub use correction::{Correction, MAX_PLAUSIBLE_RATIO};
pub use numerics::Numerics;
pub use roofline::{Bottleneck, Stage, Time};
pub use serving::{Load, Service};
pub use speculative::mtp_share;
pub use speed_model::{Draft, Figure, Network, PlacedPart, Proposer, SpeedModel, UNCALIBRATED};
pub use work::{Cache, CacheBytes, Layers, Work};
