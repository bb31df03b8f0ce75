//! Logs of vLLM, SGLang and TensorRT-LLM, each line of one device.

use super::{Load, LoggedMemory, LoggedPart, LoggedPlace, size_after};
use crate::units::Bytes;

/// Reads the weights of a device and what is left for its cache.
pub(super) fn read(text: &str) -> Vec<Load> {
    let (mut most_weights, mut last_pool, mut last_states) = (None, None, None);
    for line in text.lines() {
        // Each rank says it of itself.
        most_weights = most_weights.max(weights(line));
        last_pool = pool(line).or(last_pool);
        last_states = states(line).or(last_states);
    }
    let pool = last_pool.map(|pool: Bytes| pool + last_states.unwrap_or_default());
    let figures = [(LoggedPart::Weights, most_weights), (LoggedPart::Pool, pool)];
    let of_each = |(part, bytes): (LoggedPart, Option<Bytes>)| {
        Some(LoggedMemory { place: LoggedPlace::EachDevice, part, bytes: bytes? })
    };
    let load: Load = figures.into_iter().filter_map(of_each).collect();
    if load.is_empty() { Vec::new() } else { vec![load] }
}

/// Weights of a device, as vLLM and SGLang print them.
fn weights(line: &str) -> Option<Bytes> {
    size_after(line, "Model loading took ")
        .or_else(|| size_after(line.split_once("Load weight end")?.1, "mem usage="))
}

/// What is left for the cache on a device, as vLLM, TensorRT-LLM and SGLang print it.
fn pool(line: &str) -> Option<Bytes> {
    if let Some(pool) = size_after(line, "Available KV cache memory: ") {
        return Some(pool);
    }
    if line.contains(" for max tokens in paged KV cache") {
        return size_after(line, "Allocated ");
    }
    let (_, sizes) = line.split_once("KV Cache is allocated")?;
    let values = size_after(sizes, "V size: ")?;
    Some(values + size_after(sizes, " K size: ").unwrap_or_default())
}

/// Recurrent states on a device, which SGLang prints apart from the cache.
fn states(line: &str) -> Option<Bytes> {
    let (_, sizes) = line.split_once("Mamba Cache is allocated")?;
    Some(size_after(sizes, "conv_state size: ")? + size_after(sizes, "ssm_state size: ")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mib(log: &str) -> Vec<(LoggedPart, f64)> {
        let loads = read(log);
        loads.iter().flatten().map(|memory| (memory.part, memory.bytes.to_mib().round())).collect()
    }

    #[test]
    fn vllm_says_what_each_rank_loads_and_has_left() {
        let log = "(Worker_TP0 pid=1) INFO 05-06 20:59:59 [gpu_model_runner.py:4879] Model loading took 12.66 GiB memory and 31.66 seconds\n\
                   (Worker_TP1 pid=2) INFO 05-06 20:59:59 [gpu_model_runner.py:4879] Model loading took 12.5 GiB memory and 31.67 seconds\n\
                   (Worker_TP0 pid=1) INFO 05-06 21:00:40 [gpu_worker.py:440] Available KV cache memory: 8.11 GiB\n\
                   (EngineCore pid=3) INFO 05-06 21:00:40 [kv_cache_utils.py:1319] GPU KV cache size: 178,880 tokens";
        assert_eq!(mib(log), [(LoggedPart::Weights, 12_964.0), (LoggedPart::Pool, 8_305.0)]);
    }

    #[test]
    fn gb_of_sglang_are_gib() {
        let log = "Load weight end. elapsed=19.09 s, type=Qwen3MoeForCausalLM, avail mem=230.20 GB, mem usage=56.98 GB.\n\
                   KV Cache is allocated. dtype: torch.bfloat16, #tokens: 1669816, K size: 76.44 GB, V size: 76.44 GB";
        assert_eq!(mib(log), [(LoggedPart::Weights, 58_348.0), (LoggedPart::Pool, 156_549.0)]);
        let latent = "KV Cache is allocated. #tokens: 2454421, KV size: 160.63 GB";
        assert_eq!(mib(latent), [(LoggedPart::Pool, 164_485.0)]);
        let hybrid = "Mamba Cache is allocated. max_mamba_cache_size: 100, conv_state size: 0.25GB, ssm_state size: 8.00GB\n\
                      KV Cache is allocated. #tokens: 100000, K size: 1.00 GB, V size: 1.00 GB";
        assert_eq!(mib(hybrid), [(LoggedPart::Pool, 10_496.0)]);
    }

    #[test]
    fn tensorrt_llm_says_what_it_allots() {
        let log = "[TensorRT-LLM][INFO] [MemUsageChange] Allocated 2.18 GiB for max tokens in paged KV cache (190656).";
        assert_eq!(mib(log), [(LoggedPart::Pool, 2_232.0)]);
    }
}
