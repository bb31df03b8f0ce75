//! vLLM's paged KV cache: pages, groups of layers that share them, and the blocks that a sequence
//! takes.
//!
//! All layers draw from one pool of blocks. A block holds `block_size` tokens of every layer of a
//! group; groups have the same number of layers and pages of equal size, so that any block serves
//! any group. Layers with a window or a recurrent state form groups of their own and take fewer
//! blocks. Sources: vLLM 0.33 `v1/kv_cache_interface.py` (specs and what a sequence needs of each),
//! `v1/core/kv_cache_planning.py` (grouping), `v1/core/kv_cache_utils.py` (concurrency),
//! `platforms/interface.py` (`_align_hybrid_block_size`), `docs/design/hybrid_kv_cache_manager.md`.

use crate::engine::checkpoint::Release;
use crate::engine::layer_cache::{LayerCache, State};
use crate::scenario::CacheType;
use crate::sort;
use crate::units::Bytes;

/// Tokens in a block of a model without recurrent layers.
const BLOCK: u64 = 16;

/// Tokens in a block of a compressed cache (DeepSeek-V4), and in blocks of its windows.
const COMPRESSED_BLOCK: u64 = 256;
const COMPRESSED_WINDOW_BLOCK: u64 = 64;

/// Bytes to a multiple of which the pages of a compressed cache are padded.
const COMPRESSED_ALIGNMENT: u64 = 576;

/// The settings that determine the layout of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The type of a cached value: 16 bits, or FP8 with `--kv-cache-dtype fp8`.
    pub cache_type: CacheType,
    /// The tokens of a step.
    pub batched: BatchedTokens,
    /// Tokens drafted at once in speculative decoding; 0 without it.
    pub speculative: u64,
    /// Pipeline stages, each of which has a batch of its own in flight.
    pub stages: u64,
    /// Ranks among which the tokens of a sequence are divided.
    pub cache_ranks: u64,
    /// The release whose rules are applied.
    pub release: Release,
}

/// How much of a sequence a group's layers keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Full,
    Window(u64),
    State,
}

/// A page of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    kind: Kind,
    /// Bytes per token, or of the whole state.
    unit: u64,
    /// Bytes per token of the indexer's keys, in a page beside it.
    index: u64,
}

/// A group of layers that share their blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    kind: Kind,
    /// Tokens in a block.
    block: u64,
}

/// The layout of a model's cache on one rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvLayout {
    groups: Vec<Group>,
    block_bytes: u64,
    settings: Settings,
    /// Whether entries are compressed from several tokens.
    compressed: bool,
}

impl KvLayout {
    /// Creates the layout of layers with `caches` on one rank.
    pub fn new(caches: &[LayerCache], settings: Settings) -> KvLayout {
        let compressed = caches.iter().any(|cache| cache.ratio > 1);
        let (groups, block_bytes) = match compressed {
            true => compressed_groups(caches, settings),
            false => {
                let pages: Vec<Page> =
                    caches.iter().flat_map(|cache| pages(cache, settings)).collect();
                group(&pages)
            }
        };
        KvLayout { groups, block_bytes, settings, compressed }
    }

    /// Bytes of a block; 0 if the model caches nothing.
    pub fn block_bytes(&self) -> Bytes {
        Bytes(self.block_bytes)
    }

    /// Number of groups of layers.
    pub fn groups(&self) -> u64 {
        self.groups.len() as u64
    }

    /// Whether the figure is exact, which it is unless there are caches of compressed entries.
    pub fn is_exact(&self) -> bool {
        !self.compressed
    }

    /// Whether sequences keep a recurrent state, each in a block of its own.
    pub fn has_states(&self) -> bool {
        self.groups.iter().any(|group| group.kind == Kind::State)
    }

    /// Tokens in a block of the layers that keep every token.
    pub fn block_tokens(&self) -> u64 {
        self.groups.iter().map(|group| group.block).max().unwrap_or(BLOCK).max(1)
    }

