//! Answers the candidates of a ranking, some a frame, so that the page goes on answering the hand.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use send_wrapper::SendWrapper;

use crate::page::app::reactive::{effect, memo};
use crate::page::app::state::State;
use headroom::ranking::{Prepared, Ranked, Ranking};
use headroom::report::Cell;
use headroom::scenario::Scenario;
use headroom::sort;

/// For how long candidates are answered in a frame, in milliseconds.
const SPELL: f64 = 10.0;

/// How often the rows so far are shown, in milliseconds: to draw them takes longer than to answer them.
const SHOW_EVERY: f64 = 250.0;

/// A ranking in the making.
#[derive(Clone, Copy)]
pub struct Work {
    /// The rows so far, best first.
    rows: RwSignal<Rows>,
    /// Whether they answer the question as it is, not the one before.
    is_current: RwSignal<bool>,
    /// Candidates that are answered, and all there are.
    progress: RwSignal<(usize, usize)>,
    state: State,
    /// What rankings find out, kept for the next.
    prepared: StoredValue<Arc<Prepared<'static>>>,
}

type Rows = SendWrapper<Vec<Rc<Row>>>;

/// A row, and the question that it answers.
struct Row {
    query: String,
    ranked: Ranked,
}

impl Work {
    /// The ranking that the question asks for, begun anew whenever it asks for another.
    pub fn follow(state: State) -> Work {
        let asked = memo(move || state.rested.with(Scenario::without_interface));
        let rows = RwSignal::new(SendWrapper::new(Vec::new()));
        let prepared = StoredValue::new(Prepared::new(state.catalog));
        let (is_current, progress) = (RwSignal::new(true), RwSignal::new((0, 0)));
        let work = Work { rows, is_current, progress, state, prepared };
        effect(move || {
            let ranking = prepared.with_value(|prepared| Ranking::with(prepared, &asked.get()));
            let all = ranking.as_ref().map_or(0, Ranking::candidates);
            work.progress.set((0, all));
            let Some(ranking) = ranking else {
                work.rows.set(SendWrapper::new(Vec::new()));
                return;
            };
            // Those of the question before stay until there are some of the new one.
            let shown = if work.rows.with_untracked(|rows| rows.is_empty()) { 0.0 } else { now() };
            work.is_current.set(shown == 0.0);
            let (left, rows) = ((0..all).rev().collect(), Vec::new());
            let task = Task { ranking, asked, left, in_part: false, rest: Vec::new(), rows, shown };
            task.go_on(work);
        });
        work
    }

    /// Where the rows that are of a group stand, followed.
    pub fn places(self, is_of: impl Fn(&Ranked) -> bool) -> Vec<usize> {
        let rows = self.rows.get();
        rows.iter().enumerate().filter(|(_, row)| is_of(&row.ranked)).map(|(at, _)| at).collect()
    }

    /// The question that the row at `at` answers.
    pub fn query(self, at: usize) -> Option<String> {
        self.rows.with_untracked(|rows| rows.get(at).map(|row| row.query.clone()))
    }

    /// The row at `at`.
    pub fn row(self, at: usize) -> Option<Ranked> {
        self.rows.with_untracked(|rows| rows.get(at).map(|row| row.ranked.clone()))
    }

    /// The answer that `row` stands for.
    pub fn cell(self, row: &Ranked) -> Option<Cell> {
        self.prepared.with_value(|prepared| row.cell_with(prepared))
    }

    /// Whether the rows answer the question as it is, followed.
    pub fn is_current(self) -> bool {
        self.is_current.get()
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
    /// Candidates of this pass, the next one last: first what lies wholly on the devices, which is
    /// quick, then the rest.
    left: Vec<usize>,
    in_part: bool,
    rest: Vec<usize>,
    rows: Vec<Rc<Row>>,
    /// When rows were shown.
    shown: f64,
}

impl Task {
    /// Answers candidates for a spell, shows the rows now and then, and goes on in the next frame.
    fn go_on(mut self, work: Work) {
        let is_asked = |asked: &Scenario| asked == self.ranking.scenario();
        if self.asked.try_with_untracked(is_asked) != Some(true) {
            return;
        }
        if work.state.slides() {
            return self.wait(work);
        }
        let end = now() + SPELL;
        while let Some(at) = self.left.pop() {
            let rows = match self.in_part {
                false => self.ranking.rows_on_devices(at),
                true => self.ranking.rows_in_part(at),
            };
            if rows.is_empty() && !self.in_part {
                self.rest.push(at);
            }
            let kept = rows.into_iter().filter(|row| self.ranking.keeps(row));
            let named = |ranked: Ranked| Rc::new(Row { query: ranked.scenario.to_query(), ranked });
            self.rows.extend(kept.map(named));
            if self.left.is_empty() && !self.in_part {
                self.in_part = true;
                self.left = self.rest.drain(..).rev().collect();
            }
            if now() >= end {
                break;
            }
        }
        let (all, left) = (self.ranking.candidates(), self.left.len() + self.rest.len());
        if left == 0 || now() >= self.shown + SHOW_EVERY {
            sort::by(&mut self.rows, |a, b| self.ranking.order(&a.ranked, &b.ranked));
            _ = work.rows.try_set(SendWrapper::new(self.rows.clone()));
            _ = work.is_current.try_set(true);
            _ = work.progress.try_set((all - left, all));
            self.shown = now();
        }
        if left > 0 {
            self.wait(work);
        }
    }

    /// Goes on in the next frame.
    fn wait(self, work: Work) {
        let task = RefCell::new(Some(self));
        request_animation_frame(move || {
            if let Some(task) = task.take() {
                task.go_on(work);
            }
        });
    }
}

/// The time, in milliseconds.
fn now() -> f64 {
    js_sys::Date::now()
}
