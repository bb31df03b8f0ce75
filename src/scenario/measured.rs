//! Measurements of the user's own, by which estimates for a machine are corrected.

use super::query::{self, Refused};
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

impl Measurement {
    /// Reads one entry of the list under `measured`.
    pub(super) fn read(part: &str) -> Result<Measurement, Refused> {
        let fields: Vec<&str> = part.split('/').collect();
        let [machine, engine, model, quant, readings] = fields.as_slice() else {
            return Err(Refused::form(FORM));
        };
        let readings = readings.split(',').map(Reading::parse).collect::<Option<Vec<_>>>();
        let most = Bounds::READINGS.max as usize;
        let readings = readings.filter(|list| !list.is_empty() && list.len() <= most);
        Ok(Measurement {
            machine: query::machine(machine)?,
            engine: query::engine(engine.trim())?,
            model: query::model_id(model.trim())?,
            quant: query::quant(quant.trim())?,
            readings: readings.ok_or_else(|| Refused::form(FORM))?,
        })
    }

    /// The entry as [`Measurement::read`] reads it.
    pub(super) fn text(&self) -> String {
        let name = |text: &str| text.replace('/', "%2F");
        let readings: Vec<String> = self.readings.iter().map(Reading::to_string).collect();
        [
            name(&self.machine.to_query()),
            self.engine.to_string(),
            name(&query::entry(&self.model)),
            self.quant.to_string(),
            readings.join(","),
        ]
        .join("/")
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

    /// Keeps `new` instead of what was measured before of the same cell.
    pub fn measure(&mut self, new: Measurement) {
        let Measurement { machine, engine, model, quant, .. } = &new;
        let same = |m: &Measurement| {
            (&m.machine, &m.engine, &m.model, &m.quant) == (machine, engine, model, quant)
        };
        self.measured.retain(|m| !same(m));
        if !new.readings.is_empty() && (self.measured.len() as u64) < Bounds::MEASURED.max {
            self.measured.push(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{ProblemKind, Scenario};

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
        assert_eq!(first.text(), value);
        let (again, problems) = Scenario::from_query(&scenario.to_query());
        assert_eq!((again.serving, problems), (scenario.serving.clone(), Vec::new()));
        assert_eq!(second.readings.len(), 1);
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