    /// Maximum number of blocks that a sequence of `context` tokens takes, over all groups.
    pub fn blocks(&self, context: u64) -> u64 {
        let Settings { speculative, release, .. } = self.settings;
        let in_flight = self.settings.in_flight(context, self.compressed);
        let blocks = |group: &Group| match group.kind {
            Kind::Full => context.div_ceil(self.settings.cache_ranks.max(1)).div_ceil(group.block),
            // The window plus the tokens scheduled but not yet computed; the window may start
            // inside a block.
            Kind::Window(window) => {
                let tokens = (window.saturating_sub(1).saturating_add(in_flight)).min(context);
                tokens.div_ceil(group.block) + 1
            }
            Kind::State => release.state_blocks() + speculative,
        };
        self.groups.iter().map(blocks).sum()
    }

    /// Bytes on one rank of `users` sequences with `context` tokens each.
    pub fn bytes(&self, context: u64, users: u64) -> Bytes {
        Bytes(self.block_bytes) * self.blocks(context) * users
    }

    /// Bytes on one rank where prefixes are not cached (`--no-enable-prefix-caching`, and images of their
    /// own): a recurrent state then takes a block.
    pub fn least_bytes(&self, context: u64, users: u64) -> Bytes {
        let states = self.groups.iter().filter(|group| group.kind == Kind::State).count() as u64;
        let spare = states * (self.settings.release.state_blocks() - 1);
        self.bytes(context, users) - Bytes(self.block_bytes) * spare * users
    }

    /// Number of blocks in a pool of `pool` bytes.
    pub fn pool_blocks(&self, pool: Bytes) -> u64 {
        pool.0.checked_div(self.block_bytes).unwrap_or(0)
    }

    /// Number of sequences of `context` tokens that fit a pool of `pool` bytes, as vLLM prints it
    /// ("Maximum concurrency").
    pub fn concurrency(&self, pool: Bytes, context: u64) -> f64 {
        self.pool_blocks(pool) as f64 / self.blocks(context).max(1) as f64
    }

    /// Number of tokens that vLLM prints for a pool of `pool` bytes ("GPU KV cache size"): up to
    /// release 0.19 the blocks divided among the groups, later the concurrency times the context.
    pub fn tokens(&self, pool: Bytes, context: u64) -> u64 {
        match self.settings.release.prints_concurrency() || self.groups.is_empty() {
            true => (self.concurrency(pool, context) * context as f64) as u64,
            false => self.pool_blocks(pool) / self.groups() * self.block_tokens(),
        }
    }
}

/// The pages of a layer: keys and values, indexer keys, recurrent state.
fn pages(cache: &LayerCache, settings: Settings) -> Vec<Page> {
    let mut pages = Vec::new();
    let kind = cache.window.map_or(Kind::Full, Kind::Window);
    if cache.has_tokens() {
        // FP8 with a sparse indexer is stored with an FP32 scale for 128 values, and what is rotated
        // in 16 bits: 656 bytes a token of DeepSeek-V3.2 (`fp8_ds_mla`).
        let rotated = cache.key % 128;
        let unit =
            match cache.latent && settings.cache_type == CacheType::Fp8 && cache.index_key > 0 {
                true => cache.key - rotated + (cache.key / 128) * 4 + 2 * rotated,
                false => settings.cache_type.bytes(cache.entry()),
            };
        // FP8 keys with one FP32 scale per 128 values.
        let key = cache.index_key + cache.index_key.div_ceil(128) * 4;
        pages.push(Page { kind, unit, index: key.div_ceil(cache.index_tokens.max(1)) });
    }
    if cache.has_state() {
        pages.push(Page { kind: Kind::State, unit: state_bytes(cache, settings), index: 0 });
    }
    pages
}

