//! Measurements of the user's own, by which estimates for a machine are corrected.

use std::fmt;

#[cfg(test)]
use super::machine::ModelId;
#[cfg(test)]
use super::notation::Codec as _;
use super::notation::Notation;
use super::query::{ParseError, escape_entry, unescape_entry};
use super::{Bounds, Engine, Machine, Reading, Serving};
use crate::quant::Quant;

/// What was measured of one model on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The machine.
    pub machine: Machine,
    /// The engine.
    pub engine: Engine,
    /// Model id as typed.
    pub model: String,
    /// The quantisation.
    pub quant: Quant,
    /// What was read.
    pub readings: Vec<Reading>,
}

const FORM: &str = "machine/engine/model/quant/tg:38.2,pp512:2100 (tg@4096:35, tgx8:160, \
                    tpot1024+512x8:23, ttft1024:350)";

impl Notation for Measurement {
    fn parse(text: &str) -> Result<Measurement, ParseError> {
        let fields: Vec<&str> = text.split('/').collect();
        let [machine, engine, model, quant, readings] = fields.as_slice() else {
            return Err(ParseError::malformed(FORM));
        };
        let readings = readings.split(',').map(Reading::parse).collect::<Option<Vec<_>>>();
        let readings = readings.filter(|list| Bounds::READINGS.contains(list.len() as u64));
        Ok(Measurement {
            machine: Machine::parse(machine).map_err(|error| {
                error.within(|machine| {
                    let rest = text.split_once('/').map_or("", |(_, rest)| rest);
                    format!("{machine}/{rest}")
                })
            })?,
            engine: Engine::parse(engine.trim())?,
            model: unescape_entry(model.trim()),
            quant: <Quant as Notation>::parse(quant.trim())?,
            readings: readings.ok_or_else(|| ParseError::malformed(FORM))?,
        })
    }

    fn accepted() -> String {
        FORM.to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Measurement> {
        use proptest::prelude::*;
        let readings = proptest::collection::vec(Reading::any(), 1..=Bounds::READINGS.max as usize);
        (Machine::any(), Engine::any(), ModelId.any(), Quant::any(), readings)
            .prop_map(|(machine, engine, model, quant, readings)| Measurement {
                machine,
                engine,
                model,
                quant,
                readings,
            })
            .boxed()
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |text: &str| text.replace('/', "%2F");
        let (machine, model) = (self.machine.to_string(), escape_entry(&self.model));
        let readings: Vec<String> = self.readings.iter().map(Reading::to_string).collect();
        let (machine, model, readings) = (name(&machine), name(&model), readings.join(","));
        write!(f, "{machine}/{}/{model}/{}/{readings}", self.engine, self.quant)
    }
}

impl Serving {
    /// The measurements that bear on `machine` under `engine`.
    pub fn measured_on<'a>(
        &'a self,
        machine: &Machine,
        engine: Engine,
    ) -> impl Iterator<Item = &'a Measurement> {
        self.measured.iter().filter(move |m| m.machine == *machine && m.engine == engine)
    }

    /// Keeps `new` instead of what was measured before of the same cell. False, and nothing is
    /// changed, where there are [`Bounds::MEASURED`] already.
    pub fn measure(&mut self, new: Measurement) -> bool {
        let Measurement { machine, engine, model, quant, .. } = &new;
        let same = |m: &Measurement| {
            (&m.machine, &m.engine, &m.model, &m.quant) == (machine, engine, model, quant)
        };
        let others = self.measured.iter().filter(|m| !same(m)).count() as u64;
        if !new.readings.is_empty() && others >= Bounds::MEASURED.max {
            return false;
        }
        self.measured.retain(|m| !same(m));
        if !new.readings.is_empty() {
            self.measured.push(new);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Bounds, ProblemKind, Reading, Scenario};

    #[test]
    fn measurements_survive_the_link() {
        let value = "rtx-4090*2,rtx-3090/llama.cpp/qwen3-32b/Q4_K_M/tg:38.2,pp512:2100";
        let other = "apple-m4-max-40c@64/mlx/odd%252Fid/MLX-4bit/tg@4096:20";
        let (scenario, problems) = Scenario::from_query(&format!("measured={value};{other}"));
        assert_eq!(problems, []);
        let [first, second] = scenario.serving.measured.as_slice() else {
            panic!("{:?}", scenario.serving.measured);
        };
        assert_eq!((first.machine.devices.len(), first.readings.len()), (2, 2));
        assert_eq!(first.to_string(), value);
        let (again, problems) = Scenario::from_query(&scenario.to_query());
        assert_eq!((again.serving, problems), (scenario.serving.clone(), Vec::new()));
        assert_eq!(second.readings.len(), 1);
    }

    #[test]
    fn one_more_than_there_may_be_is_not_kept() {
        let one = |n: u64| format!("rtx-4090/llama.cpp/m{n}/Q4_K_M/tg:{}", n + 1);
        let all: Vec<String> = (0..Bounds::MEASURED.max).map(one).collect();
        let (mut scenario, problems) = Scenario::from_query(&format!("measured={}", all.join(";")));
        assert_eq!(problems, []);
        let before = scenario.serving.clone();
        let mut more = before.measured[0].clone();
        more.model = "another".to_owned();
        assert!(!scenario.serving.measure(more));
        assert_eq!(scenario.serving, before);
        let mut again = before.measured[0].clone();
        again.readings = vec![Reading::FirstToken { prompt: 8, us: 9 }];
        assert!(scenario.serving.measure(again.clone()));
        assert_eq!(scenario.serving.measured.last(), Some(&again));
    }

    #[test]
    fn what_cannot_be_used_says_what_can() {
        for value in [
            "42",
            "rtx-4090/llama.cpp/qwen3-32b/Q4_K_M",
            "rtx-4090/llama.cpp/qwen3-32b/Q4_K_M/tg:fast",
            "rtx-4090/llama.cpp/qwen3-32b/Q4_K_M/",
            "rtx-4090/llama.cpp/qwen3-32b/Q9/tg:5",
            "rtx-4090/nothing/qwen3-32b/Q4_K_M/tg:5",
            "rtx-4090*0/llama.cpp/qwen3-32b/Q4_K_M/tg:5",
            "/llama.cpp/qwen3-32b/Q4_K_M/tg:5",
        ] {
            let (scenario, problems) = Scenario::from_query(&format!("measured={value}"));
            assert_eq!(problems.len(), 1, "{value}");
            assert!(!problems[0].accepted.is_empty());
            assert!(problems[0].reason != ProblemKind::UnknownKey);
            assert!(scenario.serving.measured.is_empty());
            assert_eq!(scenario.unused.len(), 1, "nothing typed is lost");
        }
    }
}
