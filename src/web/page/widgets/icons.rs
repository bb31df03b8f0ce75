//! The few shapes that are drawn, as inline SVG in the colour of the text around them.

use leptos::prelude::*;

use headroom::report::Verdict;

/// A verdict's shape: they differ without colour.
#[component]
pub fn VerdictIcon(verdict: Verdict) -> impl IntoView {
    let shape = match verdict {
        // A full disc with a tick.
        Verdict::Fits => view! {
            <circle cx="8" cy="8" r="7" fill="currentColor" />
            <path d="M4.6 8.2 7 10.6 11.4 5.8" class="icon-cut" />
        }
        .into_any(),
        // A triangle: take care.
        Verdict::Tight => view! {
            <path d="M8 2 14.6 13.6H1.4Z" class="icon-line" />
            <path d="M8 6.2V9.8M8 11.2V12.6" class="icon-line" />
        }
        .into_any(),
        // A square in two halves, one of them filled.
        Verdict::Offload => view! {
            <rect x="2" y="2" width="12" height="12" class="icon-line" />
            <rect x="2" y="2" width="6" height="12" fill="currentColor" />
        }
        .into_any(),
        // A cross.
        Verdict::No => {
            view! { <path d="M3 3 13 13M13 3 3 13" class="icon-line icon-bold" /> }.into_any()
        }
    };
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            {shape}
        </svg>
    }
}

/// Takes something out.
#[component]
pub fn Cross() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M4 4 12 12M12 4 4 12" class="icon-line" />
        </svg>
    }
}

/// A button that takes something out.
#[component]
pub fn RemoveButton(
    /// What it does.
    #[prop(into)]
    label: Signal<String>,
    /// Takes it out.
    #[prop(into)]
    remove: Callback<()>,
    /// For tests.
    testid: &'static str,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="button button-icon button-quiet"
            data-testid=testid
            aria-label=label
            on:click=move |_| remove.run(())
        >
            <Cross />
        </button>
    }
}

/// One fewer.
#[component]
pub fn Minus() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M3 8H13" class="icon-line" />
        </svg>
    }
}

/// Adds something, or one more.
#[component]
pub fn Plus() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M8 3V13M3 8H13" class="icon-line" />
        </svg>
    }
}

/// A link in a chain.
#[component]
pub fn Link() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path
                d="M6.5 9.5 9.5 6.5M7.5 4.5 9 3a2.8 2.8 0 0 1 4 4L11.5 8.5M8.5 11.5 7 13a2.8 2.8 0 0 1-4-4L4.5 7.5"
                class="icon-line"
            />
        </svg>
    }
}

/// The other colour scheme.
#[component]
pub fn HalfDisc() -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <circle cx="8" cy="8" r="6.2" class="icon-line" />
            <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4Z" fill="currentColor" />
        </svg>
    }
}

/// The page's mark: a bar with room left above it.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
            <path d="M1 3h3M1 7.5h2M1 12h3M1 16.5h2M1 21h3" class="icon-line" />
            <rect x="7" y="3" width="14" height="18" class="icon-line" />
            <rect x="10" y="11" width="8" height="7" class="mark-fill" />
        </svg>
    }
}