/// Bytes of a layer's recurrent state: the convolution in the model's type, the rest in that type
/// or in FP32 (`mamba_utils.py`, `MambaStateDtypeCalculator`; Qwen3.5's config requests FP32).
fn state_bytes(cache: &LayerCache, settings: Settings) -> u64 {
    let width = match cache.state {
        Some(State::DeltaNet(true) | State::Kda | State::Lightning) => 4,
        _ => 2,
    };
    // Drafted tokens lengthen the convolution state.
    (cache.conv + cache.channels * settings.speculative) * 2 + cache.recurrent * width
}

/// Forms groups with the same number of layers; returns them with the bytes of a block.
fn group(pages: &[Page]) -> (Vec<Group>, u64) {
    let state = pages.iter().filter(|p| p.kind == Kind::State).map(|p| p.unit).max();
    let tokens = || pages.iter().filter(|page| page.kind != Kind::State);
    let widest = tokens().map(|page| page.unit).max().unwrap_or(0);
    // Blocks grow until an attention page is no smaller than a state.
    let block = match state {
        Some(state) if widest > 0 => BLOCK * state.div_ceil(BLOCK * widest).max(1),
        _ => BLOCK,
    };
    let mut kinds: Vec<(Kind, u64)> = Vec::new();
    for page in pages {
        match kinds.iter_mut().find(|(kind, _)| *kind == page.kind) {
            Some((_, layers)) => *layers += 1,
            None => kinds.push((page.kind, 1)),
        }
    }
    let [(kind, _)] = kinds.as_slice() else {
        return several(&kinds, block, widest, state.unwrap_or(0), pages);
    };
    // With one kind of layer there is one group, whatever the sizes of the pages.
    let bytes = match kind {
        Kind::State => pages.iter().map(|page| page.unit).sum(),
        _ => pages.iter().map(|page| (page.unit + page.index) * BLOCK).sum(),
    };
    (vec![Group { kind: *kind, block: BLOCK }], bytes)
}

/// Groups several kinds of layer by the count of the rarest kind, or of the most frequent one if
/// that is less than half as large again.
///
/// Pages have the largest size: a smaller page that divides it holds more tokens, any other is
/// padded. Beside each lies one with the keys of an indexer, empty in the groups that have none.
fn several(
    kinds: &[(Kind, u64)],
    block: u64,
    widest: u64,
    state: u64,
    pages: &[Page],
) -> (Vec<Group>, u64) {
    let page = (widest * block).max(state);
    let index = pages.iter().map(|page| page.index).max().unwrap_or(0);
    let counts = || kinds.iter().map(|(_, layers)| *layers);
    let (fewest, most) = (counts().min().unwrap_or(1), counts().max().unwrap_or(1));
    let size = if 2 * most < 3 * fewest { most } else { fewest };
    let groups = kinds.iter().flat_map(|(kind, layers)| {
        let unit = pages.iter().filter(|p| p.kind == *kind).map(|p| p.unit).max().unwrap_or(1);
        let tokens = match kind {
            Kind::State => block,
            _ if page.is_multiple_of((unit * block).max(1)) => page / unit.max(1),
            _ => block,
        };
        let group = Group { kind: *kind, block: tokens };
        std::iter::repeat_n(group, layers.div_ceil(size) as usize)
    });
    (groups.collect(), size * (page + index * block))
}

