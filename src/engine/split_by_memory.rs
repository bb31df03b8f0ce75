//! Whole layers on several devices in proportion to their memory: llama.cpp's rule, which
//! Transformers and ExLlamaV3 are assumed to follow.

use crate::units::Bytes;

/// Number of layers that llama.cpp gives each device when `layers` of them (the output layer counts
/// as one) are split by memory: layer `i` goes to the first device whose cumulative share of the
/// memory exceeds `i / layers`.
///
/// Source: `--split-mode layer` without `--tensor-split`, `llama_model::load_tensors`.
pub fn split_by_memory(layers: u64, memory: &[Bytes]) -> Vec<u64> {
    let total: Bytes = memory.iter().copied().sum();
    let mut out = vec![0; memory.len()];
    let mut given = 0;
    let mut upto = Bytes::ZERO;
    for (count, bytes) in out.iter_mut().zip(memory) {
        upto += *bytes;
        // The number of i in 0..layers with i / layers < upto / total.
        let end = (u128::from(upto.0) * u128::from(layers)).div_ceil(u128::from(total.0.max(1)));
        let end = (end as u64).min(layers);
        *count = end - given;
        given = end;
    }
    if let Some(last) = out.last_mut() {
        *last += layers - given;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: Bytes = Bytes::gib(1);

    #[test]
    fn a_split_follows_memory_and_loses_no_layer() {
        assert_eq!(split_by_memory(81, &[GIB * 24, GIB * 24]), [41, 40]);
        assert_eq!(split_by_memory(33, &[GIB * 24, GIB * 8]), [25, 8]);
        assert_eq!(split_by_memory(33, &[GIB]), [33]);
        assert_eq!(split_by_memory(5, &[Bytes::ZERO, Bytes::ZERO]).iter().sum::<u64>(), 5);
        assert_eq!(split_by_memory(0, &[GIB, GIB]), [0, 0]);
    }
}
