//! The scheduler: the backend of each operation, and the copies it needs.

use super::{Backend, BackendPreference, Graph, Id, Kind, NO_TENSOR, Tensor, UNASSIGNED};

/// Which backends propagate to neighbouring operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    Devices,
    All,
}

impl Graph {
    /// Assigns a backend to every tensor: operations run where their weights are, the rest where
    /// their neighbours run, devices before the host.
    pub(super) fn assign(&mut self, host: Backend) {
        if host == 0 {
            for tensor in &mut self.tensors {
                tensor.backend = host;
            }
            return;
        }
        for &input in &self.inputs {
            let tensor = &mut self.tensors[input as usize];
            if tensor.kind == Kind::Input {
                tensor.backend = host;
            }
        }
        let order = std::mem::take(&mut self.order);
        for &id in &order {
            self.tensors[id as usize].backend = self.preferred_backend(id, host);
        }
        // Once every operation has a backend, further propagation changes nothing.
        _ = self.spread(host, Spread::Devices, order.iter())
            && self.spread(host, Spread::Devices, order.iter().rev())
            && self.spread(host, Spread::All, order.iter())
            && self.spread(host, Spread::All, order.iter().rev());
        let has_blanks = self.inputs.iter().any(|input| self.at(*input).kind == Kind::Blank);
        for &id in &order {
            let Tensor { backend, owner, .. } = *self.at(id);
            if backend == UNASSIGNED {
                self.tensors[id as usize].backend = self.at(owner).backend;
            }
            if !has_blanks {
                continue;
            }
            let Tensor { backend, sources, reads, .. } = *self.at(id);
            for source in sources.into_iter().take(usize::from(reads)) {
                let source = &mut self.tensors[source as usize];
                if source.backend == UNASSIGNED && source.kind == Kind::Blank {
                    source.backend = backend;
                }
            }
        }
        self.order = order;
    }

    /// The backend that stored values or weights draw an operation to.
    fn preferred_backend(&self, id: u32, host: Backend) -> Backend {
        let tensor = self.at(id);
        if tensor.owner != id {
            let owner = self.at(tensor.owner);
            if matches!(owner.kind, Kind::State | Kind::Weight) {
                return owner.backend;
            }
        }
        if tensor.preference == BackendPreference::Neighbours || !tensor.reads_weights {
            return UNASSIGNED;
        }
        let mut sources = tensor.sources().iter().map(|source| self.at(*source));
        match sources.find(|source| source.kind == Kind::Weight) {
            Some(weight)
                if weight.backend == host && tensor.preference == BackendPreference::Device =>
            {
                0
            }
            Some(weight) => weight.backend,
            None => UNASSIGNED,
        }
    }

    /// Propagates the backend of each operation to the unassigned ones after it, and returns
    /// whether some are left.
    fn spread<'o>(
        &mut self,
        host: Backend,
        spread: Spread,
        order: impl Iterator<Item = &'o u32>,
    ) -> bool {
        let mut current = UNASSIGNED;
        let mut left = false;
        for &id in order {
            let tensor = &mut self.tensors[id as usize];
            if tensor.kind == Kind::View {
                continue;
            }
            if tensor.backend == UNASSIGNED {
                tensor.backend = current;
                left |= current == UNASSIGNED;
            } else if tensor.backend == host && spread == Spread::Devices {
                current = UNASSIGNED;
            } else {
                current = tensor.backend;
            }
        }
        left
    }

    /// Cuts the order into splits of one backend each, with copies of the inputs from other
    /// backends at the start of each.
    ///
    /// A host weight starts a split of its own, so that its copy can reuse the memory of the
    /// previous one.
    pub(super) fn split(&mut self, backends: usize) {
        if backends == 1 {
            return;
        }
        let order = std::mem::take(&mut self.order);
        let mut copies = Copies::new(std::mem::take(&mut self.copies), self.tensors.len());
        let mut steps = std::mem::take(&mut self.steps);
        steps.clear();
        // Start of the current split, and the copies made for it.
        let (mut start, mut current) = (0, UNASSIGNED);
        let mut inputs: Vec<(u32, u32)> = Vec::new();
        for (i, &id) in order.iter().enumerate() {
            let tensor = self.at(id);
            if tensor.kind == Kind::View {
                continue;
            }
            let (backend, reads) = (tensor.backend, usize::from(tensor.reads));
            let starts = |source: &u32| {
                let source = self.at(*source);
                source.kind == Kind::Weight && source.backend != backend
            };
            if backend != current
                || (tensor.reads_weights
                    && !inputs.is_empty()
                    && tensor.sources().iter().any(starts))
            {
                self.close_split(&mut steps, &mut inputs, &order[start..i]);
                (start, current) = (i, backend);
            }
            for slot in 0..reads {
                let source = self.tensors[id as usize].sources[slot];
                if self.at(source).backend == backend {
                    continue;
                }
                let copy = copies.find(source, backend).unwrap_or_else(|| {
                    let copy = self.copy(source, backend);
                    copies.add(source, backend, copy);
                    inputs.push((source, copy));
                    copy
                });
                self.tensors[id as usize].sources[slot] = copy;
                self.diverted.push((id, slot as u8, source));
            }
        }
        self.close_split(&mut steps, &mut inputs, &order[start..]);
        (self.order, self.steps, self.copies) = (steps, order, copies.latest);
    }

    fn copy(&mut self, source: u32, backend: Backend) -> u32 {
        let copy = self.push(Kind::Copy, [1; 4], self.at(source).width, &[], None);
        self.set_backend(copy, backend);
        self.copied.push((source, copy.0));
        copy.0
    }

    fn close_split(&mut self, steps: &mut Vec<u32>, inputs: &mut Vec<(u32, u32)>, ops: &[u32]) {
        for (source, copy) in inputs.drain(..) {
            let keep = self.push(Kind::Keep, [1; 4], 1, &[Id(source)], None);
            steps.extend([keep.0, copy]);
        }
        steps.extend_from_slice(ops);
    }
}

/// The copies made so far.
struct Copies {
    /// For each tensor its latest copy, an index into `made`. Most have none, and devices may be
    /// many: a table of all would be most of the work.
    latest: Vec<u32>,
    made: Vec<CopyOf>,
}

/// A copy of a tensor.
struct CopyOf {
    backend: Backend,
    copy: u32,
    /// The copy of the same tensor that was made before it.
    before: u32,
}

impl Copies {
    fn new(mut latest: Vec<u32>, tensors: usize) -> Copies {
        latest.clear();
        latest.resize(tensors, NO_TENSOR);
        Copies { latest, made: Vec::new() }
    }

    fn find(&self, source: u32, backend: Backend) -> Option<u32> {
        let mut at = self.latest[source as usize];
        while let Some(made) = self.made.get(at as usize) {
            if made.backend == backend {
                return Some(made.copy);
            }
            at = made.before;
        }
        None
    }

    fn add(&mut self, source: u32, backend: Backend, copy: u32) {
        let latest = &mut self.latest[source as usize];
        self.made.push(CopyOf { backend, copy, before: *latest });
        *latest = self.made.len() as u32 - 1;
    }
}