/// Groups of DeepSeek-V4's layers, with the bytes of a block: compressed entries with the indexer's
/// keys in blocks of 256 tokens; windows in blocks of 64; the compressors' states, in FP32, as
/// windows of a few tokens. Groups have as many layers as fit the largest page.
///
/// Up to release 0.25 a block is made of tuples, each with a page of every size that the compressed
/// caches have: as many as the deepest group is layers deep, with windows divided into the groups that
/// leave the fewest places empty. A log of 0.22 asks 6.66 GiB for 30,000 tokens, and 5.44 GiB for 13,528
/// (github.com/vllm-project/vllm/issues/44376): 22 tuples of 47,808 bytes. Source: `_approximate_gcd`
/// and `_get_kv_cache_config_deepseek_v4` of `v1/core/kv_cache_utils.py`.
///
/// An entry has 584 bytes in FP8: 448 values, a BF16 rotary part and scales. A log prints the pages
/// of V4-Flash: 1,002,240 bytes for its 62 compressed caches, 37,440 for each window, 32,832 and
/// 8,640 for each state (github.com/vllm-project/vllm/issues/54703).
fn compressed_groups(caches: &[LayerCache], settings: Settings) -> (Vec<Group>, u64) {
    let aligned = |bytes: u64| bytes.next_multiple_of(COMPRESSED_ALIGNMENT);
    let entry = |cache: &LayerCache| match settings.cache_type {
        CacheType::Fp8 => 584,
        ty => ty.bytes(cache.entry()),
    };
    let index = |cache: &LayerCache| match cache.index_key {
        0 => 0,
        key => key + key.div_ceil(128) * 4,
    };
    let compressed = || caches.iter().filter(|cache| cache.ratio > 1);
    let page = |cache: &LayerCache| {
        let entries = COMPRESSED_BLOCK / cache.ratio;
        aligned(entries * entry(cache)) + aligned(entries * index(cache))
    };
    let mut ratios: Vec<u64> = compressed().map(|cache| cache.ratio).collect();
    sort::distinct(&mut ratios);
    let windows = caches.iter().filter_map(|cache| Some((cache, cache.window?)));
    let block_bytes = match settings.release.packs_tuples() {
        false => compressed().map(page).sum::<u64>().max(1),
        true => {
            let of = |ratio: u64| compressed().filter(move |cache| cache.ratio == ratio);
            let mut depths: Vec<u64> =
                ratios.iter().map(|ratio| of(*ratio).count() as u64).collect();
            depths.push(windows.clone().count() as u64);
            let tuple: u64 = ratios.iter().filter_map(|ratio| of(*ratio).next().map(page)).sum();
            tuples(&depths) * tuple.max(1)
        }
    };
    let mut groups = vec![Group { kind: Kind::Full, block: COMPRESSED_BLOCK }];
    let mut add = |kind, block, bytes: u64| {
        let count = bytes.div_ceil(block_bytes) as usize;
        groups.extend(std::iter::repeat_n(Group { kind, block }, count));
    };
    let longest = windows.clone().map(|(_, window)| window).max().unwrap_or(0);
    let bytes = windows.map(|(cache, _)| aligned(COMPRESSED_WINDOW_BLOCK * entry(cache)));
    add(Kind::Window(longest), COMPRESSED_WINDOW_BLOCK, bytes.sum());
    for ratio in ratios {
        // Those that compress few tokens overlap with the entry before.
        let (overlap, block) = if ratio <= 4 { (2, 4) } else { (1, 8) };
        let state = |width: u64| aligned(block * overlap * 2 * 4 * width);
        let states = compressed().filter(|cache| cache.ratio == ratio);
        let bytes = states.map(|cache| state(cache.key) + state(cache.index_key));
        add(Kind::Window(ratio * overlap), block, bytes.sum());
    }
    (groups, block_bytes)
}

/// Tuples in a block whose groups are `depths` layers deep, the last of which is that of the windows:
/// as many as leave the fewest places empty, but no fewer than the compressed caches need.
fn tuples(depths: &[u64]) -> u64 {
    let (least, most) = match depths.split_last() {
        Some((windows, others)) => (others.iter().copied().max().unwrap_or(1), *windows),
        None => (1, 1),
    };
    let empty = |size: u64| depths.iter().map(|n| n.next_multiple_of(size.max(1)) - n).sum::<u64>();
    (least.max(1)..=most.max(least).max(1)).min_by_key(|size| empty(*size)).unwrap_or(1)
}

