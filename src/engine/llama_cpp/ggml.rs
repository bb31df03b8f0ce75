//! A miniature of ggml: just enough of its graphs, scheduler and allocator to tell how large the
//! compute buffers of a model become.
//!
//! A compute buffer is the high-water mark of one pass over a graph. Inputs are placed first, each
//! other tensor when it is computed, into the smallest gap that holds it; it is released after the
//! last operation that reads it. Some operations write over a source that nobody else reads. Where
//! a graph runs on several backends it is cut into splits, and each split first gets copies of
//! what it reads from elsewhere.
//!
//! The rules are those of `ggml-alloc.c` and `ggml-backend.cpp` (ggml 0.26, llama.cpp b11434).

/// Number of a tensor in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// Number of a backend. Devices come first; the last one is the host.
pub(super) type Backend = u8;

const UNASSIGNED: Backend = Backend::MAX;
const NO_TENSOR: u32 = u32::MAX;
const MAX_SOURCES: usize = 8;

/// Operations on fewer rows than this are not worth copying host weights to a device for
/// (`GGML_OP_OFFLOAD_MIN_BATCH`).
const OFFLOAD_MIN_ROWS: u64 = 32;

/// How a tensor comes by its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Set from outside before the graph runs.
    Input,
    /// A weight in a model buffer.
    Weight(Backend),
    /// A cache or a state in a context buffer.
    State(Backend),
    /// The bytes of another tensor, seen in another shape.
    View,
    /// Values stored into a [`Kind::State`].
    Store,
    /// Computed; may overwrite a source.
    InPlace,
    /// Computed; needs memory of its own.
    Fresh,
    /// A copy for another backend, or the wait for one: made by the scheduler.
    Copy,
    /// Keeps its source alive until here.
    Keep,
}

/// What the scheduler makes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pull {
    /// It runs where its weights are; this many rows decide whether that may be a device instead.
    Weights {
        /// Rows, or tokens of a matrix product.
        rows: u64,
    },
    /// It runs where its neighbours run: its weights are too small to matter (rotary factors,
    /// attention sinks).
    Neighbours,
}

#[derive(Clone, Copy, Debug)]
struct Tensor {
    kind: Kind,
    pull: Pull,
    /// Dimensions, innermost first.
    shape: [u64; 4],
    /// Bytes of an element.
    width: u8,
    /// Bytes to allocate.
    bytes: u64,
    /// For views and stores: the tensor that owns the bytes.
    root: u32,
    sources: [u32; MAX_SOURCES],
}

/// A compute graph: tensors, and the order in which they are computed.
#[derive(Debug, Default)]
pub(super) struct Graph {
    tensors: Vec<Tensor>,
    order: Vec<u32>,
    inputs: Vec<u32>,
    visited: Vec<bool>,
}

fn product(shape: [u64; 4]) -> u64 {
    shape.iter().fold(1u64, |n, d| n.saturating_mul(*d))
}

fn source_list(sources: &[Id]) -> [u32; MAX_SOURCES] {
    let mut list = [NO_TENSOR; MAX_SOURCES];
    for (slot, source) in list.iter_mut().zip(sources) {
        *slot = source.0;
    }
    list
}

impl Graph {
    fn push(&mut self, tensor: Tensor) -> Id {
        self.tensors.push(tensor);
        self.visited.push(false);
        Id(self.tensors.len() as u32 - 1)
    }

    fn computed(&mut self, kind: Kind, shape: [u64; 4], width: u8, sources: &[Id]) -> Id {
        let rows = shape[1].saturating_mul(shape[2]).saturating_mul(shape[3]);
        self.push(Tensor {
            kind,
            pull: Pull::Weights { rows },
            shape,
            width,
            bytes: product(shape).saturating_mul(u64::from(width)),
            root: NO_TENSOR,
            sources: source_list(sources),
        })
    }

    /// The dimensions of `x`.
    pub(super) fn shape(&self, x: Id) -> [u64; 4] {
        self.tensors[x.0 as usize].shape
    }

