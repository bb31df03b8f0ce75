//! Which cell of the table the answer sentence speaks of, and what it adds.

use std::cmp::Reverse;

use headroom::advice::{is_fast_enough, preference};
use headroom::report::{Notice, Overview, Verdict};
use headroom::scenario::{Engine, Scenario, Selected};

/// The answers for one model on one machine: each quantisation x engine, or a single error as of
/// an unknown model. See [`headroom::estimate::overviews`].
pub type Row = Vec<Result<Overview, Notice>>;

/// The entry for the cell at `at` in the row of its model and machine.
pub fn entry<'a>(
    row: &'a Row,
    scenario: &Scenario,
    at: Selected,
) -> Option<&'a Result<Overview, Notice>> {
    match row.as_slice() {
        [whole @ Err(_)] => Some(whole),
        _ if at.engine >= scenario.engines.len() => None,
        _ => row.get(at.quant.checked_mul(scenario.engines.len())?.checked_add(at.engine)?),
    }
}

/// Adds to `notices` what the refusals of the cells shown tell, each cell given with its engine.
///
/// Where engines or machines are compared it is no news that one of them cannot do something: its
/// cells say so. What leaves an engine without any figure is told, once.
pub fn push_refusals(
    scenario: &Scenario,
    cells: &[(Engine, Option<&Notice>)],
    notices: &mut Vec<Notice>,
) {
    let compared = scenario.engines.len() > 1 || scenario.machines.len() > 1;
    let answers = |engine: &Engine| cells.iter().any(|(of, no)| of == engine && no.is_none());
    let answering: Vec<Engine> = scenario.engines.iter().copied().filter(answers).collect();
    for (engine, notice) in cells {
        let Some(notice) = notice else { continue };
        let known = |present: &Notice| match (present, *notice) {
            (Notice::EngineRefuses(a), Notice::EngineRefuses(b)) if compared => {
                (&a.engine, &a.asked, &a.rule) == (&b.engine, &b.asked, &b.rule)
            }
            (present, notice) => present == notice,
        };
        let of_engine = matches!(
            notice,
            Notice::EngineRefuses(_)
                | Notice::EngineCannotRun { .. }
                | Notice::EngineCannotUse { .. }
        );
        let told = match notice {
            // Of the question itself, and so told before; the draft is no row.
            Notice::UnknownModel { id, .. } => {
                scenario.addons.draft.as_ref().is_none_or(|draft| draft.id != *id)
            }
            Notice::UnknownDevice { .. } | Notice::UnknownMemory { .. } => true,
            _ => compared && of_engine && answering.contains(engine),
        };
        // Those alike are mostly of neighbours.
        if !told && !notices.iter().rev().any(known) {
            notices.push((*notice).clone());
        }
    }
}

/// What the sentence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The cell of the verdict: of the models that run well the largest, where it runs best.
    pub lead: Selected,
    /// The next larger quantisation of it on the same machine, which does not fit.
    pub larger: Option<Selected>,
    /// The largest model that is larger than that one, and does not run as well.
    pub other: Option<Selected>,
    /// On how many machines the same fits.
    pub machines: Among,
    /// In how many engines it does.
    pub engines: Among,
}

/// How many of the entries compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Among {
    /// So many.
    pub fit: u64,
    /// Of so many.
    pub of: u64,
}

impl Among {
    /// Those of `cells` where the model fits on the devices.
    fn count<'a>(cells: impl Iterator<Item = &'a Option<&'a Overview>>) -> Among {
        cells.fold(Among::default(), |Among { fit, of }, cell| Among {
            fit: fit + u64::from(cell.is_some_and(runs_whole)),
            of: of + 1,
        })
    }
}

