//! Lines of a batch: any models on any machines, in any formats.

use headroom::catalog::Catalog;

/// The questions of `n` lines, each about one cell.
pub fn lines(n: usize) -> impl Iterator<Item = String> {
    let Catalog { models, devices, .. } = Catalog::bundled();
    let mut state = 13u64;
    // Knuth's generator; its upper bits are the random ones.
    let mut draw = move |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let quants = ["Q4_K_M", "Q8_0", "Q6_K", "Q5_K_M", "IQ4_XS", "Q3_K_M", "Q2_K", "BF16"];
    (0..n).map(move |_| {
        let (model, device) = (&models[draw(models.len())].id, &devices[draw(devices.len())].id);
        let (count, quant) = ([1, 2, 4][draw(3)], quants[draw(quants.len())]);
        let (context, users) = ([8192, 32_768, 131_072][draw(3)], [1, 4][draw(2)]);
        format!("model={model}&hw={device}*{count}&quant={quant}&ctx={context}&users={users}")
    })
}