    /// A value set from outside, `width` bytes an element.
    pub(super) fn input(&mut self, shape: [u64; 4], width: u8) -> Id {
        self.computed(Kind::Input, shape, width, &[])
    }

    /// A weight of `bytes` bytes on `backend`.
    pub(super) fn weight(&mut self, backend: Backend, bytes: u64) -> Id {
        let id = self.computed(Kind::Weight(backend), [1; 4], 1, &[]);
        self.tensors[id.0 as usize].bytes = bytes;
        id
    }

    /// A cache or state of `bytes` bytes on `backend`.
    pub(super) fn state(&mut self, backend: Backend, bytes: u64) -> Id {
        let id = self.computed(Kind::State(backend), [1; 4], 1, &[]);
        self.tensors[id.0 as usize].bytes = bytes;
        id
    }

    /// The bytes of `x` in another shape (view, reshape, permute, transpose).
    pub(super) fn view(&mut self, x: Id, shape: [u64; 4]) -> Id {
        let Tensor { root, width, .. } = self.tensors[x.0 as usize];
        let id = self.computed(Kind::View, shape, width, &[x]);
        self.tensors[id.0 as usize].root = if root == NO_TENSOR { x.0 } else { root };
        id
    }

    /// The bytes of a cache or state, of which `bytes` are seen.
    pub(super) fn stored_view(&mut self, state: Id, shape: [u64; 4], bytes: u64) -> Id {
        let id = self.view(state, shape);
        self.tensors[id.0 as usize].bytes = bytes;
        id
    }

    /// `value` written into `state` (`set_rows` and `cpy` into a cache).
    pub(super) fn store(&mut self, state: Id, sources: &[Id]) -> Id {
        let id = self.computed(Kind::Store, [1; 4], 1, sources);
        self.tensors[id.0 as usize].root = state.0;
        id
    }

    /// An operation that may overwrite a source of the same shape: element-wise arithmetic, RMS
    /// norm, softmax. The result has the shape of the first source.
    pub(super) fn in_place(&mut self, sources: &[Id]) -> Id {
        let Tensor { shape, width, .. } = self.tensors[sources[0].0 as usize];
        self.computed(Kind::InPlace, shape, width, sources)
    }

    /// An operation with a result of its own, `width` bytes an element.
    pub(super) fn fresh(&mut self, shape: [u64; 4], width: u8, sources: &[Id]) -> Id {
        self.computed(Kind::Fresh, shape, width, sources)
    }

    /// `weight` times `x`: `rows` values for each column of `x`, in f32.
    pub(super) fn mul_mat(&mut self, weight: Id, x: Id, rows: u64) -> Id {
        let [_, n, p, q] = self.shape(x);
        let id = self.fresh([rows, n, p, q], 4, &[weight, x]);
        self.with_rows(id, n)
    }

    /// Marks how many rows count when the scheduler decides about host weights.
    pub(super) fn with_rows(&mut self, id: Id, rows: u64) -> Id {
        self.tensors[id.0 as usize].pull = Pull::Weights { rows };
        id
    }

    /// Marks that the weights of `id` don't decide where it runs.
    pub(super) fn with_neighbours(&mut self, id: Id) -> Id {
        self.tensors[id.0 as usize].pull = Pull::Neighbours;
        id
    }

    /// Adds bytes that a kernel needs beside its result.
    pub(super) fn with_scratch(&mut self, id: Id, bytes: u64) -> Id {
        let tensor = &mut self.tensors[id.0 as usize];
        tensor.bytes = tensor.bytes.saturating_add(bytes);
        id
    }

    /// Puts `x`, and before it whatever it needs that has no place yet, next in the order.
    pub(super) fn expand(&mut self, x: Id) {
        if std::mem::replace(&mut self.visited[x.0 as usize], true) {
            return;
        }
        let Tensor { kind, sources, .. } = self.tensors[x.0 as usize];
        for source in sources.into_iter().take_while(|s| *s != NO_TENSOR) {
            self.expand(Id(source));
        }
        match kind {
            Kind::Input => self.inputs.push(x.0),
            Kind::Weight(_) | Kind::State(_) => {}
            _ => self.order.push(x.0),
        }
    }

