// Written from docs/report.schema.json by `HEADROOM_BLESS=1 cargo test -p headroom-js`.

/** The answer to a [`Scenario`](crate::scenario::Scenario). */
export type Report = {
  /** One entry for each model x machine x quantisation x engine, in that order. */
  cells: Array<Cell>;
  /** What hosts ask for tokens of each model that is known. */
  hosted?: Array<Hosted>;
  /** Prices and power of each machine whose devices are known. */
  machines?: Array<Machine>;
  /** Parts of the question that were not used as given, with alternatives. */
  notices: Array<Notice>;
  /** The question, as a query string. */
  query: string;
  /** Version of this structure. */
  version: number;
};

/** A setting that an engine silently changes, with its rule. */
export type Adjustment = {
  /** The requested setting, in query notation. */
  asked: string;
  /** The engine. */
  engine: Engine;
  /** The setting that the engine uses instead, in query notation. */
  nearest: Array<Suggestion>;
  /** The rule that is applied. */
  rule: RefusalReason;
};

/** The programming interface through which an engine uses a device. */
export type Backend = ("cuda" | "rocm" | "metal" | "vulkan" | "xpu" | "hpu" | "cpu" | "other");

/** A line of a bill. */
export type BillItem = {
  /** Memory use in bytes. */
  bytes: Interval;
  /** Whether the figure is exact for the engine's layout. */
  exact: boolean;
  /** The formula, over the names in `inputs`. */
  formula: string;
  /** The inputs of the formula, in its order. */
  inputs: Array<[string, number]>;
  /** Source of the formula or its coefficients. */
  source: string;
  /** Purpose of the memory. */
  term: Term;
};

/** A number of bytes. Arithmetic saturates: no catalogue or URL can make it wrap. */
export type Bytes = number;

/** How an engine lays out the KV cache, in the respects in which engines differ. */
export type CacheLayout = {
  /** Maximum number of prompt tokens computed in one step; `None` means all of them. */
  batch_tokens?: (number | null);
  /** Bits of a cached key, including scales. */
  key_bits: number;
  /** Whether latent attention is cached as full keys and values. */
  latents_expanded: boolean;
  /** Number of devices that share every layer (tensor parallelism). */
  ranks: number;
  /** Fraction of each device, in thousandths, that the engine preallocates whatever the model
   * (such as `gpu_memory_utilization`); what the bill leaves of it becomes cache. */
  reserved_fraction?: (number | null);
  /** What the cache of a sliding-window layer holds. */
  sliding_window: SlidingWindowCache;
  /** Bits of a cached value, including scales. */
  value_bits: number;
};

