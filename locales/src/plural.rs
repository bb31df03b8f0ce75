//! The plural forms of a language, by the browser's own `Intl.PluralRules`.
//!
//! The code that leptos_i18n generates names a handful of items of ICU's crate; `build.rs` turns
//! those paths to the items here. ICU's rules and its parser of locales would be 12 kB of the
//! page's download, of what every browser has.

use std::cell::RefCell;

use js_sys::{Array, Intl};
use leptos_i18n::Locale as _;

use crate::i18n::Locale;

/// A form of plurals, as CLDR names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluralCategory {
    /// No two of these languages use it.
    Zero,
    /// Such as "1 layer".
    One,
    /// In no language here.
    Two,
    /// Such as "2 слоя".
    Few,
    /// Such as "5 слоёв".
    Many,
    /// Such as "2 layers".
    Other,
}

/// What is counted: cardinals only.
pub enum PluralRuleType {
    /// "2 layers", not "the second layer".
    Cardinal,
}

/// A whole number, as it is counted.
#[derive(Clone, Copy)]
pub struct PluralOperands(f64);

impl From<u64> for PluralOperands {
    fn from(n: u64) -> PluralOperands {
        PluralOperands(n as f64)
    }
}

impl From<usize> for PluralOperands {
    fn from(n: usize) -> PluralOperands {
        PluralOperands(n as f64)
    }
}

/// A function that counts, as views take it.
pub trait InterpolatePluralCount: Fn() -> Self::Count + Clone + Send + Sync + 'static {
    /// What it returns.
    type Count: Into<PluralOperands>;
}

impl<N: Into<PluralOperands>, F: Fn() -> N + Clone + Send + Sync + 'static> InterpolatePluralCount
    for F
{
    type Count = N;
}

/// The rules of a language.
#[derive(Clone, Copy)]
pub struct PluralRules(Locale);

/// The rules of `locale`.
pub fn get_plural_rules(locale: Locale, _: PluralRuleType) -> PluralRules {
    PluralRules(locale)
}

thread_local! {
    static RULES: RefCell<Option<(Locale, Intl::PluralRules)>> = const { RefCell::new(None) };
}

impl PluralRules {
    /// The form for `count`.
    pub fn category_for(&self, count: impl Into<PluralOperands>) -> PluralCategory {
        let form = RULES.with_borrow_mut(|rules| {
            let new = || {
                let name = Array::of1(&self.0.as_str().into());
                (self.0, Intl::PluralRules::new(&name, &js_sys::Object::new()))
            };
            let (_, rules) = match rules.take() {
                Some(known) if known.0 == self.0 => rules.insert(known),
                _ => rules.insert(new()),
            };
            rules.select(count.into().0)
        });
        match String::from(form).as_str() {
            "zero" => PluralCategory::Zero,
            "one" => PluralCategory::One,
            "two" => PluralCategory::Two,
            "few" => PluralCategory::Few,
            "many" => PluralCategory::Many,
            _ => PluralCategory::Other,
        }
    }
}
