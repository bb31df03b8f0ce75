//! How the page shows the question: language, colours, the cell that is open and what is shown of it.
//! Keys `lang`, `theme`, `cell` and `tab`.

use std::fmt;

use super::notation::{Notation, is_digits, words};
use super::{Bounds, ParseError, Scenario, View};

words! {
    /// Interface language, by its BCP 47 code.
    Lang {
        /// English.
        En = "en",
        /// Russian.
        Ru = "ru",
    }
}

words! {
    /// Colour scheme.
    Theme {
        /// Dark ink on light paper.
        Light = "light",
        /// The reverse.
        Dark = "dark",
    }
}

words! {
    /// What of the open cell is shown.
    CellTab {
        /// What lies in each memory, and how far it would reach.
        Memory = "memory",
        /// How fast it is for one user, and what that rests on.
        Speed = "speed",
        /// How many users it serves, and how they fare.
        Serving = "serving",
        /// What it costs and draws.
        Cost = "cost",
        /// How to get it, start it, check it, keep it and grow it.
        Plan = "plan",
    }
}

impl Scenario {
    /// The question without what only a screen shows of it.
    pub fn without_interface(&self) -> Scenario {
        Scenario {
            lang: None,
            theme: None,
            embed: false,
            view: View::default(),
            selected: None,
            tab: CellTab::Memory,
            unused: Vec::new(),
            ..self.clone()
        }
    }
}

/// The cell whose bill is open: indices into models, machines, quantisations and engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selected {
    /// Index into `models`.
    pub model: usize,
    /// Index into `machines`.
    pub machine: usize,
    /// Index into `quants`.
    pub quant: usize,
    /// Index into `engines`.
    pub engine: usize,
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Selected { model, machine, quant, engine } = self;
        write!(f, "{model}.{machine}.{quant}")?;
        match engine {
            0 => Ok(()),
            engine => write!(f, ".{engine}"),
        }
    }
}

impl Notation for Selected {
    fn parse(text: &str) -> Result<Selected, ParseError> {
        let malformed = || ParseError::malformed(Selected::accepted());
        let index = |n: &str| match n.parse::<u64>() {
            Ok(index) if is_digits(n) && Bounds::MODELS.contains(index) => Ok(index as usize),
            _ => Err(malformed()),
        };
        let parts = text.split('.').map(index).collect::<Result<Vec<_>, _>>()?;
        match parts.as_slice() {
            [model, machine, quant] => {
                Ok(Selected { model: *model, machine: *machine, quant: *quant, engine: 0 })
            }
            [model, machine, quant, engine] => {
                Ok(Selected { model: *model, machine: *machine, quant: *quant, engine: *engine })
            }
            _ => Err(malformed()),
        }
    }

    fn accepted() -> String {
        "model.machine.quant, model.machine.quant.engine".to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Selected> {
        use proptest::prelude::*;
        let index = || Bounds::MODELS.any().prop_map(|n| n as usize);
        let indices = (index(), index(), index(), index());
        let selected = |(model, machine, quant, engine)| Selected { model, machine, quant, engine };
        indices.prop_map(selected).boxed()
    }
}