/// The tokens of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchedTokens {
    /// `max_num_batched_tokens`.
    Most(u64),
    /// A whole prompt up to contexts of 32,768 tokens, and beyond them so many: the V0 engine's default.
    /// Source: `engine/arg_utils.py`, before `create_engine_config`.
    PromptOr(u64),
}

impl BatchedTokens {
    /// The tokens of a step with contexts of so many tokens.
    pub fn at(self, context: u64) -> u64 {
        match self {
            BatchedTokens::Most(tokens) => tokens,
            BatchedTokens::PromptOr(tokens) if context > 32_768 => tokens,
            BatchedTokens::PromptOr(_) => context.max(2048),
        }
    }
}

impl Settings {
    /// Tokens of sequences of `context` tokens that are scheduled but not computed yet. Of a compressed
    /// cache most logs have one batch, those of 0.26 too.
    fn in_flight(&self, context: u64, compressed: bool) -> u64 {
        let batches = if compressed { 1 } else { self.release.batches_in_flight() };
        self.batched.at(context).saturating_mul(batches.max(self.stages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::GIB;

    fn settings(release: u16) -> Settings {
        Settings {
            cache_type: CacheType::F16,
            batched: BatchedTokens::Most(8192),
            speculative: 0,
            cache_ranks: 1,
            stages: 1,
            release: Release(release),
        }
    }

    fn attention(kv_heads: u64, head: u64, window: Option<u64>) -> LayerCache {
        LayerCache { kv_heads, key: head, value: head, window, ratio: 1, ..Default::default() }
    }

    /// Gemma-3-27B: 10 full layers and 52 with a window of 1024. vLLM 0.11 printed 109.86 GiB,
    /// 205,696 tokens and 50.05 sequences of 4096.
    #[test]
    fn window_layers_take_blocks_of_the_same_pool() {
        let mut caches = vec![attention(16, 128, Some(1024)); 52];
        caches.extend([attention(16, 128, None); 10]);
        let layout = KvLayout::new(&caches, settings(11));
        assert_eq!(layout.groups(), 7);
        let pool = Bytes((109.86 * GIB as f64) as u64);
        assert_eq!(layout.tokens(pool, 4096), 205_696);
        assert_eq!((layout.concurrency(pool, 4096) * 100.0).round(), 5005.0);
    }

    /// Qwen3-Next-80B-A3B: 12 attention layers with 2 heads of 256, 36 gated delta nets with a
    /// state of 32 x 128 x 128 and a convolution of 3 x 8192. vLLM 0.27 printed 5.85 GiB and
    /// 242,534 tokens of 65,536.
    #[test]
    fn blocks_grow_to_the_size_of_a_state() {
        let state = LayerCache {
            conv: 3 * 8192,
            recurrent: 32 * 128 * 128,
            state: Some(State::DeltaNet(false)),
            ratio: 1,
            ..Default::default()
        };
        let mut caches = vec![state; 36];
        caches.extend([attention(2, 256, None); 12]);
        let layout = KvLayout::new(&caches, settings(27));
        assert_eq!(layout.groups(), 4);
        assert_eq!(layout.block_tokens(), 544);
        let tokens = layout.tokens(Bytes((5.853 * GIB as f64) as u64), 65_536);
        assert!(tokens.abs_diff(242_534) < 300, "{tokens}");
    }

    /// Qwen3.6-35B-A3B on two ranks with an FP8 cache: 10 attention layers with a head of 256, 30
    /// delta nets. vLLM printed 4.55 GiB and 903,602 tokens of 262,144.
    #[test]
    fn a_hybrid_pool_is_reproduced_to_the_token() {
        let state = LayerCache {
            conv: 3 * 4096,
            channels: 4096,
            recurrent: 16 * 128 * 128,
            state: Some(State::DeltaNet(true)),
            ratio: 1,
            ..Default::default()
        };
        let mut caches = vec![state; 30];
        caches.extend([attention(1, 256, None); 10]);
        let layout =
            KvLayout::new(&caches, Settings { cache_type: CacheType::Fp8, ..settings(33) });
        let pool = Bytes((4.55 * GIB as f64) as u64);
        assert_eq!(layout.tokens(pool, 262_144), 903_602);
    }

    /// Qwen3.6-27B on two ranks with its MTP layer and two drafted tokens: 17 attention layers
    /// with two heads of 256, 48 delta nets. vLLM printed 110.59 GiB and 3,233,564 tokens of
    /// 184,320.
    #[test]
    fn drafts_take_state_blocks_too() {
        let state = LayerCache {
            conv: 3 * 5120,
            channels: 5120,
            recurrent: 24 * 128 * 128,
            state: Some(State::DeltaNet(true)),
            ratio: 1,
            ..Default::default()
        };
        let mut caches = vec![state; 48];
        caches.extend([attention(2, 256, None); 17]);
        let layout = KvLayout::new(&caches, Settings { speculative: 2, ..settings(33) });
        assert_eq!(layout.block_tokens(), 800);
        let pool = Bytes((110.59 * GIB as f64) as u64);
        assert_eq!(layout.tokens(pool, 184_320), 3_233_564);
    }

    /// DeepSeek-V4-Flash: 21 layers that compress 4 tokens, 20 that compress 128, all with a window.
    #[test]
    fn compressed_pages_are_those_of_a_log() {
        let layer = |ratio, index_key| LayerCache {
            kv_heads: 1,
            key: 512,
            window: Some(128),
            ratio,
            index_key,
            ..Default::default()
        };
        let mut caches = vec![layer(4, 128); 21];
        caches.extend([layer(128, 0); 20]);
        caches.extend([layer(1, 0); 2]);
        let fp8 = |release| Settings { cache_type: CacheType::Fp8, ..settings(release) };
        let whole_prompts = Settings { batched: BatchedTokens::Most(16_384), ..fp8(22) };
        let tuples = KvLayout::new(&caches, whole_prompts);
        assert_eq!((tuples.block_bytes().0, tuples.groups()), (1_051_776, 5));
        // 6.66 GiB are asked for 30,000 tokens; 5.44 GiB are said to be enough for 13,528.
        let gib = |tokens| (tuples.bytes(tokens, 1).to_gib() * 100.0).round();
        assert_eq!((gib(30_000), gib(13_528)), (666.0, 544.0));
        let layout = KvLayout::new(&caches, fp8(28));
        assert_eq!((layout.block_bytes().0, layout.groups()), (1_002_240, 5));
        // 32.08 GiB held 8.3 sequences of 262,144 tokens, with one batch in flight.
        let pool = Bytes((32.08 * GIB as f64) as u64);
        assert!((layout.concurrency(pool, 262_144) / 8.3 - 1.0).abs() < 0.07);
    }

    /// Llama-3.1-70B: 126,832 tokens in 38.71 GiB.
    #[test]
    fn one_kind_of_layer_is_one_group() {
        let layout = KvLayout::new(&[attention(8, 128, None); 80], settings(14));
        assert_eq!(layout.block_bytes().0, 16 * 80 * 8 * 256 * 2);
        assert_eq!(layout.bytes(4096, 2).0, 2 * 4096 * 80 * 8 * 256 * 2);
        assert_eq!(layout.tokens(Bytes(126_832 / 16 * layout.block_bytes().0), 0), 126_832);
    }

    #[test]
    fn more_context_never_takes_fewer_blocks() {
        let mut caches = vec![attention(4, 256, Some(512)); 5];
        caches.extend([attention(1, 512, None); 2]);
        let layout = KvLayout::new(&caches, settings(33));
        let blocks: Vec<u64> = (1..3000).map(|n| layout.blocks(n * 37)).collect();
        assert!(blocks.is_sorted());
    }
}
