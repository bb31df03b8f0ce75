// Written from docs/report.schema.json by `HEADROOM_BLESS=1 cargo test -p headroom-js`.

/** The answer to a [`Scenario`](crate::scenario::Scenario). */
export type Report = {
  /** One entry for each model x machine x quantisation x engine, in that order. */
  cells: Array<Cell>;
  /** Prices and power of each machine whose devices are known. */
  machines?: Array<Machine>;
  /** What could not be used of it, and what would be. */
  notices: Array<Notice>;
  /** The question, as a query string. */
  query: string;
  /** Version of this structure. */
  version: number;
};

/** A setting that an engine takes otherwise than it is said, and by which rule. */
export type Adjustment = {
  /** As asked for, in query notation. */
  asked: string;
  /** The engine. */
  engine: string;
  /** What says the same plainly, in query notation. */
  nearest: Array<Suggestion>;
  /** The rule. */
  rule: RefusalReason;
};

/** The programming interface that an engine drives a device by. */
export type Backend = ("cuda" | "rocm" | "metal" | "vulkan" | "xpu" | "hpu" | "cpu" | "other");

/** A line of a bill. */
export type BillItem = {
  /** How much. */
  bytes: Interval;
  /** The figure is exact for the engine's layout. */
  exact: boolean;
  /** The formula, over the names in `inputs`. */
  formula: string;
  /** The numbers put in, in the order of the formula. */
  inputs: Array<[string, number]>;
  /** Where the formula or its coefficients come from. */
  source: string;
  /** What it is for. */
  term: Term;
};

/** A number of bytes. Arithmetic saturates: no catalogue or URL can make it wrap. */
export type Bytes = number;

/** How an engine lays out the KV cache, as far as engines differ. */
export type CacheLayout = {
  /** The most tokens of a prompt that are computed at once; `None` is all of it. */
  batch_tokens?: (number | null);
  /** Bits of a cached key, scales included. */
  key_bits: number;
  /** Whether latent attention is cached as full keys and values. */
  latents_expanded: boolean;
  /** Devices that share every layer (tensor parallelism). */
  ranks: number;
  /** Fraction of each device, in thousandths, that the engine preallocates whatever the model
   * (`gpu_memory_utilization` and its like); what the bill leaves of it becomes cache. */
  reserved_fraction?: (number | null);
  /** What the cache of a sliding-window layer holds. */
  sliding_window: SlidingWindowCache;
  /** Bits of a cached value. */
  value_bits: number;
};