/** One model on one machine at one quantisation under one engine. */
export type Cell = {
  /** Add-ons on devices and host: projector, adapters, draft, prompts and checkpoints. */
  addon_bytes: Interval;
  /** How the engine lays out the KV cache. */
  cache_layout: CacheLayout;
  /** The command that starts the model so, which names it; empty where it does not run. */
  command?: string;
  /** Compute buffers, on devices and host. */
  compute_bytes: Interval;
  /** Number of copies of the setup that fit on the machine: several on a device that is large
   * enough, else one on as many devices as are needed. */
  copies: number;
  /** Number of devices of the largest copy; 0 on a machine without devices. */
  copy_devices: number;
  /** Bottleneck of decoding for a single user. */
  decode_limit?: (Limit | null);
  /** Decode rate for a single user at the full requested context: the lowest rate within it. With
   * speculative decoding, this and the figures for several users assume the question's
   * acceptance rate. */
  decode_tps?: (Interval2 | null);
  /** Decode rate for a single user with an empty context, as at the start of an answer to a short
   * question. */
  decode_tps_empty?: (Interval2 | null);
  /** Sum of the items on the devices; on a machine without devices, the total. */
  device_bytes: Interval;
  /** Bill of each device, in the machine's order. */
  devices: Array<DeviceBill>;
  /** Engine name. */
  engine: Engine;
  /** The longest context (tokens per user) that the expected estimates allow, between `max_context`
   * and which the verdict is `tight`. */
  expected_max_context?: number;
  /** The most users at the requested context that the expected estimates allow. */
  expected_max_users?: number;
  /** The engine's own flags that reproduce this placement. */
  flags: Array<string>;
  /** The machine in query notation, such as `rtx-4090*2`. */
  hardware: string;
  /** Usable minus expected bytes on the tightest device, negative if they do not fit. If the
   * whole model does not fit, the sum over devices. */
  headroom_bytes: number;
  /** Bill of the host's RAM. */
  host: HostBill;
  /** KV cache of all users, on devices and host. */
  kv_bytes: Bytes;
  /** Bytes of the loaded weights on devices and host: without MTP layers that the engine does not
   * load, with tensors that it duplicates. */
  loaded_bytes: Bytes;
  /** The longest context (tokens per user) at which the verdict is `fits`; 0 if there is none.
   * Limits of the engine and of the model's training are ignored. */
  max_context: number;
  /** The most users at the requested context for which the verdict is `fits`; 0 if there are
   * none. In a paged cache (vLLM, SGLang, TensorRT-LLM) a user takes a prompt and half an
   * answer; those that are more wait. */
  max_users: number;
  /** Model id. */
  model: string;
  /** Cost in the requested currency. */
  money?: Money;
  /** Why there is no estimate. */
  no_speed?: (NoSpeed | null);
  /** The longest context (tokens per user) with which it still runs with part of the model in
   * RAM; null unless that is the verdict. */
  offload_max_context?: (number | null);
  /** The most users at the requested context with whom it still runs with part of the model in
   * RAM; null unless that is the verdict. */
  offload_max_users?: (number | null);
  /** Memory of the runtime on the devices, such as the CUDA context. */
  overhead_bytes: Interval;
  /** Parameters used for one token. */
  params_active: number;
  /** Parameters of the text model. */
  params_total: number;
  /** Which device or host holds which part of the model, with the reason. */
  placement: Placement;
  /** `decode_tps` without speculative decoding; null if none is requested. */
  plain_tps?: (Interval2 | null);
  /** Watts at the wall plug by activity. */
  power_w?: (PowerDraw | null);
  /** Bottleneck of the prompt. */
  prefill_limit?: (Limit | null);
  /** Prefill rate for a single user: tokens of the requested prompt, without the shared prefix,
   * per second. */
  prefill_tps?: (Interval2 | null);
  /** What the format and the cache type cost in quality, as far as that was published; null in
   * an answer that was not asked for it. */
  quality?: (Quality | null);
  /** Quantisation name. */
  quant: Quant;
  /** Recurrent and convolution state of all users. */
  recurrent_bytes: Bytes;
  /** The requested quantisation, if the engine does not load it and its nearest format is shown
   * instead. */
  requested_quant?: (Quant | null);
  /** Number of sequences that run concurrently; the other users wait. */
  running?: (number | null);
  /** Bottleneck with the requested number of users. */
  serving_limit?: (Limit | null);
  /** The most users within memory whose expected times meet the targets; null without targets. */
  slo_users?: (number | null);
  /** The basis of the estimate. */
  speed_basis?: (SpeedBasis | null);
  /** Answer tokens per second for all users together. */
  throughput_tps?: (Interval2 | null);
  /** Sum of all items on devices and host but the operating system's. */
  total_bytes: Interval;
  /** Time per token after the first, with the requested number of users. */
  tpot_s?: (Interval2 | null);
  /** The longest context that the model was trained for, in tokens. */
  trained_context?: (number | null);
  /** Time to the first token with the requested number of users, including waiting. */
  ttft_s?: (Interval2 | null);
  /** US dollars per million tokens; null also if the amounts are in a currency without an
   * exchange rate. */
  usd_per_mtok?: (PerMtok | null);
  /** Whether it fits. */
  verdict: Verdict;
  /** Bytes of all tensors in the model file. */
  weights_bytes: Bytes;
  /** Watt-hours per million answer tokens, including their prompts. */
  wh_per_mtok?: (Interval2 | null);
};

