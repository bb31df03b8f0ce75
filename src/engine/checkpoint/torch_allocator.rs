//! The rounding of PyTorch's caching allocator: `memory_allocated` counts slightly more than a
//! tensor's bytes.

use crate::units::{Bytes, MIB};

/// Bytes that `torch.cuda.memory_allocated` counts for one tensor of `bytes`.
///
/// A block is a multiple of 512 bytes. From 10 MiB on, it is cut from a segment of its own that is
/// a multiple of 2 MiB, and the rest of the segment is split off only where it exceeds 1 MiB;
/// otherwise the block keeps it. A 259 MiB weight therefore counts as 260.
///
/// Source: PyTorch `c10/cuda/CUDACachingAllocator.cpp` (`kMinBlockSize`, `kMinLargeAlloc`,
/// `kRoundLarge`, `should_split`).
pub fn allocated(Bytes(bytes): Bytes) -> Bytes {
    const LARGE: u64 = 10 * MIB;
    let block = bytes.div_ceil(512).saturating_mul(512);
    if block < LARGE {
        return Bytes(block);
    }
    let segment = block.div_ceil(2 * MIB).saturating_mul(2 * MIB);
    Bytes(if segment - block > MIB { block } else { segment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_block_keeps_a_rest_of_up_to_a_mebibyte() {
        assert_eq!(allocated(Bytes::mib(259)), Bytes::mib(260));
        assert_eq!(allocated(Bytes::mib(260)), Bytes::mib(260));
        assert_eq!(allocated(Bytes(260 * MIB + MIB / 2)), Bytes(260 * MIB + MIB / 2));
        assert_eq!(allocated(Bytes(31 * MIB + MIB / 2)), Bytes::mib(32));
        assert_eq!(allocated(Bytes(100)), Bytes(512));
        assert_eq!(allocated(Bytes(9 * MIB + 1)), Bytes(9 * MIB + 512));
    }
}
