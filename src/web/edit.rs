//! What a click does to the question.
//!
//! Every function leaves the open bill on the cell it was on, or closes it with that cell.

use super::entry::AxisEntry;
use headroom::catalog::CustomDevice;
use headroom::engine;
use headroom::quant::Quant;
use headroom::report::Suggestion;
use headroom::scenario::{Bounds, DeviceCount, Engine, Layout, Machine, Scenario, View};

/// Asks `query`, a question in query notation, in place of the one there is; the page looks as before.
///
/// A machine without a model asks what runs on it, a model without a machine what it needs. A format
/// without an engine is asked of the first that loads it.
pub fn ask(scenario: &mut Scenario, query: &str) {
    let has = |key: &str| query.split('&').any(|pair| pair.split('=').next() == Some(key));
    let (mut asked, _) = Scenario::from_query(query);
    match (has("model"), has("hw")) {
        (false, true) => asked.models.clear(),
        (true, false) => asked.machines.clear(),
        _ => {}
    }
    let loads = |engine: &Engine| asked.quants.iter().any(|q| engine::loads_format(*engine, *q));
    if has("quant") && !has("engine") && !asked.engines.iter().any(loads) {
        asked.engines = Engine::ALL.iter().copied().filter(loads).take(1).collect();
    }
    let Scenario { lang, theme, embed, .. } = *scenario;
    *scenario = Scenario { lang, theme, embed, ..asked };
}

/// Adds a row, unless it is there.
pub fn add_model(scenario: &mut Scenario, id: &str) {
    if !scenario.models.iter().any(|model| model == id)
        && has_room(&scenario.models, Bounds::MODELS)
    {
        scenario.models.push(id.to_owned());
    }
}

/// Puts another model into a row; if it has a row already, that one stays. A draft of that name
/// gives way too.
pub fn replace_model(scenario: &mut Scenario, old: &str, new: &str) {
    if let Some(draft) = scenario.addons.draft.as_mut().filter(|draft| draft.id == old) {
        draft.id = new.to_owned();
    }
    let Some(at) = scenario.models.iter().position(|model| model == old) else { return };
    if scenario.models.iter().any(|model| model == new) {
        remove_model(scenario, old);
    } else {
        scenario.models[at] = new.to_owned();
    }
}

/// Takes a row out, and a draft of that name.
pub fn remove_model(scenario: &mut Scenario, id: &str) {
    scenario.addons.draft.take_if(|draft| draft.id == id);
    let Some(at) = scenario.models.iter().position(|model| model == id) else { return };
    scenario.models.remove(at);
    scenario.selected = scenario.selected.and_then(|mut cell| {
        cell.model = after_removal(cell.model, at)?;
        Some(cell)
    });
}

/// Adds a column, keeping them from the largest to the smallest where they are so.
pub fn add_quant(scenario: &mut Scenario, quant: Quant) {
    if scenario.quants.contains(&quant) {
        return;
    }
    let rank = |wanted: &Quant| Quant::all().position(|quant| quant == wanted.of_any_publisher());
    let at = scenario.quants.iter().position(|present| rank(present) > rank(&quant));
    let at = at.unwrap_or(scenario.quants.len());
    scenario.quants.insert(at, quant);
    if let Some(cell) = &mut scenario.selected
        && cell.quant >= at
    {
        cell.quant += 1;
    }
}

/// Changes the question as an engine suggests where it refuses or adjusts something.
pub fn apply_suggestion(scenario: &mut Scenario, suggestion: &Suggestion) {
    match suggestion {
        Suggestion::Quant(quant) => add_quant(scenario, *quant),
        // Behind the rest of the link, written as all of it is.
        Suggestion::Set { key, value } => {
            scenario.unused.push((key.clone(), value.clone()));
            *scenario = Scenario::from_query(&scenario.to_query()).0;
        }
        // Which of several devices should stay is for the reader to say.
        Suggestion::Devices(_) => {}
    }
}

/// Takes a column out.
pub fn remove_quant(scenario: &mut Scenario, quant: Quant) {
    let Some(at) = scenario.quants.iter().position(|present| *present == quant) else { return };
    scenario.quants.remove(at);
    scenario.selected = scenario.selected.and_then(|mut cell| {
        cell.quant = after_removal(cell.quant, at)?;
        Some(cell)
    });
}

