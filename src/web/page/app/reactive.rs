//! Memos, effects, conditions and lists that add little to the page: Leptos makes each of its own type,
//! with code of its own for making, running and dropping it; these are one for each type of value.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::Arc;

use leptos::prelude::*;

/// A value that follows what `value` reads.
pub fn memo<T>(value: impl Fn() -> T + Send + Sync + 'static) -> Memo<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    fn boxed<T>(value: Box<dyn Fn() -> T + Send + Sync>) -> Memo<T>
    where
        T: PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |_| value())
    }
    boxed(Box::new(value))
}

/// Does something now, and again when what it reads changes.
pub fn effect(run: impl FnMut() + 'static) {
    fn boxed(mut run: Box<dyn FnMut()>) {
        Effect::new(move |_| run());
    }
    boxed(Box::new(run));
}

/// Shows its children while `when` holds.
#[component]
pub fn Show(
    /// The condition.
    #[prop(into)]
    when: Signal<bool>,
    /// What is shown while it does not hold.
    #[prop(optional, into)]
    fallback: ViewFn,
    children: ChildrenFn,
) -> impl IntoView {
    let when = memo(move || when.get());
    move || if when.get() { children() } else { fallback.run() }
}

/// Shows a view of each item, and keeps the one of an item whose key stays.
#[component]
pub fn For<I, T, K, V>(
    /// The items.
    each: impl Fn() -> I + Send + Sync + 'static,
    /// What tells an item from the others.
    key: impl Fn(&T) -> K + Send + Sync + 'static,
    /// The view of an item.
    children: impl Fn(T) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    I: IntoIterator<Item = T>,
    T: Send + 'static,
    K: Hash,
    V: IntoView + 'static,
{
    type Items = Box<dyn Fn() -> Vec<Item> + Send + Sync>;
    type Item = (u64, Box<dyn FnOnce() -> AnyView + Send>);
    #[allow(clippy::disallowed_methods)]
    fn boxed(each: Items) -> AnyView {
        let view = |(_, view): Item| view();
        view! { <leptos::prelude::For each key=|item: &Item| item.0 children=view /> }.into_any()
    }
    let children = Arc::new(move |item| children(item).into_any());
    boxed(Box::new(move || {
        let item = |item: T| -> Item {
            // 64 bits of SipHash: of a million keys two are alike once in 30 million lists.
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key(&item));
            let children = Arc::clone(&children);
            (hash, Box::new(move || children(item)))
        };
        each().into_iter().map(item).collect()
    }))
}

/// Gathers views: a list of views of any kind is of one type.
pub trait CollectAny {
    /// All of them as one view.
    fn collect_any(self) -> AnyView;
}

impl<I: IntoIterator<Item: IntoView + 'static>> CollectAny for I {
    fn collect_any(self) -> AnyView {
        self.into_iter().map(IntoAny::into_any).collect::<Vec<AnyView>>().into_any()
    }
}
