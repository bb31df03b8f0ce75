//! Memos, effects and conditions that add little to the page: Leptos makes each of its own type, with
//! code of its own for making, running and dropping it; these are one for each type of value.

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