/// Adds an engine to compare with, in the order of [`Engine::ALL`], or takes it out. A
/// quantisation that none of the engines loads then gives way to the nearest that one does.
pub fn toggle_engine(scenario: &mut Scenario, engine: Engine) {
    match scenario.engines.iter().position(|present| *present == engine) {
        Some(at) => {
            scenario.engines.remove(at);
            scenario.selected = scenario.selected.and_then(|mut cell| {
                cell.engine = after_removal(cell.engine, at)?;
                Some(cell)
            });
        }
        None => {
            let rank = |wanted: &Engine| Engine::ALL.iter().position(|engine| engine == wanted);
            let at = scenario.engines.iter().position(|present| rank(present) > rank(&engine));
            let at = at.unwrap_or(scenario.engines.len());
            scenario.engines.insert(at, engine);
            if let Some(cell) = &mut scenario.selected
                && cell.engine >= at
            {
                cell.engine += 1;
            }
        }
    }
    let Some(first) = scenario.engines.first().copied() else { return };
    for quant in scenario.quants.clone() {
        if !scenario.engines.iter().any(|engine| engine::loads_format(*engine, quant)) {
            replace_quant(scenario, quant, engine::nearest_format(first, quant));
        }
    }
}

/// Puts another quantisation into a column; if it has a column already, that one stays.
fn replace_quant(scenario: &mut Scenario, old: Quant, new: Quant) {
    if scenario.quants.contains(&new) {
        remove_quant(scenario, old);
    } else if let Some(column) = scenario.quants.iter_mut().find(|quant| **quant == old) {
        *column = new;
    }
}

/// Lays the table out; in the link only if it is not what [`Layout::of`] would choose itself.
pub fn lay_out(scenario: &mut Scenario, layout: Layout) {
    drop_unused(scenario, "rows");
    drop_unused(scenario, "cols");
    scenario.view = View::default();
    if Layout::of(scenario) != layout {
        scenario.view = layout.view();
    }
}

/// Takes an entry out of the table.
pub fn remove(scenario: &mut Scenario, entry: &AxisEntry) {
    match entry {
        AxisEntry::Model(id) => remove_model(scenario, id),
        AxisEntry::Hardware(at) => remove_machine(scenario, *at),
        AxisEntry::Quant(quant) => remove_quant(scenario, *quant),
        AxisEntry::Engine(engine) => {
            if scenario.engines.contains(engine) {
                toggle_engine(scenario, *engine);
            }
        }
    }
}

/// Adds a machine to compare with, of the devices that `named` stands for: `rtx-3090*2`.
pub fn add_machine(scenario: &mut Scenario, named: &str) {
    if has_room(&scenario.machines, Bounds::MACHINES) {
        scenario.machines.push(Machine { devices: devices_named(named) });
    }
}

/// Puts the machines of `query` in the place of those there are, with what others use of their memory.
pub fn use_machines(scenario: &mut Scenario, query: &str) {
    let (asked, _) = Scenario::from_query(query);
    scenario.machines = asked.machines;
    scenario.reserve = asked.reserve;
    scenario.selected = None;
    drop_unused(scenario, "hw");
}

/// Asks about a device of the reader's own: in the place of the one before, of the example, or as a
/// machine to compare with.
pub fn use_own_device(scenario: &mut Scenario, id: &str) {
    let mut devices = scenario.machines.iter_mut().flat_map(|machine| &mut machine.devices);
    if let Some(own) = devices.find(|device| CustomDevice::from_id(&device.id).is_some()) {
        id.clone_into(&mut own.id);
        return;
    }
    if scenario.machines == Scenario::default().machines {
        scenario.machines.clear();
        scenario.selected = None;
    }
    add_machine(scenario, id);
    drop_unused(scenario, "hw");
}