/** Memory use of one device. */
export type DeviceBill = {
  /** Nominal capacity of the device. */
  capacity_bytes: Bytes;
  /** Device id. */
  device: string;
  /** Lines of the bill. */
  items: Array<BillItem>;
  /** Number of repeating layers on this device. */
  layers: number;
  /** Source of the usable figure. */
  usable_basis: string;
  /** Memory that the engine can use: the driver's figure minus what is withheld. */
  usable_bytes: Bytes;
  /** What the items add up to: see `sum_of_items`. What is kept after prompts (`Term::Kept`) is in
   * its high end, as a monitor shows it. */
  used_bytes: Interval;
  /** Memory withheld from the engine, for the desktop and the user's reserve. Not part of the
   * items. */
  withheld: Array<BillItem>;
};

/** Bytes in addition to those of the model itself. */
export type Duplicate = {
  /** Number of bytes over all devices and the host. */
  bytes: Bytes;
  /** The line of the bills that includes them. */
  term: Term;
  /** Kind of duplicate. */
  what: DuplicateKind;
};

/** Kind of data that takes more memory than in the file. */
export type DuplicateKind = ("tied_head" | "weights" | "padding" | "kv_heads" | "inputs" | "graph");

/** An inference engine. */
export type Engine = ("llama.cpp" | "ollama" | "lmstudio" | "koboldcpp" | "ik_llama.cpp" | "vllm" | "sglang" | "tensorrt-llm" | "mlx" | "transformers" | "exllamav3");

/** A refusal of an engine, with its rule. */
export type EngineRefusal = {
  /** What was requested: a format, a device, a setting. */
  asked: string;
  /** The engine. */
  engine: Engine;
  /** The model. */
  id: string;
  /** The nearest alternatives that the engine accepts. */
  nearest: Array<Suggestion>;
  /** The rule that is violated. */
  rule: RefusalReason;
};

/** Memory use of the host's RAM. */
export type HostBill = {
  /** Lines of the bill. */
  items: Array<BillItem>;
  /** RAM of the machine; on unified memory, the memory that the device shares. */
  ram_bytes: Bytes;
  /** What the items add up to: see `sum_of_items`. */
  used_bytes: Interval;
};

/** What hosts ask for tokens of one model. */
export type Hosted = {
  /** Price of a million tokens of prompts, and of answers. */
  inputs: Array<Input>;
  /** Id of the model. */
  model: string;
};

/** Cost of a million prompt tokens and of a million answer tokens: the time spent on prompts is
 * charged to their tokens, the remaining time to those of answers. */
export type InOut = {
  /** Cost of a million prompt tokens. */
  input: Interval2;
  /** Cost of a million answer tokens. */
  output: Interval2;
};

/** A value behind money and energy. */
export type Input = {
  /** Default, unless the question sets the value. */
  default?: (number | null);
  /** Key of the value in a question. */
  key: string;
  /** Source of the default, and its date. */
  source: string;
  /** The value used. */
  value?: (number | null);
};

/** A value known only within bounds: `low <= expected <= high`. */
export type Interval = {
  /** The best single estimate. */
  expected: Bytes;
  /** The upper bound. */
  high: Bytes;
  /** The lower bound. */
  low: Bytes;
};

/** A value known only within bounds: `low <= expected <= high`. */
export type Interval2 = {
  /** The best single estimate. */
  expected: number;
  /** The upper bound. */
  high: number;
  /** The lower bound. */
  low: number;
};

/** The resource that limits the speed of a decode step or a prompt. */
export type Limit = ("bandwidth" | "compute" | "overhead" | "interconnect" | "host" | "memory");

/** The values behind money and energy on one machine. */
export type Machine = {
  /** The machine in query notation, such as `rtx-4090*2`. */
  hardware: string;
  /** The values for this machine. */
  inputs: Array<Input>;
};

/** Number of measurements of a figure, and their deviation from the estimates. */
export type Measurements = {
  /** Half-width of the interval shown, as a factor. */
  factor: number;
  /** Median error of the fit in %; null without measurements. */
  median_pct?: (number | null);
  /** Number of measurements. */
  n: number;
};

