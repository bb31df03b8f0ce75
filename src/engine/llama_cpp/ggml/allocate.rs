//! The allocator: the offset of each tensor of a graph during its lifetime.

use super::size::{ContextRange, Size};
use super::{BufferSizes, BufferType, Graph, Kind};

/// Lifetime and offset of a tensor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    /// Operations that still have to read the tensor.
    readers: u32,
    /// Views of the tensor that still have to be read.
    views: u32,
    /// Offset of the tensor while it has memory.
    offset: Option<Size>,
}

impl Graph {
    /// Allocates every tensor in order and returns the high-water mark of each buffer.
    ///
    /// A pipeline keeps several of the copies that the splits make and of the inputs, for batches in
    /// flight at the same time, and never releases any.
    pub(super) fn allocate(&mut self, types: &[BufferType], copies: u64) -> BufferSizes {
        let mut arenas: Vec<Arena> = types.iter().map(|ty| Arena::new(ty.alignment)).collect();
        let span = &mut { self.span };
        let mut lives = std::mem::take(&mut self.lives);
        lives.clear();
        lives.resize(self.tensors.len(), Life::default());
        let pipeline = copies > 1;
        let copied = if pipeline { self.copied.as_slice() } else { &[] };
        for &id in self.inputs.iter().chain(copied.iter().map(|(_, copy)| copy)) {
            let tensor = self.at(id);
            let size = self.size(id);
            let arena = &mut arenas[usize::from(tensor.backend)];
            let life = &mut lives[id as usize];
            life.offset = Some(arena.take(span, size));
            if pipeline && tensor.kind != Kind::Blank {
                life.readers += 1;
                (1..copies).for_each(|_| _ = arena.take(span, size));
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
                lives[*source as usize].readers += 1;
            }
        }
        for &id in &self.order {
            let tensor = self.at(id);
            let placed = lives[id as usize].offset.is_some();
            if !placed && matches!(tensor.kind, Kind::InPlace | Kind::Fresh | Kind::Copy) {
                let reused = match tensor.kind {
                    Kind::InPlace => self.overwrite(span, id, &mut lives, &mut arenas),
                    _ => None,
                };
                let arena = &mut arenas[usize::from(tensor.backend)];
                let offset = reused.unwrap_or_else(|| arena.take(span, self.size(id)));
                lives[id as usize].offset = Some(offset);
            }
            for &source in tensor.sources() {
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
                    let arena = &mut arenas[usize::from(self.at(owner).backend)];
                    arena.give(span, offset, arena.padded(self.size(owner)));
                }
            }
        }
        self.lives = lives;
        BufferSizes { buffers: arenas.iter().map(|arena| arena.high).collect(), span: *span }
    }

    /// The offset of a source that `id` may overwrite: one of the same shape without another
    /// reader.
    fn overwrite(
        &self,
        span: &mut ContextRange,
        id: u32,
        lives: &mut [Life],
        arenas: &mut [Arena],
    ) -> Option<Size> {
        let source = self.at(id).sources().iter().copied().find(|source| {
            let life = &lives[*source as usize];
            life.offset.is_some()
                && (life.readers, life.views) == (1, 0)
                && self.is_alike(span, id, *source)
        })?;
        let offset = lives[source as usize].offset.take()?;
        let arena = &mut arenas[usize::from(self.at(source).backend)];
        arena.shrink(span, offset, self.size(source), self.size(id));
        Some(offset)
    }
}

/// The memory of one backend: gaps between blocks, and an unlimited tail.
#[derive(Debug)]
struct Arena {
    alignment: i64,
    /// Offset and size of each gap, sorted by offset.
    gaps: Vec<(Size, Size)>,
    /// Offset of the tail.
    tail: Size,
    /// Highest end of any block so far.
    high: Size,
}

impl Arena {
    fn new(alignment: u64) -> Arena {
        let alignment = Size::fixed(alignment.next_power_of_two()).at;
        Arena { alignment, gaps: Vec::new(), tail: Size::default(), high: Size::default() }
    }

    /// Bytes that a block of `size` takes; slopes are multiples of the alignment.
    fn padded(&self, size: Size) -> Size {
        let mask = self.alignment - 1;
        Size { at: size.at.checked_add(mask).map_or(i64::MAX, |at| at & !mask), ..size }
    }

    /// Allocates a block and returns its offset: in the smallest gap that holds it, the last of
    /// equal ones, or else in the tail.
    fn take(&mut self, span: &mut ContextRange, size: Size) -> Size {
        let size = self.padded(size);
        let mut best: Option<(usize, Size)> = None;
        for (i, (_, room)) in self.gaps.iter().enumerate() {
            let fits = span.compare(*room, size).is_ge();
            if fits && best.is_none_or(|(_, least)| span.compare(*room, least).is_le()) {
                best = Some((i, *room));
            }
        }
        let offset = match best {
            Some((i, room)) => {
                let (offset, _) = self.gaps[i];
                if span.equal(room, size) {
                    self.gaps.remove(i);
                } else {
                    self.gaps[i] = (offset + size, room - size);
                }
                offset
            }
            None => {
                let offset = self.tail;
                self.tail = offset + size;
                offset
            }
        };
        let end = offset + size;
        if span.compare(end, self.high).is_gt() {
            self.high = end;
        }
        offset
    }

    /// Frees a block of padded `size`, merging it with adjacent gaps.
    fn give(&mut self, span: &mut ContextRange, offset: Size, size: Size) {
        if size.is_zero() {
            return;
        }
        let mut start = offset;
        let mut end = offset + size;
        // The order of blocks is the same at any context in the range.
        let next = self.gaps.partition_point(|gap| gap.0.at < offset.at);
        let mut joined = next..next;
        if let Some(left) = next.checked_sub(1).map(|i| self.gaps[i])
            && span.equal(left.0 + left.1, start)
        {
            start = left.0;
            joined.start -= 1;
        }
        if let Some(right) = self.gaps.get(next)
            && span.equal(right.0, end)
        {
            end = end + right.1;
            joined.end += 1;
        }
        if span.equal(end, self.tail) {
            self.tail = start;
            self.gaps.truncate(joined.start);
            return;
        }
        let gap = (start, end - start);
        match joined.len() {
            0 => self.gaps.insert(next, gap),
            1 => self.gaps[joined.start] = gap,
            _ => {
                self.gaps[joined.start] = gap;
                self.gaps.remove(next);
            }
        }
    }

    /// Frees the end of a block that shrinks.
    fn shrink(&mut self, span: &mut ContextRange, offset: Size, from: Size, to: Size) {
        let (from, to) = (self.padded(from), self.padded(to));
        if span.compare(from, to).is_gt() {
            self.give(span, offset + to, from - to);
        }
    }
}