    /// Size of the compute buffer of each backend.
    ///
    /// `align` gives each backend's alignment; `copies` is how often inputs are kept for pipeline
    /// parallelism (1: not at all).
    pub(super) fn buffers(mut self, align: &[u64], copies: u64) -> Vec<u64> {
        let backends = align.len();
        let mut assigned = self.assign(backends as u8);
        let steps = self.split(&mut assigned, copies);
        self.allocate(&steps, &assigned, align, copies)
    }

    fn is_view_op(&self, id: u32) -> bool {
        self.tensors[id as usize].kind == Kind::View
    }

    /// The backend whose buffer holds the bytes of a tensor before the graph runs, if any.
    fn stored_on(&self, id: u32) -> Option<Backend> {
        let tensor = &self.tensors[id as usize];
        let owner =
            if tensor.root == NO_TENSOR { tensor } else { &self.tensors[tensor.root as usize] };
        match owner.kind {
            Kind::Weight(backend) | Kind::State(backend) => Some(backend),
            _ => None,
        }
    }

    /// The backend of every tensor: operations run where their weights are, the rest where their
    /// neighbours run, devices before the host.
    fn assign(&self, backends: u8) -> Vec<Backend> {
        let host = backends - 1;
        let mut on = vec![UNASSIGNED; self.tensors.len()];
        if backends == 1 {
            on.fill(host);
            return on;
        }
        for (id, tensor) in self.tensors.iter().enumerate() {
            on[id] = match tensor.kind {
                Kind::Input => host,
                _ => self.stored_on(id as u32).unwrap_or(UNASSIGNED),
            };
        }
        for &id in &self.order {
            let tensor = &self.tensors[id as usize];
            let Pull::Weights { rows } = tensor.pull else { continue };
            if on[id as usize] != UNASSIGNED {
                continue;
            }
            let weight = tensor.sources.iter().take_while(|s| **s != NO_TENSOR).find_map(|s| {
                match self.tensors[*s as usize].kind {
                    Kind::Weight(backend) => Some(backend),
                    _ => None,
                }
            });
            if let Some(backend) = weight {
                let offload = backend == host && rows >= OFFLOAD_MIN_ROWS;
                on[id as usize] = if offload { 0 } else { backend };
            }
        }
        // Neighbours: devices spread down, then up, then everything does.
        let spread =
            |on: &mut Vec<Backend>, order: &mut dyn Iterator<Item = &u32>, host_too: bool| {
                let mut current = UNASSIGNED;
                for &id in order {
                    if self.is_view_op(id) {
                        continue;
                    }
                    let backend = &mut on[id as usize];
                    if *backend != UNASSIGNED {
                        current = if *backend == host && !host_too { UNASSIGNED } else { *backend };
                    } else {
                        *backend = current;
                    }
                }
            };
        spread(&mut on, &mut self.order.iter(), false);
        spread(&mut on, &mut self.order.iter().rev(), false);
        spread(&mut on, &mut self.order.iter(), true);
        spread(&mut on, &mut self.order.iter().rev(), true);
        // Views lie where their bytes lie.
        for &id in &self.order {
            if on[id as usize] == UNASSIGNED {
                let root = self.tensors[id as usize].root;
                on[id as usize] = if root == NO_TENSOR { host } else { on[root as usize] };
            }
        }
        on
    }