/** Cost in the requested currency. */
export type Money = {
  /** Hours of renting that cost as much as buying the machine and powering it; null also if
   * renting costs no more than the power alone. */
  break_even_hours?: (number | null);
  /** ISO 4217 code of all amounts. */
  currency?: string;
  /** Cost of owning the machine for an hour, busy or not: a share of the price, and power. */
  owned_hour?: (number | null);
  /** Cost of a million tokens. */
  per_mtok?: PerMtok;
  /** Cost of renting the machine for an hour. */
  rented_hour?: (number | null);
  /** Keys of the missing values that a figure needs; [`Machine::inputs`] gives the reasons. */
  unknown?: Array<string>;
};

/** Why there is no estimate of speed. */
export type NoSpeed = ("does_not_fit" | "unknown_device");

/** A notice about the question. */
export type Notice = (Problem & {
  kind: "query";
} | {
  /** The model that its name says it is made from, such as a fine-tune's base. */
  base?: (string | null);
  /** The hypothetical shape of the size in its name, such as `size:72B`. */
  hypothetical?: (string | null);
  /** The id as typed. */
  id: string;
  kind: "unknown_model";
  /** The nearest known ids. */
  nearest: Array<string>;
  /** Why the model was never released, if that is known. */
  never_released?: (string | null);
} | {
  /** What is accepted. */
  accepted: string;
  /** The part, such as `num_hidden_layers`. */
  field: string;
  /** The id as typed. */
  id: string;
  kind: "unusable_description";
  /** Its value. */
  value: string;
} | {
  /** The model. */
  id: string;
  kind: "hypothetical_shape";
  /** The real models that it is interpolated from, the nearest first. */
  like: Array<string>;
} | {
  /** The model. */
  id: string;
  kind: "unknown_shape";
  /** The real models of its size, which its cache is assumed from. */
  like: Array<string>;
} | {
  /** The fields. */
  fields: Array<string>;
  /** The model. */
  id: string;
  kind: "assumed_fields";
} | {
  /** The model. */
  id: string;
  kind: "foreign_types";
  /** The types. */
  types: Array<string>;
} | {
  /** The id as typed. */
  id: string;
  kind: "unknown_device";
  /** The nearest known ids. */
  nearest: Array<string>;
} | {
  /** Memory sizes that it is sold with, in GB. */
  accepted: Array<number>;
  /** The device. */
  id: string;
  kind: "unknown_memory";
  /** The memory as typed, in GB. */
  memory_gb: number;
} | {
  /** Requested context in tokens. */
  context: number;
  /** The model. */
  id: string;
  kind: "context_beyond_training";
  /** Trained context in tokens. */
  trained: number;
} | {
  /** The engine. */
  engine: Engine;
  /** The model. */
  id: string;
  kind: "engine_cannot_run";
} | {
  /** The engine. */
  engine: Engine;
  /** The device. */
  id: string;
  kind: "engine_cannot_use";
} | EngineRefusal & {
  kind: "engine_refuses";
} | Adjustment & {
  kind: "engine_adjusts";
} | {
  kind: "quantised_values_need_flash_attention";
  /** The requested value type. */
  kv_type: string;
} | {
  /** Number of requested cells. */
  cells: number;
  kind: "too_many_cells";
  /** Number of answered cells. */
  most: number;
});

/** Cost of a million tokens. */
export type PerMtok = {
  /** On an owned machine. */
  owned?: (InOut | null);
  /** On a rented machine. */
  rented?: (InOut | null);
};