/// Adds the devices that `named` stands for to a machine; more of one where the machine has it.
pub fn add_device(scenario: &mut Scenario, machine: usize, named: &str) {
    let Some(devices) = devices(scenario, machine) else { return };
    for new in devices_named(named) {
        let room = has_room(devices, Bounds::KINDS);
        let is_same =
            |device: &&mut DeviceCount| (&device.id, device.memory_gb) == (&new.id, new.memory_gb);
        match devices.iter_mut().find(is_same) {
            Some(device) => {
                let count = u64::from(device.count) + u64::from(new.count);
                device.count = Bounds::DEVICES.clamp(count) as u32;
            }
            None if room => devices.push(new),
            None => {}
        }
    }
}

/// Puts the device that `named` stands for in the place of one, keeping the count unless it has one.
pub fn replace_device(scenario: &mut Scenario, machine: usize, device: usize, named: &str) {
    let new = devices_named(named).into_iter().next();
    if let (Some(entry), Some(new)) = (entry(scenario, machine, device), new) {
        let count = if new.count > 1 { new.count } else { entry.count };
        *entry = DeviceCount { count, ..new };
    }
}

/// Sets how many of a device there are, within what is accepted.
pub fn set_count(scenario: &mut Scenario, machine: usize, device: usize, count: u64) {
    if let Some(entry) = entry(scenario, machine, device) {
        entry.count = Bounds::DEVICES.clamp(count) as u32;
    }
}

/// Chooses the memory size of a device that is sold in several.
pub fn set_memory(scenario: &mut Scenario, machine: usize, device: usize, gb: Option<u32>) {
    if let Some(entry) = entry(scenario, machine, device) {
        entry.memory_gb = gb;
    }
}

/// Takes a device out, and its machine with it if it was the only one.
pub fn remove_device(scenario: &mut Scenario, machine: usize, device: usize) {
    let Some(devices) = devices(scenario, machine) else { return };
    if device < devices.len() {
        devices.remove(device);
    }
    if devices.is_empty() {
        remove_machine(scenario, machine);
    }
}

/// Takes a machine out.
pub fn remove_machine(scenario: &mut Scenario, machine: usize) {
    if machine >= scenario.machines.len() {
        return;
    }
    scenario.machines.remove(machine);
    scenario.selected = scenario.selected.and_then(|mut cell| {
        cell.machine = after_removal(cell.machine, machine)?;
        Some(cell)
    });
}

/// Drops what was typed for `key` in the link and could not be used.
pub fn drop_unused(scenario: &mut Scenario, key: &str) {
    scenario.unused.retain(|(unused, _)| unused != key);
}

/// The devices of a machine as links write it.
fn devices_named(text: &str) -> Vec<DeviceCount> {
    Machine::from_query(text)
        .map_or_else(|| vec![DeviceCount::one(text)], |machine| machine.devices)
}

fn devices(scenario: &mut Scenario, machine: usize) -> Option<&mut Vec<DeviceCount>> {
    scenario.machines.get_mut(machine).map(|machine| &mut machine.devices)
}

fn entry(scenario: &mut Scenario, machine: usize, device: usize) -> Option<&mut DeviceCount> {
    devices(scenario, machine)?.get_mut(device)
}

fn has_room<T>(list: &[T], limit: Bounds) -> bool {
    (list.len() as u64) < limit.max
}