    /// Cuts the order into splits, one backend each, and puts copies of what a split reads from
    /// elsewhere at its start.
    fn split(&mut self, on: &mut Vec<Backend>, copies: u64) -> Vec<u32> {
        let order = std::mem::take(&mut self.order);
        let host_only = on.iter().all(|backend| *backend == on[0]);
        if host_only {
            return order;
        }
        // For each backend, the copy of each tensor there.
        let mut copied: Vec<(u32, Backend, u32)> = Vec::new();
        let mut steps = Vec::with_capacity(order.len() + 32);
        let mut split_start = 0;
        let mut split_inputs: Vec<u32> = Vec::new();
        let mut current = UNASSIGNED;
        let flush = |graph: &mut Graph,
                     on: &mut Vec<Backend>,
                     steps: &mut Vec<u32>,
                     inputs: &mut Vec<u32>,
                     copied: &[(u32, Backend, u32)],
                     backend: Backend,
                     nodes: &[u32]| {
            for input in inputs.drain(..) {
                let keep = graph.computed(Kind::Keep, [1; 4], 1, &[Id(input)]);
                on.push(on[input as usize]);
                steps.push(keep.0);
                if let Some((_, _, copy)) =
                    copied.iter().find(|(of, at, _)| (*of, *at) == (input, backend))
                {
                    steps.push(*copy);
                }
            }
            steps.extend_from_slice(nodes);
        };
        for (i, &id) in order.iter().enumerate() {
            if self.is_view_op(id) {
                continue;
            }
            let backend = on[id as usize];
            let sources = self.tensors[id as usize].sources;
            let foreign_weight = || {
                sources.iter().take_while(|s| **s != NO_TENSOR).any(
                    |s| matches!(self.tensors[*s as usize].kind, Kind::Weight(at) if at != backend),
                )
            };
            if backend != current || (!split_inputs.is_empty() && foreign_weight()) {
                if current != UNASSIGNED {
                    flush(
                        self,
                        on,
                        &mut steps,
                        &mut split_inputs,
                        &copied,
                        current,
                        &order[split_start..i],
                    );
                    split_start = i;
                }
                current = backend;
            }
            for (slot, source) in sources.into_iter().take_while(|s| *s != NO_TENSOR).enumerate() {
                if on[source as usize] == backend {
                    continue;
                }
                let known = copied.iter().find(|(of, at, _)| (*of, *at) == (source, backend));
                let copy = match known {
                    Some((_, _, copy)) => *copy,
                    None => {
                        let Tensor { shape, width, bytes, .. } = self.tensors[source as usize];
                        let copy = self.computed(Kind::Copy, shape, width, &[]);
                        self.tensors[copy.0 as usize].bytes = bytes;
                        on.push(backend);
                        copied.push((source, backend, copy.0));
                        split_inputs.push(source);
                        copy.0
                    }
                };
                self.tensors[id as usize].sources[slot] = copy;
            }
        }
        flush(self, on, &mut steps, &mut split_inputs, &copied, current, &order[split_start..]);
        let _ = copies;
        steps
    }

    /// Places every tensor and returns the high-water mark of each backend.
    fn allocate(&self, steps: &[u32], on: &[Backend], align: &[u64], _copies: u64) -> Vec<u64> {
        let mut arenas: Vec<Arena> = align.iter().map(|a| Arena::new(*a)).collect();
        let mut lives = vec![Life::default(); self.tensors.len()];

        for &id in &self.inputs {
            let backend = on[id as usize];
            lives[id as usize].block =
                Some((backend, arenas[backend as usize].take(self.tensors[id as usize].bytes)));
        }
        for &id in steps {
            let tensor = &self.tensors[id as usize];
            if matches!(tensor.kind, Kind::View | Kind::Store) {
                lives[tensor.root as usize].views += 1;
            }
            for source in tensor.sources.iter().take_while(|s| **s != NO_TENSOR) {
                lives[*source as usize].readers += 1;
            }
        }
        for &id in steps {
            let tensor = &self.tensors[id as usize];
            if matches!(tensor.kind, Kind::InPlace | Kind::Fresh | Kind::Copy) {
                let reused =
                    tensor.kind == Kind::InPlace && self.take_over(id, &mut lives, &mut arenas);
                if !reused {
                    let backend = on[id as usize];
                    let offset = arenas[backend as usize].take(tensor.bytes);
                    lives[id as usize].block = Some((backend, offset));
                }
            }
            for &source in tensor.sources.iter().take_while(|s| **s != NO_TENSOR) {
                let life = &mut lives[source as usize];
                life.readers -= 1;
                if life.readers > 0 || life.views > 0 {
                    continue;
                }
                let owner = match self.tensors[source as usize].kind {
                    Kind::View | Kind::Store => {
                        let root = self.tensors[source as usize].root;
                        lives[root as usize].views -= 1;
                        root
                    }
                    _ => source,
                };
                let life = &mut lives[owner as usize];
                if life.readers == 0
                    && life.views == 0
                    && let Some((backend, offset)) = life.block.take()
                {
                    arenas[backend as usize].give(offset, self.tensors[owner as usize].bytes);
                }
            }
        }
        arenas.iter().map(|arena| arena.high).collect()
    }