/** The placement of a model: which device or host holds which part, and why. */
export type Placement = {
  /** Bytes in addition to those of the model in the file: copies for several devices, and
   * padding. Weights and caches of the bills minus these are the model's own. */
  duplicates: Array<Duplicate>;
  /** Batches whose inputs each device keeps at the same time: 4 if layers form a pipeline,
   * otherwise 1. */
  input_copies: number;
  /** Parts of the model in the order of its layers, with the host's part last. */
  parts: Array<PlacementPart>;
  /** Why this placement was chosen. */
  reason: PlacementReason;
  /** Data-parallel copies of the placement, among which users are divided. */
  replicas: number;
  /** Each device's share, if matrices or tensors are divided unevenly. */
  shares: Array<number>;
  /** What is divided between devices. */
  split: SplitKind;
};

/** A part of a model in one place. */
export type PlacementPart = {
  /** Indices of the machine's devices that share the part; empty for the host. */
  devices: Array<number>;
  /** The first layer whose routed experts are here, and one past the last; equal if there are
   * none. */
  experts: [number, number];
  /** Whether the part includes the output head. */
  head: boolean;
  /** The first repeating layer, from 0, and one past the last. */
  layers: [number, number];
};

/** Why a placement was chosen. */
export type PlacementReason = ("asked" | "fits" | "rebalanced" | "experts_to_host" | "layers_to_host" | "nothing_fits" | "cpu" | "left_aside");

/** Watts at the wall plug by activity. */
export type PowerDraw = {
  /** While generating answers. */
  decode: number;
  /** With the model loaded, but idle. */
  idle: number;
  /** On average over busy and idle time; null without an estimate of the speed. */
  mean?: (number | null);
  /** While processing prompts. */
  prefill: number;
};

/** A key of the query string that could not be used as typed. */
export type Problem = {
  /** What would be accepted: a range such as `1..256`, or the accepted words. */
  accepted: string;
  /** The key, such as `ctx`. */
  field: string;
  /** What to write in place of the value: the nearest that would be accepted, where a number in
   * it is out of range. */
  nearest?: (string | null);
  /** What went wrong. */
  reason: ProblemKind;
  /** The value as typed. */
  value: string;
};

/** Why a pair of the query string was not used. */
export type ProblemKind = ("unknown_key" | "malformed" | "out_of_range" | "too_many");

/** What a cell loses against the model as it was released. */
export type Quality = {
  /** By the type of the KV cache. */
  cache: QualityNote;
  /** By the format of the weights. */
  weights: QualityNote;
};

/** Whose figures they are. */
export type QualityBasis = ("model" | "similar" | "other_size" | "any_model");

/** Published figures of one metric. */
export type QualityFigure = {
  /** Whose figures they are. */
  basis: QualityBasis;
  /** Number of figures behind the interval. */
  count: number;
  /** The text and window, or the benchmarks. */
  data: string;
  /** What was measured: the cell's format or cache type, or what stands for it, such as
   * `pure Q4_K` or `3.3 to 3.8 bits per weight`. */
  format: string;
  /** Who or what quantised the model; empty for figures of several models. */
  method: string;
  /** The metric. */
  metric: QualityMetric;
  /** The models; empty if it is the cell's own. */
  models: Array<string>;
  /** Where it was published. */
  source: string;
  /** The lowest of the figures, their median and the highest; of benchmarks over several models
   * the 10th and the 90th percentile. */
  value: Interval2;
};

/** A metric of quality. */
export type QualityMetric = ("divergence" | "agreement" | "perplexity" | "benchmark");

/** What is known of the loss by one format. */
export type QualityNote = ({
  known: "reference";
} | {
  /** What was measured, one entry for each metric; figures of different metrics or texts do
   * not compare. */
  figures: Array<QualityFigure>;
  known: "measured";
} | {
  known: "no_data";
});

/** A quantisation by its name, such as `Q4_K_M` or `AWQ`. */
export type Quant = string;

