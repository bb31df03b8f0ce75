//! What a list can hold: model ids, machines, quantisations, engines. Keys `model`, `hw`, `quant`
//! and `engine`.

use std::fmt;

use super::notation::{Codec, Control, Notation, Number, Unit};
use super::query::{ParseError, ProblemKind, escape_entry, unescape_entry};
use super::{Bounds, Engine};
use crate::quant::Quant;

/// Devices that work together in one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Device ids as typed, each with how many of them there are.
    pub devices: Vec<DeviceCount>,
}

/// `count` devices of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceCount {
    /// Id or alias as typed.
    pub id: String,
    /// At least 1.
    pub count: u32,
    /// Memory size in GB, where the device is sold in several.
    pub memory_gb: Option<u32>,
}

impl DeviceCount {
    /// One device.
    pub fn one(id: &str) -> DeviceCount {
        DeviceCount { id: id.to_owned(), count: 1, memory_gb: None }
    }
}

/// The form of a machine.
const FORM: &str = "id*count, id@GB";

impl Machine {
    /// A machine with one device.
    pub fn with(id: &str) -> Machine {
        Machine { devices: vec![DeviceCount::one(id)] }
    }

    /// The machine in query notation, such as `rtx-4090*2,rtx-3090`.
    pub fn to_query(&self) -> String {
        self.to_string()
    }

    /// The machine that a link writes as `text`, such as `rtx-3090*2`; `None` if it is no machine.
    pub fn from_query(text: &str) -> Option<Machine> {
        Notation::parse(text).ok()
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices: Vec<String> = self.devices.iter().map(DeviceCount::to_string).collect();
        f.write_str(&devices.join(","))
    }
}

impl fmt::Display for DeviceCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape_entry(&self.id))?;
        if let Some(gb) = self.memory_gb {
            write!(f, "@{gb}")?;
        }
        match self.count {
            1 => Ok(()),
            count => write!(f, "*{count}"),
        }
    }
}

impl Notation for Machine {
    fn parse(text: &str) -> Result<Machine, ParseError> {
        let parts = text.split(',').map(str::trim).filter(|device| !device.is_empty());
        let parts: Vec<&str> = parts.collect();
        let device = |(at, part): (usize, &&str)| {
            let whole = |nearest: String| {
                let mut parts = parts.clone();
                parts[at] = &nearest;
                parts.join(",")
            };
            parse_device(part).map_err(|error| error.within(whole))
        };
        let devices = parts.iter().enumerate().map(device).collect::<Result<Vec<_>, _>>()?;
        if devices.is_empty() {
            return Err(ParseError::malformed(FORM));
        }
        let count: u64 = devices.iter().map(|device| u64::from(device.count)).sum();
        for (n, most) in [(devices.len() as u64, Bounds::KINDS), (count, Bounds::DEVICES)] {
            if n > most.max {
                return Err(ParseError::new(ProblemKind::TooMany, most.to_string()));
            }
        }
        Ok(Machine { devices })
    }

    fn accepted() -> String {
        FORM.to_owned()
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Machine> {
        use proptest::prelude::*;
        let (count, memory_gb) = (1u32..=32, proptest::option::of(1u32..=4096));
        let device = (ModelId.any(), count, memory_gb)
            .prop_map(|(id, count, memory_gb)| DeviceCount { id, count, memory_gb });
        let devices = proptest::collection::vec(device, 1..4);
        devices.prop_map(|devices| Machine { devices }).boxed()
    }
}

fn parse_device(text: &str) -> Result<DeviceCount, ParseError> {
    let number = |bounds, text: &str| Number(bounds, Unit::Count).parse(text.trim());
    let (text, count) = match text.rsplit_once('*') {
        Some((id, count)) => {
            let count = number(Bounds::DEVICES, count);
            (id, count.map_err(|error| error.within(|count| format!("{id}*{count}")))? as u32)
        }
        None => (text, 1),
    };
    let (text, memory_gb) = match text.rsplit_once('@') {
        Some((id, gb)) => {
            let gb = number(Bounds::DEVICE_MEMORY_GB, gb);
            let whole = |gb| match count {
                1 => format!("{id}@{gb}"),
                count => format!("{id}@{gb}*{count}"),
            };
            (id, Some(gb.map_err(|error| error.within(whole))? as u32))
        }
        None => (text, None),
    };
    let id = unescape_entry(text.trim());
    if id.is_empty() {
        return Err(ParseError::malformed(FORM));
    }
    Ok(DeviceCount { id, count, memory_gb })
}

/// The id of a model as an entry of a list; any is accepted.
#[derive(Clone, Copy, Debug)]
pub struct ModelId;

impl Codec for ModelId {
    type Value = String;

    fn parse(&self, text: &str) -> Result<String, ParseError> {
        Ok(unescape_entry(text))
    }

    fn format(&self, value: &String) -> String {
        escape_entry(value)
    }

    fn accepted(&self) -> String {
        "an id".to_owned()
    }

    fn control(&self) -> Control {
        Control::Text
    }

    #[cfg(test)]
    fn any(&self) -> proptest::strategy::BoxedStrategy<String> {
        use proptest::prelude::*;
        prop_oneof!["[a-z0-9.-]{1,24}", "\\PC{1,12}"]
            .prop_filter("an entry has a name", |id| !id.trim().is_empty())
            .boxed()
    }
}

impl Notation for Quant {
    fn parse(text: &str) -> Result<Quant, ParseError> {
        Quant::parse(text).ok_or_else(|| ParseError::malformed(Quant::accepted()))
    }

    fn accepted() -> String {
        Quant::all().map(|quant| quant.to_string()).collect::<Vec<_>>().join(", ")
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Quant> {
        proptest::strategy::Strategy::boxed(proptest::sample::select(
            Quant::all().collect::<Vec<_>>(),
        ))
    }
}

impl Notation for Engine {
    fn parse(text: &str) -> Result<Engine, ParseError> {
        Engine::from_name(text).ok_or_else(|| ParseError::malformed(Engine::accepted()))
    }

    fn accepted() -> String {
        Engine::ALL.iter().map(|engine| engine.name()).collect::<Vec<_>>().join(", ")
    }

    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Engine> {
        proptest::strategy::Strategy::boxed(proptest::sample::select(Engine::ALL))
    }
}