/** One model on one machine at one quantisation under one engine. */
export type Cell = {
  /** What is loaded or kept beside the model, on devices and host: projector, adapters, a draft,
   * prompts and checkpoints. */
  addon_bytes: Interval;
  /** How the engine lays out the KV cache. */
  cache_layout: CacheLayout;
  /** Compute buffers, on devices and host. */
  compute_bytes: Interval;
  /** How many copies of the whole setup fit on the machine side by side: several on a device
   * that holds them, else one on as many devices together as hold it. */
  copies: number;
  /** The most devices that one of these copies takes; 0 where there are none. */
  copy_devices: number;
  /** What binds decoding for one user. */
  decode_limit?: (Limit | null);
  /** Decoding for one user alone with all of the context asked for filled: the rate below which
   * it does not fall there. With speculative decoding, where that is asked for, at the share of
   * accepted tokens that the question states; so are the figures for several users. */
  decode_tps?: (Interval2 | null);
  /** The same with an empty context: where an answer to a short question starts. */
  decode_tps_empty?: (Interval2 | null);
  /** The part of it on the devices; on a machine without any, all of it. */
  device_bytes: Interval;
  /** One entry a device, in the machine's order. */
  devices: Array<DeviceBill>;
  /** Engine name. */
  engine: string;
  /** How the model is laid out, in the engine's own flags. */
  flags: Array<string>;
  /** The machine in query notation, such as `rtx-4090*2`. */
  hardware: string;
  /** Usable minus expected use on the tightest device: negative means that much is missing.
   * The sum over devices where the whole model does not fit. */
  headroom_bytes: number;
  /** What lies in the host's RAM. */
  host: HostBill;
  /** KV cache of all users, on devices and host. */
  kv_bytes: Bytes;
  /** Bytes of weights as loaded, on devices and host: without MTP layers that the engine does
   * not load, with tensors that it keeps twice. */
  loaded_bytes: Bytes;
  /** The longest context (tokens for each user) at which the verdict is still `fits`, with the
   * layers on the devices as they are here; 0 if it never is. Limits of the engine and of the
   * model's training do not count. */
  max_context: number;
  /** The most users at the context asked for with the verdict `fits`; 0 if there are none. */
  max_users: number;
  /** Model id. */
  model: string;
  /** The same and more in the currency asked for. */
  money?: Money;
  /** Why there is no estimate. */
  no_speed?: (NoSpeed | null);
  /** What the runtime takes on the devices, such as the CUDA context. */
  overhead_bytes: Interval;
  /** Parameters that take part in one token. */
  params_active: number;
  /** Parameters of the text model. */
  params_total: number;
  /** Which part of the model is where, and how that came about. */
  placement: Placement;
  /** `decode_tps` without speculative decoding; null where none is asked for. */
  plain_tps?: (Interval2 | null);
  /** Watts from the wall by load. */
  power_w?: (PowerDraw | null);
  /** What binds the prompt. */
  prefill_limit?: (Limit | null);
  /** Tokens of the prompt asked for, less the shared prefix, that are computed a second when no
   * one else asks. */
  prefill_tps?: (Interval2 | null);
  /** Quantisation name. */
  quant: string;
  /** Recurrent and convolution state of all users. */
  recurrent_bytes: Bytes;
  /** The quantisation asked for, where the engine does not load it and stands there with the
   * nearest that it does. */
  requested_quant?: (string | null);
  /** Sequences that run at once; the other users wait. */
  running?: (number | null);
  /** What binds with as many users as asked for. */
  serving_limit?: (Limit | null);
  /** The most users within memory whose expected times keep to the targets; null without any. */
  slo_users?: (number | null);
  /** What the estimate rests on. */
  speed_basis?: (SpeedBasis | null);
  /** Tokens of answers for all users together. */
  throughput_tps?: (Interval2 | null);
  /** All of the above together, on devices and host. */
  total_bytes: Interval;
  /** Time a token after that, with as many users as asked for. */
  tpot_s?: (Interval2 | null);
  /** The longest context that the model was trained for, in tokens. */
  trained_context?: (number | null);
  /** Time to the first token with as many users as asked for, waiting included. */
  ttft_s?: (Interval2 | null);
  /** US dollars for a million tokens; null also where the amounts are in another currency whose
   * rate is not given. */
  usd_per_mtok?: (PerMtok | null);
  /** The verdict. */
  verdict: Verdict;
  /** Bytes of all tensors in the model file. */
  weights_bytes: Bytes;
  /** Watt-hours for a million tokens of answers, their prompts included. */
  wh_per_mtok?: (Interval2 | null);
};

/** What one device holds. */
export type DeviceBill = {
  /** Memory as sold. */
  capacity_bytes: Bytes;
  /** Device id. */
  device: string;
  /** The bill. */
  items: Array<BillItem>;
  /** Repeating layers on this device. */
  layers: number;
  /** Where the usable figure comes from. */
  usable_basis: string;
  /** What the engine can use: the figure the driver reports, less what is withheld. */
  usable_bytes: Bytes;
  /** The sum of the items. */
  used_bytes: Interval;
  /** What is withheld from the engine: the desktop and the user's reserve. Not among the items. */
  withheld: Array<BillItem>;
};

/** Bytes that are there beyond those of the model itself. */
export type Duplicate = {
  /** How many, over all devices and the host. */
  bytes: Bytes;
  /** The line of the bills that they are in. */
  term: Term;
  /** What they are. */
  what: DuplicateKind;
};

/** What is there more than once. */
export type DuplicateKind = ("tied_head" | "weights" | "padding" | "kv_heads" | "inputs" | "graph");

/** What an engine refuses, and by which rule. */
export type EngineRefusal = {
  /** What was asked for: a format, a device, a setting. */
  asked: string;
  /** The engine. */
  engine: string;
  /** The model. */
  id: string;
  /** The nearest that the engine does take. */
  nearest: Array<Suggestion>;
  /** The rule. */
  rule: RefusalReason;
};

/** What lies in the host's RAM. */
export type HostBill = {
  /** The bill. */
  items: Array<BillItem>;
  /** The machine's RAM; on unified memory the memory that the device shares. */
  ram_bytes: Bytes;
  /** The sum of the items. */
  used_bytes: Interval;
};

/** What a million tokens of prompts and of answers cost: the time on prompts pays for their
 * tokens, the rest of the time for those of answers. */