    /// Lets `id` overwrite a source that only it reads and that has its shape.
    fn take_over(&self, id: u32, lives: &mut [Life], arenas: &mut [Arena]) -> bool {
        let tensor = &self.tensors[id as usize];
        for &source in tensor.sources.iter().take_while(|s| **s != NO_TENSOR) {
            let parent = &self.tensors[source as usize];
            let life = &mut lives[source as usize];
            let free = life.readers == 1 && life.views == 0;
            if free
                && parent.shape == tensor.shape
                && parent.width == tensor.width
                && let Some((backend, offset)) = life.block.take()
            {
                arenas[backend as usize].shrink(offset, parent.bytes, tensor.bytes);
                lives[id as usize].block = Some((backend, offset));
                return true;
            }
        }
        false
    }
}

/// How long a tensor is needed, and where it lies.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    /// Operations that have yet to read it.
    readers: u32,
    /// Views of it that have yet to be read.
    views: u32,
    /// Backend and offset, while it has memory.
    block: Option<(Backend, u64)>,
}

/// The memory of one backend: gaps between blocks, and an endless tail.
#[derive(Debug)]
struct Arena {
    align: u64,
    /// Offset and size of each gap, by offset.
    gaps: Vec<(u64, u64)>,
    /// Where the tail begins.
    tail: u64,
    /// The furthest that any block has reached.
    high: u64,
}

impl Arena {
    fn new(align: u64) -> Arena {
        Arena { align: align.max(1), gaps: Vec::new(), tail: 0, high: 0 }
    }

    fn padded(&self, bytes: u64) -> u64 {
        bytes.checked_next_multiple_of(self.align).unwrap_or(u64::MAX)
    }

    /// The offset of a new block: in the smallest gap that holds it, the last of equals, or else
    /// in the tail.
    fn take(&mut self, bytes: u64) -> u64 {
        let size = self.padded(bytes);
        let best = self
            .gaps
            .iter()
            .enumerate()
            .filter(|(_, gap)| gap.1 >= size)
            .rev()
            .min_by_key(|(_, gap)| gap.1);
        let offset = match best.map(|(i, _)| i) {
            Some(i) => {
                let (offset, room) = self.gaps[i];
                if room == size {
                    self.gaps.remove(i);
                } else {
                    self.gaps[i] = (offset + size, room - size);
                }
                offset
            }
            None => {
                let offset = self.tail;
                self.tail = offset.saturating_add(size);
                offset
            }
        };
        self.high = self.high.max(offset.saturating_add(size));
        offset
    }

    /// Returns a block; it joins the gaps beside it.
    fn give(&mut self, offset: u64, bytes: u64) {
        let size = self.padded(bytes);
        if size == 0 {
            return;
        }
        let end = offset.saturating_add(size);
        let i = self.gaps.partition_point(|gap| gap.0 < offset);
        let joins_left = i > 0 && self.gaps[i - 1].0.saturating_add(self.gaps[i - 1].1) == offset;
        let start = if joins_left { self.gaps[i - 1].0 } else { offset };
        let left = if joins_left { i - 1 } else { i };
        if end == self.tail {
            self.gaps.drain(left..i);
            self.tail = start;
            return;
        }
        let joins_right = i < self.gaps.len() && self.gaps[i].0 == end;
        let stop = if joins_right { self.gaps[i].0 + self.gaps[i].1 } else { end };
        let right = if joins_right { i + 1 } else { i };
        self.gaps.splice(left..right, [(start, stop - start)]);
    }

    /// Returns the end of a block that is to be smaller.
    fn shrink(&mut self, offset: u64, from: u64, to: u64) {
        let (from, to) = (self.padded(from), self.padded(to));
        if from > to {
            self.give(offset.saturating_add(to), from - to);
        }
    }
}