/// Where the entry at `index` is once the one at `removed` is gone.
fn after_removal(index: usize, removed: usize) -> Option<usize> {
    match index.cmp(&removed) {
        std::cmp::Ordering::Less => Some(index),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(index - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom::scenario::{Control, SETTINGS, Selected};

    fn quant(name: &str) -> Quant {
        Quant::parse(name).unwrap()
    }

    fn with_bill_on(model: usize, machine: usize, quant: usize) -> Scenario {
        Scenario {
            selected: Some(Selected { model, machine, quant, engine: 0 }),
            ..Scenario::default()
        }
    }

    #[test]
    fn a_question_in_words_takes_the_place_of_the_one_before() {
        let ask = |query: &str| {
            let (mut scenario, _) = Scenario::from_query("model=a&lang=ru&ctx=4096");
            super::ask(&mut scenario, query);
            scenario.to_query()
        };
        assert_eq!(ask("model=qwen3-32b&hw=rtx-4090"), "model=qwen3-32b&hw=rtx-4090&lang=ru");
        assert_eq!(ask("hw=rtx-4090&ctx=8192"), "model=*&hw=rtx-4090&ctx=8192&lang=ru");
        assert_eq!(ask("model=qwen3-32b"), "model=qwen3-32b&hw=*&lang=ru");
        let fp8 = "model=qwen3-32b&hw=h100-sxm&quant=FP8";
        assert_eq!(ask(fp8), format!("{fp8}&engine=vllm&lang=ru"));
        let mlx = "model=qwen3-32b&hw=apple-m4-max-40c@64&quant=MLX-4bit";
        assert_eq!(ask(mlx), format!("{mlx}&engine=mlx&lang=ru"));
    }

    #[test]
    fn a_device_of_ones_own_takes_the_place_of_the_example_then_of_itself() {
        let mut scenario = Scenario::default();
        use_own_device(&mut scenario, "custom:1:memory.24");
        use_own_device(&mut scenario, "custom:1:memory.32:bandwidth.900");
        let hw = |scenario: &Scenario| scenario.machines.iter().map(Machine::to_query).collect();
        let machines: Vec<String> = hw(&scenario);
        assert_eq!(machines, ["custom:1:memory.32:bandwidth.900"]);
        let (mut scenario, _) = Scenario::from_query("hw=rtx-4090*2");
        use_own_device(&mut scenario, "custom:1:memory.24");
        let machines: Vec<String> = hw(&scenario);
        assert_eq!(machines, ["rtx-4090*2", "custom:1:memory.24"]);
    }

    #[test]
    fn devices_are_named_as_in_links() {
        let (mut scenario, _) = Scenario::from_query("hw=rtx-3090");
        add_device(&mut scenario, 0, "rtx-3090*2");
        add_device(&mut scenario, 0, "apple-m4-max-40c@128");
        add_machine(&mut scenario, "rtx-4090*4");
        replace_device(&mut scenario, 1, 0, "rtx-5090");
        let machines: Vec<String> = scenario.machines.iter().map(Machine::to_query).collect();
        assert_eq!(machines, ["rtx-3090*3,apple-m4-max-40c@128", "rtx-5090*4"]);
    }

    #[test]
    fn a_computer_that_was_read_takes_the_place_of_all_machines() {
        let (mut scenario, _) = Scenario::from_query("model=qwen3-8b&hw=rtx-4090;a100-sxm-80gb");
        use_machines(&mut scenario, "hw=rtx-3090*2&reserve=1GiB");
        assert_eq!(scenario.to_query(), "model=qwen3-8b&hw=rtx-3090*2&reserve=1GiB");
    }

    #[test]
    fn the_open_bill_stays_on_its_cell() {
        let mut scenario = with_bill_on(2, 0, 1);
        remove_model(&mut scenario, "qwen3-30b-a3b");
        assert_eq!(scenario.selected, Some(Selected { model: 1, machine: 0, quant: 1, engine: 0 }));
        remove_quant(&mut scenario, quant("BF16"));
        assert_eq!(scenario.selected, Some(Selected { model: 1, machine: 0, quant: 0, engine: 0 }));
        add_quant(&mut scenario, quant("F32"));
        assert_eq!(scenario.quants[0], quant("F32"), "the largest goes first");
        assert_eq!(scenario.selected, Some(Selected { model: 1, machine: 0, quant: 1, engine: 0 }));
        remove_model(&mut scenario, "qwen2.5-72b-instruct");
        assert_eq!(scenario.selected, None, "the cell is gone");
    }

    #[test]
    fn engines_are_kept_in_order_and_formats_follow_the_last_one() {
        let mut scenario = with_bill_on(0, 0, 1);
        toggle_engine(&mut scenario, Engine::Vllm);
        toggle_engine(&mut scenario, Engine::Ollama);
        assert_eq!(scenario.engines, [Engine::LlamaCpp, Engine::Ollama, Engine::Vllm]);
        assert_eq!(scenario.quants, Scenario::default().quants, "llama.cpp loads them");
        toggle_engine(&mut scenario, Engine::LlamaCpp);
        assert_eq!(scenario.selected, None, "its cell is gone");
        toggle_engine(&mut scenario, Engine::Ollama);
        assert_eq!(scenario.quants, ["BF16", "FP8", "AWQ"].map(quant));
        toggle_engine(&mut scenario, Engine::Vllm);
        assert_eq!(scenario.engines, []);
        remove(&mut scenario, &AxisEntry::Engine(Engine::Vllm));
        toggle_engine(&mut scenario, Engine::LlamaCpp);
        assert_eq!(scenario.quants, ["BF16", "Q8_0", "Q4_K_M"].map(quant));
    }

    #[test]
    fn a_layout_is_in_the_link_only_if_it_is_not_the_automatic_one() {
        let mut scenario = Scenario::default();
        let own = Layout::of(&scenario);
        lay_out(&mut scenario, own.with_rows(headroom::scenario::Axis::Quant));
        assert_eq!(scenario.to_query(), "rows=quant&cols=model");
        lay_out(&mut scenario, own);
        assert_eq!(scenario, Scenario::default());
    }

    #[test]
    fn an_offer_is_taken() {
        let mut scenario = Scenario::default();
        apply_suggestion(&mut scenario, &Suggestion::set("tp", 2));
        assert_eq!(scenario, Scenario { tensor_parallel: Some(2), ..Scenario::default() });
        apply_suggestion(&mut scenario, &Suggestion::Quant(quant("AWQ")));
        assert!(scenario.quants.contains(&quant("AWQ")));
        let before = scenario.clone();
        apply_suggestion(&mut scenario, &Suggestion::Devices(1));
        assert_eq!(scenario, before, "nothing that can be done here");
    }

    /// Values of every setting that are refused, alone and among others.
    fn bad_values() -> Vec<String> {
        let mut values = Vec::new();
        for setting in SETTINGS {
            let ends = match setting.control() {
                Control::Number(bounds, _) => {
                    let text = |number| {
                        let mut scenario = Scenario::default();
                        setting.set_number(&mut scenario, number);
                        setting.text(&scenario)
                    };
                    vec![text(bounds.max + 1), text(bounds.min.saturating_sub(1))]
                }
                Control::Decimal { .. } => vec!["0".into(), "99999999999999".into()],
                _ => Vec::new(),
            };
            let odd =
                ["0", "-1", "129", "99999999999999999999", "a*129", "16*9999", "9999*4", "x/y"];
            for value in ends.into_iter().chain(odd.map(str::to_owned)) {
                values.push(format!("{}={value}", setting.key));
            }
        }
        let machines = [
            "rtx-4090*129,rtx-3090",
            "rtx-3090,rtx-4090*0",
            "rtx-4090@5000",
            "rtx-4090@5000*2,rtx-3090*3",
            "rtx-4090@5000*129",
            "rtx-4090*128,rtx-3090*129",
            "rtx-3090;rtx-4090*129,rtx-3090;h100",
            "rtx-pro-6000-blackwell-workstation;rtx-4090*129",
            "a%2526b%252A*129",
        ];
        values.extend(machines.map(|machine| format!("hw={machine}")));
        let rest = "llama.cpp/qwen3-8b/Q4_K_M/tg:100";
        values.extend(machines.map(|machine| format!("measured={machine}/{rest};h100/{rest}")));
        let others = ["users=16&users=0", "users=0&users=16", "kv=q8_0,x", "ts=3,-1", "ep=999"];
        values.extend(others.map(str::to_owned));
        values
    }

    #[test]
    fn an_offer_for_what_was_refused_loses_nothing_else() {
        let mut offers = 0;
        for bad in bad_values() {
            let beside =
                ["", "&ctx=4096&hw=h100", "&users=7&lora=8*2&model=a,b", "&tp=0&reserve=-1"];
            for query in beside.map(|beside| format!("{bad}{beside}")) {
                let (before, problems) = Scenario::from_query(&query);
                for problem in &problems {
                    let Some(nearest) = &problem.nearest else { continue };
                    offers += 1;
                    let mut after = before.clone();
                    let pair = (problem.field.clone(), problem.value.clone());
                    after.unused.retain(|unused| *unused != pair);
                    let left = after.unused.len();
                    apply_suggestion(&mut after, &Suggestion::set(&problem.field, nearest));
                    assert_eq!(after.unused.len(), left, "{query}: {nearest} is refused");
                    for setting in SETTINGS {
                        let (was, is) = (setting.text(&before), setting.text(&after));
                        let typed = query.split('&').any(|pair| {
                            let pair = pair.split_once('=').unwrap();
                            pair.0 == setting.key && pair.1 != problem.value
                        });
                        let kept = match setting.key == problem.field {
                            false => was == is,
                            true => !typed || is.starts_with(&was) || setting.is_default(&before),
                        };
                        assert!(kept, "{query}: {nearest} makes {was} {is}");
                    }
                    // Whatever of the part itself was understood is still there.
                    for name in ["rtx-4090", "rtx-3090", "qwen3-8b", "tg:100"] {
                        let has = |text: &str| text.contains(name);
                        assert!(!has(&problem.value) || has(nearest), "{query}: {nearest}");
                    }
                }
            }
        }
        assert!(offers > 200, "{offers}");
    }

    #[test]
    fn a_refused_part_of_a_machine_is_offered_with_the_others() {
        let nearest = |query: &str| {
            let (_, problems) = Scenario::from_query(query);
            problems[0].nearest.clone()
        };
        assert_eq!(nearest("hw=rtx-4090@5000").as_deref(), Some("rtx-4090@4096"));
        assert_eq!(nearest("hw=rtx-4090*0,rtx-3090").as_deref(), Some("rtx-4090*1,rtx-3090"));
        assert_eq!(nearest("hw=rtx-4090*129,rtx-3090"), None, "129 devices in all");
        assert_eq!(nearest("hw=rtx-4090*129").as_deref(), Some("rtx-4090*128"));
        assert_eq!(nearest("lora=16*9999").as_deref(), Some("16*256"));
        let measured = "llama.cpp/qwen3-8b/Q4_K_M/tg:100";
        assert_eq!(
            nearest(&format!("measured=rtx-3090*129/{measured}")),
            Some(format!("rtx-3090*128/{measured}"))
        );
    }

    #[test]
    fn rows_and_columns_are_not_doubled() {
        let mut scenario = Scenario::default();
        add_model(&mut scenario, "qwen3-32b");
        add_quant(&mut scenario, quant("Q8_0"));
        assert_eq!(scenario, Scenario::default());
        replace_model(&mut scenario, "qwen3-30b-a3b", "qwen3-32b");
        assert_eq!(scenario.models, ["qwen3-32b", "qwen2.5-72b-instruct"]);
    }

    #[test]
    fn a_machine_goes_with_its_last_device() {
        let mut scenario = with_bill_on(0, 1, 0);
        add_machine(&mut scenario, "rtx-4090");
        add_device(&mut scenario, 1, "rtx-3090");
        add_device(&mut scenario, 1, "rtx-3090");
        assert_eq!(scenario.machines[1].to_query(), "rtx-4090,rtx-3090*2");
        remove_device(&mut scenario, 1, 0);
        assert_eq!(scenario.machines[1].to_query(), "rtx-3090*2");
        remove_device(&mut scenario, 0, 0);
        assert_eq!(scenario.machines.len(), 1);
        assert_eq!(scenario.selected, Some(Selected { model: 0, machine: 0, quant: 0, engine: 0 }));
        remove_device(&mut scenario, 0, 0);
        assert_eq!((scenario.machines.len(), scenario.selected), (0, None));
    }

    #[test]
    fn nothing_out_of_range_panics() {
        let mut scenario = Scenario::default();
        remove_device(&mut scenario, 9, 9);
        remove_device(&mut scenario, 0, 9);
        replace_device(&mut scenario, 9, 9, "x");
        set_count(&mut scenario, 9, 9, 1);
        remove_model(&mut scenario, "no such model");
        assert_eq!(scenario, Scenario::default());
        set_count(&mut scenario, 0, 0, 0);
        assert_eq!(scenario.machines[0].devices[0].count, 1);
        set_count(&mut scenario, 0, 0, u64::MAX);
        assert_eq!(u64::from(scenario.machines[0].devices[0].count), Bounds::DEVICES.max);
    }

    #[test]
    fn what_could_not_be_used_is_forgotten_once_the_field_is_set() {
        let (mut scenario, _) = Scenario::from_query("ctx=abc&nonsense=1");
        drop_unused(&mut scenario, "ctx");
        assert_eq!(scenario.unused, [("nonsense".to_owned(), "1".to_owned())]);
    }
}