/// Chooses what to say of the cells shown, those without a figure as `None`; `floor` is the decode
/// rate that is fast enough, in tokens per second. `None` if no cell has a figure.
pub fn choose(shown: &[(Selected, Option<&Overview>)], floor: f64) -> Option<Answer> {
    let cells = || shown.iter().filter_map(|(at, cell)| Some((*at, (*cell)?)));
    let rank = |(at, cell): (Selected, &Overview)| {
        let weights = Reverse(cell.weights_bytes.0);
        let place = (at.machine, at.quant, at.engine);
        (preference(cell.summary, floor), at.engine, weights, place)
    };
    let mut best: Vec<(Selected, &Overview)> = Vec::new();
    for (at, cell) in cells() {
        match best.iter_mut().rev().find(|(of, _)| of.model == at.model) {
            None => best.push((at, cell)),
            Some(best) if rank((at, cell)) < rank(*best) => *best = (at, cell),
            Some(_) => {}
        }
    }
    // Whether it runs as a person would want it to, or at all.
    let well = |cell: &Overview| match cell.summary.verdict {
        Verdict::Fits if is_fast_enough(cell.summary, floor) => 2,
        Verdict::No => 0,
        _ => 1,
    };
    let (lead, cell) =
        *best.iter().max_by_key(|(at, c)| (well(c), c.params_total, Reverse(at.model)))?;
    let larger = cells()
        .filter(|(at, _)| Selected { quant: at.quant, ..lead } == *at)
        .filter(|(_, larger)| {
            let worse = larger.summary.verdict > cell.summary.verdict && !runs_whole(larger);
            worse && larger.weights_bytes > cell.weights_bytes
        })
        .min_by_key(|(_, larger)| larger.weights_bytes)
        .map(|(at, _)| at);
    let other = best.iter().filter(|(_, other)| other.params_total > cell.params_total);
    let other = other.max_by_key(|(_, other)| other.params_total).map(|(at, _)| *at);
    let among = |like: fn(Selected, Selected) -> Selected| {
        let like = shown.iter().filter(move |(at, _)| like(*at, lead) == *at);
        Among::count(like.map(|(_, cell)| cell))
    };
    let machines = among(|at, lead| Selected { machine: at.machine, ..lead });
    let engines = among(|at, lead| Selected { engine: at.engine, ..lead });
    Some(Answer { lead, larger, other, machines, engines })
}

