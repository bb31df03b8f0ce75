//! What lies in one memory, drawn to scale: a stacked bar over a ruler.

use leptos::prelude::*;

use crate::page::app::reactive::CollectAny;

use crate::page::app::state::{State, use_state};
use crate::page::app::text::{self, tr};
use crate::page::bill::Place;
use headroom::report::{BillItem, Term};
use headroom::units::Bytes;

/// The share of a bar from which on a part of it has room for its name.
const NAMED: f64 = 0.1;

/// The bar of `place`, with the same in words for those who don't see it.
#[component]
pub fn Bar(place: Memo<Place>) -> impl IntoView {
    let state = use_state();
    move || place.with(|place| draw(state, place))
}

fn draw(state: State, place: &Place) -> impl IntoView + use<> {
    let length = place.length();
    let share = |bytes: Bytes| bytes.0 as f64 / length.0.max(1) as f64;
    let percent = |bytes: Bytes| format!("{}%", share(bytes) * 100.0);
    let segment = |item: &BillItem| {
        let bytes = item.bytes.expected;
        let title = format!("{}: {}", text::term(state, item.term), state.quantity(bytes));
        // On others' textures a name could not be read.
        let is_plain = matches!(item.term, Term::Weights | Term::KvCache);
        view! {
            <span
                class="segment"
                data-term=text::item_key(item)
                title=title.clone()
                style:inline-size=percent(bytes)
            >
                {(is_plain && share(bytes) > NAMED).then_some(title.clone())}
            </span>
        }
    };
    let free = Bytes(place.headroom.try_into().unwrap_or_default());
    let free = (share(free) > NAMED).then(|| free_words(state, place));
    let mark = |bytes: Bytes| {
        let text = state.quantity(bytes);
        let text =
            if bytes == Bytes::ZERO { text.number } else { ruler_text(&text.number, text.unit) };
        view! {
            <span
                class="ruler-mark"
                class:ruler-end={ bytes.0 as f64 > 0.93 * length.0 as f64 }
                style:inset-inline-start=percent(bytes)
            >
                {text}
            </span>
        }
    };
    let (usable, used) = (place.usable, place.used);
    view! {
        <div class="bar" role="img" aria-label=words(state, place)>
            <div class="bar-vessel" style:inline-size=percent(usable)>{free}</div>
            <div class="bar-stack">{place.drawn().map(segment).collect_any()}</div>
            <div
                class="bar-doubt"
                class:bar-sure={ used.low == used.high }
                style:inset-inline-start=percent(used.low)
                style:inline-size=percent(used.high - used.low)
            ></div>
            <div class="bar-brim" style:inset-inline-start=percent(usable)></div>
            <div class="ruler">
                {state.units.get().ruler(length).into_iter().map(mark).collect_any()}
            </div>
        </div>
    }
}

/// `20.0` reads better as `20` on a ruler whose marks are round.
pub fn ruler_text(number: &str, unit: &str) -> String {
    let short = number.trim_end_matches('0');
    let short = match short.strip_suffix(['.', ',']) {
        Some(whole) => whole,
        None if number.contains(['.', ',']) => short,
        None => number,
    };
    format!("{short}\u{a0}{unit}")
}

/// Says how much room is left.
fn free_words(state: State, place: &Place) -> String {
    format!("{} {}", tr!(state, bill.free), state.amount(place.headroom))
}

/// The bar in words.
fn words(state: State, place: &Place) -> String {
    let item = |item: &BillItem| {
        format!("{} {}", text::term(state, item.term), state.quantity(item.bytes.expected))
    };
    let mut parts: Vec<String> = place.drawn().map(item).collect();
    let headroom = place.headroom;
    parts.push(match headroom >= 0 {
        true => free_words(state, place),
        false => tr!(state, bill.short, amount = state.amount(headroom)),
    });
    tr!(state, bill.bar, device = place.title(state), parts = parts.join(", "))
}