/** A rule by which an engine refuses something. */
export type RefusalReason = ({
  kind: "unknown_architecture";
} | {
  kind: "format_not_loaded";
} | {
  kind: "compute_capability";
  /** The least compute capability, such as `8.0`. */
  least: string;
} | {
  kind: "no_backend";
} | {
  kind: "one_device";
} | {
  kind: "needs_device";
} | {
  kind: "indivisible";
  /** The dimension that does not divide, such as `40 attention heads`. */
  what: string;
} | {
  /** Number of devices of the machine. */
  devices: number;
  kind: "fewer_devices";
} | {
  kind: "cache_type";
} | {
  kind: "sequences";
  /** The maximum number of sequences. */
  most: number;
} | {
  kind: "context";
  /** The longest context in tokens. */
  most: number;
} | {
  /** Number of blocks. */
  blocks: number;
  kind: "state_blocks";
} | {
  kind: "not_offered";
} | {
  kind: "one_proposer";
} | {
  kind: "no_mtp_layers";
} | {
  /** Size of the draft's vocabulary. */
  draft: number;
  kind: "draft_vocabulary";
  /** Size of the model's vocabulary. */
  model: number;
} | {
  kind: "mixed_cache";
} | {
  /** Width of a head. */
  head: number;
  kind: "cache_blocks";
} | {
  kind: "no_fp8_cache";
} | {
  /** The logical batch in tokens. */
  batch: number;
  kind: "batch_limit";
} | {
  kind: "more_layers";
  /** Number of layers, as the setting counts them. */
  layers: number;
} | {
  /** Number of devices of the machine. */
  devices: number;
  kind: "more_shares";
} | {
  kind: "no_shares";
} | {
  kind: "split_mode";
} | {
  kind: "split_architecture";
} | {
  kind: "needs_flash_attention";
} | {
  /** The build without it. */
  build: string;
  kind: "row_split_gone";
} | {
  kind: "more_stages";
  /** Number of repeating layers. */
  layers: number;
} | {
  kind: "no_experts";
} | {
  /** Number of routed experts per layer. */
  experts: number;
  kind: "uneven_experts";
} | {
  kind: "expert_ranks";
  /** Number of available ranks. */
  ranks: number;
} | {
  kind: "data_ranks";
  /** Number of tensor-parallel ranks. */
  ranks: number;
} | {
  kind: "one_copy";
});

/** What the cache of a sliding-window layer holds. */
export type SlidingWindowCache = ("window_only" | "whole" | {
  share: number;
});

/** The basis of a speed estimate. */
export type SpeedBasis = {
  /** Interface to the devices in those measurements. */
  backend: Backend;
  /** Measurements of decoding for several users. */
  batch: Measurements;
  /** Whether this engine was measured on this family of devices. If not, others stand in and the
   * intervals are wide. */
  calibrated: boolean;
  /** Measurements of decoding for a single user. */
  decode: Measurements;
  /** Engines whose measurements the coefficients are fitted to, for the least known part. */
  engines: Array<string>;
  /** Catalogue id of the host assumed for the part of the model in RAM, if the question names
   * none. */
  host_assumed?: (string | null);
  /** Ratio of the user's own measurements on this machine to the uncorrected estimates. The
   * figures are corrected by it. */
  measured?: (Tuning | null);
  /** Whether the model is partly on the host and partly on devices, for which there are no clean
   * measurements. */
  mixed: boolean;
  /** Measurements of prompts. */
  prefill: Measurements;
  /** Sources of the measurements, listed in docs/speed.md. */
  sources: Array<string>;
};

/** What is divided between devices. */
export type SplitKind = ("none" | "layers" | "rows" | "tensors");

/** A change to the question that would be accepted: `kv=q8_0`, `Q4_K_M` or `1 device`. */
export type Suggestion = string;

/** Purpose of a line of a bill. */
export type Term = ("weights" | "tied_output" | "kv_cache" | "recurrent_state" | "compute" | "cuda_graphs" | "overhead" | "operating_system" | "projector" | "projector_compute" | "lora" | "draft" | "prompt_cache" | "checkpoints" | "display" | "reserve" | "kept");

/** Measured times on a machine divided by the estimated ones. */
export type Tuning = {
  /** Ratio of prompts; `None` if not measured. */
  prompt?: (number | null);
  /** Ratio of decode steps; `None` if not measured. */
  step?: (number | null);
};

/** Whether a model runs on a machine. */
export type Verdict = ("fits" | "tight" | "offload" | "no");