fn runs_whole(cell: &Overview) -> bool {
    matches!(cell.summary.verdict, Verdict::Fits | Verdict::Tight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom::quant::{Mix, Quant};
    use headroom::report::{EngineRefusal, RefusalReason, Summary};
    use headroom::units::{Bytes, GB};

    /// A cell of a model of `params` billions, `weights` GB large.
    fn cell(
        params: u64,
        weights: u64,
        verdict: Verdict,
        headroom_gb: i64,
    ) -> Result<Overview, Notice> {
        let bytes = Bytes(weights * GB);
        Ok(Overview {
            summary: Summary {
                quant: Quant::Gguf(Mix::Q4_K_M),
                verdict,
                device_bytes: bytes,
                ram_bytes: Bytes::ZERO,
                headroom_bytes: headroom_gb * GB as i64,
                decode_tps: None,
            },
            requested_quant: None,
            params_total: params * GB,
            params_active: params * GB,
            weights_bytes: bytes,
            usable_bytes: bytes,
            has_devices: true,
            decode: None,
            copies: 0,
            copy_devices: 0,
        })
    }

    fn at(model: usize, machine: usize, quant: usize) -> Selected {
        Selected { model, machine, quant, engine: 0 }
    }

    /// The answer to rows of machine x quantisation, one a model.
    fn choose(rows: &[Row], quants: usize) -> Option<Answer> {
        let cells = rows.iter().enumerate().flat_map(|(model, row)| {
            let place = move |i: usize| at(model, i / quants, i % quants);
            row.iter().enumerate().map(move |(i, c)| (place(i), c.as_ref().ok()))
        });
        super::choose(&cells.collect::<Vec<_>>(), 10.0)
    }

    #[test]
    fn a_row_is_read_by_quantisation_and_engine() {
        let (scenario, _) = Scenario::from_query("engine=llama.cpp,vllm");
        let row: Row = (0..6).map(|n| cell(n, 1, Verdict::Fits, 0)).collect();
        let params = |quant, engine| {
            let found = entry(&row, &scenario, Selected { model: 0, machine: 9, quant, engine });
            found.map(|cell| cell.as_ref().unwrap().params_total / GB)
        };
        assert_eq!([params(0, 1), params(2, 0)], [Some(1), Some(4)]);
        assert_eq!([params(0, 2), params(3, 0), params(usize::MAX, 0)], [None; 3]);
        assert_eq!(entry(&vec![unknown()], &scenario, at(0, 1, 2)), Some(&unknown()));
    }

    fn unknown() -> Result<Overview, Notice> {
        Err(Notice::UnknownDevice { id: "x".to_owned(), nearest: Vec::new() })
    }

    #[test]
    fn the_largest_model_leads_at_its_best_quantisation() {
        use Verdict::{Fits, No};
        let rows = [
            vec![cell(30, 61, Fits, 30), cell(30, 32, Fits, 60), cell(30, 18, Fits, 70)],
            vec![cell(72, 145, No, -48), cell(72, 77, Fits, 14), cell(72, 47, Fits, 40)],
        ];
        let answer = choose(&rows, 3).unwrap();
        assert_eq!((answer.lead, answer.larger), (at(1, 0, 1), Some(at(1, 0, 0))));
        assert_eq!((answer.other, answer.machines), (None, Among { fit: 1, of: 1 }));
    }

    #[test]
    fn what_lies_wholly_on_the_devices_wins_over_a_larger_quantisation() {
        use Verdict::{Fits, Offload, Tight};
        let rows = [vec![cell(8, 16, Offload, 0), cell(8, 9, Tight, 0), cell(8, 5, Fits, 2)]];
        assert_eq!(choose(&rows, 3).unwrap().lead, at(0, 0, 2));
    }

    #[test]
    fn what_spills_or_is_slow_is_answered_by_the_fastest() {
        use Verdict::{Fits, Offload};
        let fast = |mut answer: Result<Overview, Notice>, tps: f64| {
            if let Ok(cell) = &mut answer {
                cell.summary.decode_tps = Some(tps);
            }
            answer
        };
        let row =
            |a, b| [vec![fast(cell(72, 77, Offload, 0), a), fast(cell(72, 47, Offload, 0), b)]];
        assert_eq!(choose(&row(1.0, 2.0), 2).unwrap().lead, at(0, 0, 1));
        assert_eq!(choose(&row(3.0, 2.0), 2).unwrap().lead, at(0, 0, 0));
        // Slower than people read, on the devices though it is.
        let rows = [vec![fast(cell(72, 77, Fits, 9), 4.0), fast(cell(72, 47, Fits, 30), 7.0)]];
        assert_eq!(choose(&rows, 2).unwrap().lead, at(0, 0, 1));
    }

    #[test]
    fn a_model_that_runs_well_leads_and_the_larger_one_is_told_of() {
        use Verdict::{Fits, No};
        let rows = [
            vec![cell(405, 800, No, -700), cell(405, 240, No, -140)],
            vec![cell(32, 65, Fits, 30), cell(32, 34, Fits, 60)],
        ];
        let answer = choose(&rows, 2).unwrap();
        assert_eq!((answer.lead, answer.other), (at(1, 0, 0), Some(at(0, 0, 1))));
    }

    #[test]
    fn machines_are_told_apart() {
        use Verdict::{Fits, No};
        let rows = [vec![cell(72, 77, No, -50), cell(72, 47, No, -20), cell(72, 77, Fits, 9)]];
        assert_eq!(choose(&[vec![unknown(), rows[0][2].clone()]], 1).unwrap().lead, at(0, 1, 0));
        assert_eq!(choose(&rows, 2).unwrap().lead, at(0, 1, 0));
    }

    #[test]
    fn it_is_counted_where_the_same_fits() {
        use Verdict::{Fits, No, Tight};
        let row = [cell(8, 16, No, -2), cell(8, 16, Tight, 1), cell(8, 16, Fits, 9), unknown()];
        let answer = choose(&[row.to_vec()], 1).unwrap();
        assert_eq!((answer.lead, answer.machines), (at(0, 2, 0), Among { fit: 2, of: 4 }));
        assert_eq!(answer.engines, Among { fit: 1, of: 1 });
    }

    #[test]
    fn what_one_of_several_engines_cannot_do_is_told_by_its_cells() {
        let refuses = |id: &str, engine: Engine| {
            Some(Notice::EngineRefuses(Box::new(EngineRefusal {
                id: id.to_owned(),
                engine,
                asked: "q4_0".to_owned(),
                rule: RefusalReason::CacheType,
                nearest: Vec::new(),
            })))
        };
        let told = |query: &str, cells: &[(Engine, Option<Notice>)]| {
            let mut notices = Vec::new();
            let cells: Vec<_> = cells.iter().map(|(engine, no)| (*engine, no.as_ref())).collect();
            push_refusals(&Scenario::from_query(query).0, &cells, &mut notices);
            notices.len()
        };
        let [vllm, llama] = [Engine::Vllm, Engine::LlamaCpp];
        let both = "engine=llama.cpp,vllm";
        let of_vllm = |id| (vllm, refuses(id, vllm));
        assert_eq!(told("engine=vllm", &[(vllm, None), of_vllm("a"), of_vllm("b")]), 2);
        assert_eq!(told(both, &[(llama, None), (vllm, None), of_vllm("a")]), 0);
        assert_eq!(told(both, &[(llama, None), of_vllm("a"), of_vllm("b")]), 1);
        // What the question itself tells is told already; of a draft no row is.
        assert_eq!(told(both, &[(llama, unknown().err())]), 0);
        let draft = Notice::UnknownModel {
            id: "nothing".to_owned(),
            never_released: None,
            nearest: Vec::new(),
            base: None,
            hypothetical: None,
        };
        assert_eq!(told("model=nothing", &[(llama, Some(draft.clone()))]), 0);
        assert_eq!(told("draft=nothing", &[(llama, Some(draft))]), 1);
    }

    #[test]
    fn without_figures_there_is_no_answer() {
        assert_eq!(choose(&[], 3), None);
        assert_eq!(choose(&[vec![unknown()]], 1), None);
    }
}
