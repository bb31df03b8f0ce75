//! Numbers as the reader's language writes them, through `Intl.NumberFormat`.

use std::cell::RefCell;

use headroom_locales::Locale;
use js_sys::{Array, Function, Intl, Object, Reflect};
use leptos::wasm_bindgen::JsValue;

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With three significant digits, always.
    Measured,
    /// Whole.
    Whole,
    /// With three significant digits and the language's word or letter for thousands, millions and
    /// billions.
    Compact,
    /// As short as it can be, with up to four decimals.
    Plain,
}

thread_local! {
    /// Formats made so far.
    static FORMATS: RefCell<Vec<(Locale, Style, Function)>> = const { RefCell::new(Vec::new()) };
}

/// `value` in the language of `locale`.
pub fn write(locale: Locale, style: Style, value: f64) -> String {
    let made = FORMATS.with_borrow(|formats| {
        let found = formats.iter().find(|(l, s, _)| (*l, *s) == (locale, style));
        found.map(|(_, _, format)| format.clone())
    });
    let format = made.unwrap_or_else(|| {
        let format = make(locale, style);
        FORMATS.with_borrow_mut(|formats| formats.push((locale, style, format.clone())));
        format
    });
    let written = format.call1(&JsValue::UNDEFINED, &JsValue::from_f64(value));
    written.ok().and_then(|text| text.as_string()).unwrap_or_else(|| value.to_string())
}

fn make(locale: Locale, style: Style) -> Function {
    let options: &[(&str, JsValue)] = match style {
        Style::Measured => &[
            ("minimumSignificantDigits", JsValue::from_f64(3.0)),
            ("maximumSignificantDigits", JsValue::from_f64(3.0)),
        ],
        Style::Whole => &[("maximumFractionDigits", JsValue::from_f64(0.0))],
        Style::Compact => &[
            ("notation", JsValue::from_str("compact")),
            ("maximumSignificantDigits", JsValue::from_f64(3.0)),
        ],
        Style::Plain => &[("maximumFractionDigits", JsValue::from_f64(4.0))],
    };
    let object = Object::new();
    for (name, value) in options {
        // Setting a field of a plain object cannot fail.
        _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    let tag = match locale {
        Locale::en => "en",
        Locale::ru => "ru",
    };
    Intl::NumberFormat::new(&Array::of1(&JsValue::from_str(tag)), &object).format()
}