export type InOut = {
  /** Of prompts. */
  input: Interval2;
  /** Of answers. */
  output: Interval2;
};

/** A value behind money and energy. */
export type Input = {
  /** What it is unless the question sets it. */
  default?: (number | null);
  /** Its key in a question. */
  key: string;
  /** Where the default comes from, and of when it is. */
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

/** What binds a step or a prompt. */
export type Limit = ("bandwidth" | "compute" | "overhead" | "interconnect" | "host" | "memory");

/** The values behind money and energy on one machine. */
export type Machine = {
  /** The machine in query notation, such as `rtx-4090*2`. */
  hardware: string;
  /** Its values. */
  inputs: Array<Input>;
};

/** How many measurements there are of a figure, and how far estimates fell from them. */
export type Measurements = {
  /** The interval shown: this factor both ways. */
  factor: number;
  /** Median error of the fit in %; null without measurements. */
  median_pct?: (number | null);
  /** Measurements. */
  n: number;
};

/** Money in the currency asked for. */
export type Money = {
  /** Hours of renting that cost as much as buying the machine and its power; null also where
   * renting costs no more than the power alone. */
  break_even_hours?: (number | null);
  /** ISO 4217 code of all amounts. */
  currency?: string;
  /** What an hour of owning costs, busy or not: a share of the price, and power. */
  owned_hour?: (number | null);
  /** What a million tokens cost. */
  per_mtok?: PerMtok;
  /** What an hour of renting costs. */
  rented_hour?: (number | null);
  /** Keys of the values that are not known and that a figure needs; [`Machine::inputs`] tells
   * why. */
  unknown?: Array<string>;
};

/** Why there is no estimate of speed. */
export type NoSpeed = ("does_not_fit" | "unknown_device");

/** Something the reader should know about the question. */
export type Notice = (Problem & {
  kind: "query";
} | {
  /** As typed. */
  id: string;
  kind: "unknown_model";
  /** The nearest real ids. */
  nearest: Array<string>;
  /** It is known never to have been released, and why. */
  never_released?: (string | null);
} | {
  /** As typed. */
  id: string;
  kind: "unknown_device";
  /** The nearest real ids. */
  nearest: Array<string>;
} | {
  /** What it is sold with, GB. */
  accepted: Array<number>;
  /** The device. */
  id: string;
  kind: "unknown_memory";
  /** As typed, GB. */
  memory_gb: number;
} | {
  /** Tokens asked for. */
  context: number;
  /** The model. */
  id: string;
  kind: "context_beyond_training";
  /** Tokens it was trained for. */
  trained: number;
} | {
  /** The engine. */
  engine: string;
  /** The model. */
  id: string;
  kind: "engine_cannot_run";
} | {
  /** The engine. */
  engine: string;
  /** The device. */
  id: string;
  kind: "engine_cannot_use";
} | EngineRefusal & {
  kind: "engine_refuses";
} | Adjustment & {
  kind: "engine_adjusts";
} | {
  kind: "quantised_values_need_flash_attention";
  /** The value type asked for. */
  kv_type: string;
} | {
  /** Cells asked for. */
  cells: number;
  kind: "too_many_cells";
  /** Cells answered. */
  most: number;
});

/** What a million tokens cost. */
export type PerMtok = {
  /** On a machine of one's own. */
  owned?: (InOut | null);
  /** On a rented one. */
  rented?: (InOut | null);
};

/** Which part of a model is where, and how that came about. */
export type Placement = {
  /** Bytes that are there beyond those of the model in the file: copies for several devices, and
   * padding. Weights and caches of the bills less these are the model's own. */
  duplicates: Array<Duplicate>;
  /** Batches whose inputs each device keeps at the same time: 4 where layers form a pipeline,
   * otherwise 1. */
  input_copies: number;
  /** Parts of the model in the order of its layers, what is left on the host last. */
  parts: Array<PlacementPart>;
  /** How it came about. */
  reason: PlacementReason;
  /** Copies of the whole among which users are divided (data parallelism). */
  replicas: number;
  /** Each device's part, where matrices or tensors are divided unevenly. */
  shares: Array<number>;
  /** What is divided between devices. */
  split: SplitKind;
};

/** A part of a model that lies in one place. */
export type PlacementPart = {
  /** The devices that share it, by their place in the machine; none: the host. */
  devices: Array<number>;
  /** The first layer whose routed experts are here, and one past the last; equal where there are
   * none. */
  experts: [number, number];
  /** It has the output head. */
  head: boolean;
  /** The first repeating layer, from 0, and one past the last. */
  layers: [number, number];
};

/** How a placement came about. */
export type PlacementReason = ("asked" | "fits" | "rebalanced" | "experts_to_host" | "layers_to_host" | "nothing_fits" | "cpu");

/** Watts from the wall by load. */
export type PowerDraw = {
  /** On answers. */
  decode: number;
  /** The model loaded, nothing to do. */
  idle: number;
  /** On average over busy and idle time; null without an estimate of the speed. */
  mean?: (number | null);
  /** On prompts. */
  prefill: number;
};

/** A key of the query string that could not be used as typed. */
export type Problem = {
  /** What would be accepted: a range such as `1..256`, or the accepted words. */
  accepted: string;
  /** The key, such as `ctx`. */
  field: string;
  /** The nearest value that would be, where the value is a number. */
  nearest?: (string | null);
  /** What went wrong. */
  reason: ProblemKind;
  /** The value as typed. */
  value: string;
};

/** Why a pair of the query string was not used. */
export type ProblemKind = ("unknown_key" | "malformed" | "out_of_range" | "too_many");

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
  /** What does not divide, such as `40 attention heads`. */
  what: string;
} | {
  /** Devices of the machine. */
  devices: number;
  kind: "fewer_devices";
} | {
  kind: "cache_type";
} | {
  kind: "sequences";
  /** The most. */
  most: number;
} | {
  kind: "not_offered";
} | {
  kind: "one_proposer";
} | {
  kind: "no_mtp_layers";
} | {
  /** Entries of the draft's. */
  draft: number;
  kind: "draft_vocabulary";
  /** Entries of the model's. */
  model: number;
} | {
  kind: "mixed_cache";
} | {
  /** Values of a head. */
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
  /** Layers that there are, as the setting counts them. */
  layers: number;
} | {
  /** Devices of the machine. */
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
  /** The build that lacks it. */
  build: string;
  kind: "row_split_gone";
} | {
  kind: "more_stages";
  /** Repeating layers. */
  layers: number;
} | {
  kind: "no_experts";
} | {
  /** Routed experts of a layer. */
  experts: number;
  kind: "uneven_experts";
} | {
  kind: "expert_ranks";
  /** Ranks that there are. */
  ranks: number;
} | {
  kind: "data_ranks";
  /** Tensor-parallel ranks. */
  ranks: number;
} | {
  kind: "one_copy";
});

