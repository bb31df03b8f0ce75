//! Why an engine does not run what is asked of it.

use crate::catalog::Model;
use crate::report::{Adjustment, EngineRefusal, Notice, RefusalReason, Suggestion};
use crate::scenario::Engine;

/// What an engine refuses or silently changes, why, and what it takes instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that stands against it.
    pub rule: RefusalReason,
    /// What was asked for: a format, a device, a setting.
    pub asked: String,
    /// The nearest that the engine does take.
    pub nearest: Vec<Suggestion>,
}

impl Refusal {
    /// A refusal of `asked` that suggests nothing.
    pub(super) fn new(rule: RefusalReason, asked: impl ToString) -> Refusal {
        Refusal { rule, asked: asked.to_string(), nearest: Vec::new() }
    }

    /// A refusal of the setting `key=value`.
    pub(super) fn of(rule: RefusalReason, key: &str, value: impl ToString) -> Refusal {
        Refusal::new(rule, format!("{key}={}", value.to_string()))
    }

    /// This refusal with `key=value` as the nearest setting that is accepted.
    pub(super) fn set(self, key: &str, value: impl ToString) -> Refusal {
        self.or(Suggestion::set(key, value))
    }

    /// This refusal with one more suggestion.
    pub(super) fn or(mut self, nearest: impl Into<Suggestion>) -> Refusal {
        self.nearest.push(nearest.into());
        self
    }

    /// This refusal as a notice about `model` under `engine`.
    pub fn notice(self, engine: Engine, model: &Model) -> Notice {
        let Refusal { rule, asked, nearest } = self;
        let (id, engine) = (model.id.clone(), engine.name().to_owned());
        Notice::EngineRefuses(Box::new(EngineRefusal { id, engine, asked, rule, nearest }))
    }

    /// A notice that `engine` goes on with the nearest setting instead.
    pub fn adjustment(self, engine: Engine) -> Notice {
        let Refusal { rule, asked, nearest } = self;
        let engine = engine.name().to_owned();
        Notice::EngineAdjusts(Box::new(Adjustment { engine, asked, rule, nearest }))
    }
}
