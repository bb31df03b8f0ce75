//! Sorting, by one instance of the standard sort for all that is sorted: each of them is 4 kB of the
//! page, and there were twenty.

use std::cmp::Ordering;

/// Returns the indexes of `n` items in the order of `compare`; equal items keep theirs.
pub fn order(n: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Sorts `items` by `compare`; equal items keep their order.
pub fn by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let order = order(items.len(), &|a, b| compare(&items[a], &items[b]));
    arrange(items, order);
}

/// Sorts `items` by a key that is made once for each; equal items keep their order.
pub fn by_key<T, K: Ord>(items: &mut [T], key: impl FnMut(&T) -> K) {
    let keys: Vec<K> = items.iter().map(key).collect();
    arrange(items, order(keys.len(), &|a, b| keys[a].cmp(&keys[b])));
}

/// Sorts `items` and leaves one of several equal ones.
pub fn distinct<T: Ord>(items: &mut Vec<T>) {
    by(items, T::cmp);
    items.dedup();
}

/// Moves the item with the index `order[i]` to the place `i`, for each `i`.
fn arrange<T>(items: &mut [T], mut order: Vec<usize>) {
    for first in 0..items.len() {
        // Items change places in a cycle, which ends at the place of its first.
        let mut at = first;
        loop {
            let from = std::mem::replace(&mut order[at], at);
            if from == first {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library(items: Vec<(u8, u32)>) {
            let (mut ours, mut theirs) = (items.clone(), items.clone());
            by_key(&mut ours, |item| item.0);
            theirs.sort_by_key(|item| item.0);
            prop_assert_eq!(&ours, &theirs);
            by(&mut ours, |a, b| b.0.cmp(&a.0));
            theirs.sort_by_key(|item| std::cmp::Reverse(item.0));
            prop_assert_eq!(&ours, &theirs);
            distinct(&mut ours);
            theirs.sort();
            theirs.dedup();
            prop_assert_eq!(ours, theirs);
        }
    }
}
