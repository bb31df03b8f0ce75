//! Work for every core.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::sort;

/// Returns what `work` makes of each number below `n`, in order; on every core where there are
/// threads. Each thread takes the next number when it is free.
pub fn on_every_core<T: Send>(n: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = match cfg!(target_arch = "wasm32") {
        true => 1,
        false => std::thread::available_parallelism().map_or(1, usize::from).min(n),
    };
    if cores <= 1 {
        return (0..n).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Relaxed);
            if at >= n {
                return done;
            }
            done.push((at, work(at)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for thread in others {
            done.extend(thread.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
        }
        done
    });
    sort::by_key(&mut done, |(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}
