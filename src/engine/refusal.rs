//! Why an engine does not run a question as asked.

use crate::catalog::Model;
use crate::report::{Adjustment, EngineRefusal, Notice, RefusalReason, Suggestion};
use crate::scenario::Engine;

/// A setting that an engine refuses or silently changes, the reason, and the nearest it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that is violated.
    pub rule: RefusalReason,
    /// What was requested: a format, a device, a setting.
    pub asked: String,
    /// The nearest alternatives that the engine accepts.
    pub nearest: Vec<Suggestion>,
}

impl Refusal {
    /// Creates a refusal of `asked` without suggestions.
    pub(super) fn new(rule: RefusalReason, asked: impl ToString) -> Refusal {
        Refusal { rule, asked: asked.to_string(), nearest: Vec::new() }
    }

    /// Creates a refusal of the setting `key=value`.
    pub(super) fn of(rule: RefusalReason, key: &str, value: impl ToString) -> Refusal {
        Refusal::new(rule, format!("{key}={}", value.to_string()))
    }

    /// Adds `key=value` as the nearest setting that is accepted.
    pub(super) fn set(self, key: &str, value: impl ToString) -> Refusal {
        self.or(Suggestion::set(key, value))
    }

    /// Adds a suggestion.
    pub(super) fn or(mut self, nearest: impl Into<Suggestion>) -> Refusal {
        self.nearest.push(nearest.into());
        self
    }

    /// Converts the refusal to a notice about `model` under `engine`.
    pub fn notice(self, engine: Engine, model: &Model) -> Notice {
        let Refusal { rule, asked, nearest } = self;
        let id = model.id.clone();
        Notice::EngineRefuses(Box::new(EngineRefusal { id, engine, asked, rule, nearest }))
    }

    /// Converts the refusal to a notice that `engine` uses the nearest setting instead.
    pub fn adjustment(self, engine: Engine) -> Notice {
        let Refusal { rule, asked, nearest } = self;
        Notice::EngineAdjusts(Box::new(Adjustment { engine, asked, rule, nearest }))
    }
}
