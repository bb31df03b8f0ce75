//! Where each tensor of a graph lies while it is needed.

use super::{BufferType, Graph, Kind};

/// How long a tensor is needed, and where it lies.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    /// Operations that have yet to read it.
    readers: u32,
    /// Views of it that have yet to be read.
    views: u32,
    /// Its offset, while it has memory.
    offset: Option<u64>,
}

impl Graph {
    /// Places every tensor in order and returns the high-water mark of each buffer.
    ///
    /// `copied` are the copies that the splits make. Of those and of the inputs a pipeline keeps
    /// several, for batches that are under way at the same time, and never releases any.
    pub(super) fn allocate(&self, types: &[BufferType], copied: &[u32], copies: u64) -> Vec<u64> {
        let mut arenas: Vec<Arena> = types.iter().map(|ty| Arena::new(ty.alignment)).collect();
        let mut lives = vec![Life::default(); self.tensors.len()];
        let pipeline = copies > 1;
        let copied = if pipeline { copied } else { &[] };
        for &id in self.inputs.iter().chain(copied) {
            let tensor = self.at(id);
            let arena = &mut arenas[usize::from(tensor.backend)];
            let life = &mut lives[id as usize];
            life.offset = Some(arena.take(tensor.bytes));
            if pipeline && tensor.kind != Kind::Blank {
                life.readers += 1;
                (1..copies).for_each(|_| _ = arena.take(tensor.bytes));
            }
        }
        for &id in &self.outputs {
            lives[id as usize].readers += 1;
        }
        for &id in &self.order {
            let tensor = self.at(id);
            if tensor.owner != id {
                lives[tensor.owner as usize].views += 1;
            }
            for source in tensor.sources() {
                lives[source as usize].readers += 1;
            }
        }
        for &id in &self.order {
            let tensor = self.at(id);
            let placed = lives[id as usize].offset.is_some();
            if !placed && matches!(tensor.kind, Kind::InPlace | Kind::Fresh | Kind::Copy) {
                let reused = match tensor.kind {
                    Kind::InPlace => self.overwrite(id, &mut lives, &mut arenas),
                    _ => None,
                };
                let arena = &mut arenas[usize::from(tensor.backend)];
                lives[id as usize].offset = reused.or_else(|| Some(arena.take(tensor.bytes)));
            }
            for source in tensor.sources() {
                let life = &mut lives[source as usize];
                life.readers -= 1;
                if life.readers > 0 || life.views > 0 {
                    continue;
                }
                let owner = self.at(source).owner;
                if owner != source {
                    lives[owner as usize].views -= 1;
                }
                let life = &mut lives[owner as usize];
                if life.readers == 0
                    && life.views == 0
                    && let Some(offset) = life.offset.take()
                {
                    let tensor = self.at(owner);
                    arenas[usize::from(tensor.backend)].give(offset, tensor.bytes);
                }
            }
        }
        arenas.iter().map(|arena| arena.high).collect()
    }

    /// The place of a source that `id` may overwrite: it has the same shape and no other reader.
    fn overwrite(&self, id: u32, lives: &mut [Life], arenas: &mut [Arena]) -> Option<u64> {
        let tensor = self.at(id);
        let source = tensor.sources().find(|source| {
            let parent = self.at(*source);
            let life = &lives[*source as usize];
            life.offset.is_some()
                && (life.readers, life.views) == (1, 0)
                && (parent.shape, parent.width) == (tensor.shape, tensor.width)
        })?;
        let parent = self.at(source);
        let offset = lives[source as usize].offset.take()?;
        arenas[usize::from(parent.backend)].shrink(offset, parent.bytes, tensor.bytes);
        Some(offset)
    }
}

/// The memory of one backend: gaps between blocks, and an endless tail.
#[derive(Debug)]
struct Arena {
    alignment: u64,
    /// Offset and size of each gap, by offset.
    gaps: Vec<(u64, u64)>,
    /// Where the tail begins.
    tail: u64,
    /// The furthest that any block has reached.
    high: u64,
}

impl Arena {
    fn new(alignment: u64) -> Arena {
        Arena { alignment: alignment.max(1), gaps: Vec::new(), tail: 0, high: 0 }
    }

    fn padded(&self, bytes: u64) -> u64 {
        bytes.checked_next_multiple_of(self.alignment).unwrap_or(u64::MAX)
    }

    /// The offset of a new block: in the smallest gap that holds it, the last of equals, or else
    /// in the tail.
    fn take(&mut self, bytes: u64) -> u64 {
        let size = self.padded(bytes);
        let fits = |gap: &(usize, &(u64, u64))| gap.1.1 >= size;
        let best = self.gaps.iter().enumerate().filter(fits).rev().min_by_key(|(_, gap)| gap.1);
        let offset = match best.map(|(i, gap)| (i, *gap)) {
            Some((i, (offset, room))) => {
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
        let mut start = offset;
        let mut end = offset.saturating_add(size);
        let next = self.gaps.partition_point(|gap| gap.0 < offset);
        let mut joined = next..next;
        if let Some(left) = next.checked_sub(1).map(|i| self.gaps[i])
            && left.0 + left.1 == start
        {
            start = left.0;
            joined.start -= 1;
        }
        if let Some(right) = self.gaps.get(next)
            && right.0 == end
        {
            end += right.1;
            joined.end += 1;
        }
        if end == self.tail {
            self.tail = start;
            self.gaps.drain(joined);
        } else {
            self.gaps.splice(joined, [(start, end - start)]);
        }
    }

    /// Returns the end of a block that is to be smaller.
    fn shrink(&mut self, offset: u64, from: u64, to: u64) {
        let (from, to) = (self.padded(from), self.padded(to));
        if from > to {
            self.give(offset.saturating_add(to), from - to);
        }
    }
}
