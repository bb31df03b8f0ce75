//! What the speed of an answer costs: a model's work, an operating point, a curve over users.
//!
//! `cargo bench --bench speed`. The page's budget: a table of all models with speed within one
//! frame, some 30 microseconds a cell; the work of a model is made once a quantisation.

use divan::{Bencher, black_box};
use headroom::architecture::{Tensor, tensors};
use headroom::catalog::Catalog;
use headroom::quant::{MixContext, Quant};
use headroom::speed::{
    CacheBytes, Chip, Engine, Load, Numerics, PlacedPart, Software, SpeedModel, Work, calibration,
};

fn main() {
    Catalog::bundled();
    calibration::Calibration::all();
    divan::main();
}

const MODELS: &[&str] = &["qwen3-8b", "qwen3-235b-a22b", "deepseek-v3"];

fn weights(model: &str) -> Vec<(Tensor, u64)> {
    let architecture = Catalog::bundled().model(model).unwrap().architecture();
    let list = tensors(architecture);
    let quant = Quant::parse("Q4_K_M").unwrap();
    let bytes = quant.tensor_bytes(MixContext::new(architecture, false), &list);
    list.into_iter().zip(bytes.into_iter().map(|b| b.0)).collect()
}

fn work(model: &str, weights: &[(Tensor, u64)]) -> Work {
    let architecture = Catalog::bundled().model(model).unwrap().architecture();
    let weights = weights.iter().map(|(tensor, bytes)| (tensor, *bytes));
    Work::whole(architecture, weights, CacheBytes::SIXTEEN_BIT)
}

fn setup(model: &str) -> SpeedModel<'static> {
    let chip = Chip::of(Catalog::bundled().device("h100-sxm").unwrap()).unwrap();
    let software = Software::on(Engine::Vllm, &chip);
    let part = PlacedPart::on(chip, work(model, &weights(model)));
    SpeedModel::new(software, [part], Numerics::default(), 8192.0).unwrap()
}

#[divan::bench(args = MODELS)]
fn work_of_a_model(bencher: Bencher, model: &str) {
    let weights = weights(model);
    bencher.bench(|| work(model, black_box(&weights)));
}

#[divan::bench(args = MODELS)]
fn one_operating_point(bencher: Bencher, model: &str) {
    let setup = setup(model);
    bencher.bench(|| setup.serve(black_box(&Load::single(4096.0, 512.0))));
}

#[divan::bench(args = MODELS)]
fn a_curve_over_128_users(bencher: Bencher, model: &str) {
    let setup = setup(model);
    bencher.bench(|| {
        let load = |users: u32| Load { users: f64::from(users), ..Load::single(4096.0, 512.0) };
        (1..=128).map(|users| setup.serve(black_box(&load(users))).throughput.expected).sum::<f64>()
    });
}
