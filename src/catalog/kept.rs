//! A list that only grows, so that what is in it can be borrowed for as long as the list lives.

use std::sync::OnceLock;

/// What was made on request. An entry never moves and is never dropped before the list is.
pub(super) struct Kept<T>(OnceLock<Box<Entry<T>>>);

struct Entry<T> {
    value: T,
    next: Kept<T>,
}

impl<T> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept(OnceLock::new())
    }
}

impl<T> Kept<T> {
    /// The entry that `is_it`.
    pub fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<&T> {
        let mut list = self;
        while let Some(entry) = list.0.get() {
            if is_it(&entry.value) {
                return Some(&entry.value);
            }
            list = &entry.next;
        }
        None
    }

    /// Adds an entry to the end.
    pub fn add(&self, value: T) -> &T {
        let mut new = Some(Box::new(Entry { value, next: Kept::default() }));
        let mut list = self;
        loop {
            // Another thread may have added one meanwhile: this one goes behind it.
            let entry = list.0.get_or_init(|| new.take().expect("it is added once"));
            if new.is_none() {
                return &entry.value;
            }
            list = &entry.next;
        }
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        // One by one: entries that drop each other would need as deep a stack.
        let mut next = self.0.take();
        while let Some(mut entry) = next {
            next = entry.next.0.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn entries_stay_where_they_are_whoever_adds_more() {
        let list = Kept::default();
        let first = list.add(0);
        std::thread::scope(|scope| {
            for thread in 1..=4 {
                let list = &list;
                scope.spawn(move || (0..1000).for_each(|n| _ = list.add(thread * 1000 + n)));
            }
        });
        assert_eq!(*first, 0);
        for n in 1000..5000 {
            assert_eq!(list.find(|entry| *entry == n), Some(&n));
        }
        assert_eq!(list.find(|entry| *entry == 5000), None);
    }

    #[test]
    fn a_long_list_is_dropped_without_a_deep_stack() {
        let list = Kept::default();
        let mut last = &list;
        for n in 0..300_000 {
            // From the last entry on, as `add` would search from the first.
            last.add(n);
            last = &last.0.get().unwrap().next;
        }
        drop(list);
    }
}
