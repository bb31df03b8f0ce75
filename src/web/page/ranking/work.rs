//! Answers the candidates of a ranking, some a frame, so that the page goes on answering the hand.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use send_wrapper::SendWrapper;

use crate::page::app::reactive::{effect, memo};
use crate::page::app::state::State;
use headroom::ranking::{Ranked, Ranking};
use headroom::scenario::Scenario;
use headroom::sort;

/// For how long candidates are answered in a frame, in milliseconds.
const SPELL: f64 = 10.0;

/// A ranking in the making.
#[derive(Clone, Copy)]
pub struct Work {
    /// The rows so far, best first.
    rows: RwSignal<Rows>,
    /// Candidates that are answered, and all there are.
    progress: RwSignal<(usize, usize)>,
}

type Rows = SendWrapper<Rc<Vec<(String, Ranked)>>>;

impl Work {
    /// The ranking that the question asks for, begun anew whenever it asks for another.
    pub fn follow(state: State) -> Work {
        let asked = memo(move || {
            state.scenario.with(|scenario| Scenario {
                lang: None,
                theme: None,
                embed: false,
                view: Default::default(),
                selected: None,
                unused: Vec::new(),
                ..scenario.clone()
            })
        });
        let rows = RwSignal::new(SendWrapper::new(Rc::new(Vec::new())));
        let work = Work { rows, progress: RwSignal::new((0, 0)) };
        effect(move || {
            let ranking = Ranking::new(state.catalog, &asked.get());
            let all = ranking.as_ref().map_or(0, Ranking::candidates);
            work.progress.set((0, all));
            work.rows.set(SendWrapper::new(Rc::new(Vec::new())));
            if let Some(ranking) = ranking {
                Task { ranking, asked, next: 0, rows: Vec::new() }.go_on(work);
            }
        });
        work
    }

    /// Where the rows that are of a group stand, followed.
    pub fn places(self, is_of: fn(&Ranked) -> bool) -> Vec<usize> {
        let rows = self.rows.get();
        rows.iter().enumerate().filter(|(_, (_, row))| is_of(row)).map(|(at, _)| at).collect()
    }

    /// The question that the row at `at` answers.
    pub fn query(self, at: usize) -> Option<String> {
        self.rows.with_untracked(|rows| rows.get(at).map(|(query, _)| query.clone()))
    }

    /// The row at `at`.
    pub fn row(self, at: usize) -> Option<Ranked> {
        self.rows.with_untracked(|rows| rows.get(at).map(|(_, row)| row.clone()))
    }

    /// How many rows there are, followed.
    pub fn count(self) -> usize {
        self.rows.with(|rows| rows.len())
    }

    /// Candidates that are answered, and all there are, followed.
    pub fn progress(self) -> (usize, usize) {
        self.progress.get()
    }
}

/// What is left to answer.
struct Task {
    ranking: Ranking<'static>,
    /// The question now: another one ends the task.
    asked: Memo<Scenario>,
    next: usize,
    rows: Vec<Ranked>,
}

impl Task {
    /// Answers candidates for a spell, shows the rows, and goes on in the next frame.
    fn go_on(mut self, work: Work) {
        let is_asked = |asked: &Scenario| asked == self.ranking.scenario();
        if self.asked.try_with_untracked(is_asked) != Some(true) {
            return;
        }
        let end = now() + SPELL;
        while self.next < self.ranking.candidates() && now() < end {
            let rows = self.ranking.rows(self.next);
            self.rows.extend(rows.into_iter().filter(|row| self.ranking.keeps(row)));
            self.next += 1;
        }
        sort::by(&mut self.rows, |a, b| self.ranking.order(a, b));
        let named = self.rows.iter().map(|row| (row.scenario.to_query(), row.clone()));
        _ = work.rows.try_set(SendWrapper::new(Rc::new(named.collect())));
        _ = work.progress.try_set((self.next, self.ranking.candidates()));
        if self.next < self.ranking.candidates() {
            let task = RefCell::new(Some(self));
            request_animation_frame(move || {
                if let Some(task) = task.take() {
                    task.go_on(work);
                }
            });
        }
    }
}

/// The time, in milliseconds.
fn now() -> f64 {
    js_sys::Date::now()
}