/** What the cache of a sliding-window layer holds. */
export type SlidingWindowCache = ("window_only" | "whole" | {
  share: number;
});

/** What an estimate of speed rests on. */
export type SpeedBasis = {
  /** The interface to the devices that they were measured with. */
  backend: Backend;
  /** Measurements of decoding for several. */
  batch: Measurements;
  /** This engine was measured on this family of devices; else others stand in and the
   * intervals are wide. */
  calibrated: boolean;
  /** Measurements of decoding for one user. */
  decode: Measurements;
  /** Engines whose measurements the coefficients rest on; those of the part that is known least. */
  engines: Array<string>;
  /** The host that was assumed for the part left there, where the question names none: an id of
   * the catalogue. */
  host_assumed?: (string | null);
  /** What the question's own measurements on this machine say: measured times over those that
   * would be estimated without them. The figures are corrected by it. */
  measured?: (Tuning | null);
  /** A part of the model is on the host beside one on devices, of which there are no clean
   * measurements. */
  mixed: boolean;
  /** Measurements of prompts. */
  prefill: Measurements;
  /** Collections that the measurements come from; docs/speed.md tells where they are. */
  sources: Array<string>;
};

/** What is divided between devices. */
export type SplitKind = ("none" | "layers" | "rows" | "tensors");

/** A change to the question that would be accepted: `kv=q8_0`, `Q4_K_M` or `1 device`. */
export type Suggestion = string;

/** What a line of a bill is for. */
export type Term = ("weights" | "tied_output" | "kv_cache" | "recurrent_state" | "compute" | "cuda_graphs" | "overhead" | "operating_system" | "projector" | "projector_compute" | "lora" | "draft" | "prompt_cache" | "checkpoints" | "display" | "reserve");

/** What a machine's own measurements say: its times over the estimated ones. `None` where none
 * bears on it. */
export type Tuning = {
  /** Of prompts. */
  prompt?: (number | null);
  /** Of steps. */
  step?: (number | null);
};

/** Whether it runs. */
export type Verdict = ("fits" | "tight" | "offload" | "no");
