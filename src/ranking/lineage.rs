//! Which models others have taken the place of.

use std::cmp::Reverse;

use super::candidates::{Kinds, is_base};
use crate::catalog::{Catalog, Model};
use crate::scenario::Month;

/// How near in size a model is to one that it takes the place of, as a ratio.
const ABOUT_THE_SIZE: f64 = 1.4;

/// After how many months a model counts as old, whatever its publisher did since.
const OLD_MONTHS: i32 = 18;

/// The models of a catalogue, as far as they take the place of others.
#[derive(Debug)]
pub struct Lineage<'a> {
    today: Option<Month>,
    models: Vec<Entry<'a>>,
}

#[derive(Debug)]
struct Entry<'a> {
    publisher: &'a str,
    release: Option<Month>,
    size: f64,
    kinds: Kinds,
}

impl<'a> Entry<'a> {
    fn of(model: &'a Model) -> Entry<'a> {
        Entry {
            publisher: &model.org,
            release: Month::read(&model.release),
            size: model.count().text as f64,
            kinds: Kinds::of(model),
        }
    }

    /// Whether it is newer than `own`, by the same publisher and of about its size and kind.
    fn takes_the_place_of(&self, own: &Entry<'_>) -> bool {
        let ratio = self.size / own.size;
        let is_newer =
            self.release.zip(own.release).is_some_and(|(later, release)| later > release);
        is_newer
            && (1.0 / ABOUT_THE_SIZE..=ABOUT_THE_SIZE).contains(&ratio)
            && self.publisher == own.publisher
            && self.kinds.have(own.kinds.special())
    }
}

impl<'a> Lineage<'a> {
    /// Reads the models of `catalog`.
    pub fn new(catalog: &'a Catalog) -> Lineage<'a> {
        let models = catalog.models.iter().map(Entry::of).collect();
        Lineage { today: Month::read(&catalog.generated), models }
    }

    /// Returns whether the publisher of `model` has released a newer general model of about its
    /// size, or the model is older than a year and a half at the day of the catalogue.
    ///
    /// A model with a speciality (code, images) is only set back by one with the same.
    pub fn is_superseded(&self, model: &Model) -> bool {
        let own = Entry::of(model);
        let Some(release) = own.release else { return false };
        let is_old = self.today.is_some_and(|today| today.months_since(release) > OLD_MONTHS);
        is_old || self.models.iter().any(|other| other.takes_the_place_of(&own))
    }
}

/// The newest model of `catalog` that takes the place of `model`, tuned to answer if that is: of the
/// same publisher, about the size and the same speciality; the nearest in size if several are as new.
pub fn successor<'a>(catalog: &'a Catalog, model: &Model) -> Option<&'a Model> {
    let own = Entry::of(model);
    let continues = is_base(catalog, model);
    let takes_its_place = |other: &&Model| {
        let entry = Entry::of(other);
        // A model for code takes no general one's place.
        let is_general = own.kinds.have(entry.kinds.narrow());
        entry.takes_the_place_of(&own) && is_general && is_base(catalog, other) == continues
    };
    let age = |other: &&Model| {
        let Entry { release, size, .. } = Entry::of(other);
        let off = ((size / own.size).ln().abs() * 1e3) as u64;
        (release.map(|release| release.to_string()), Reverse(off))
    };
    // Counting the parameters of all models takes longer than the rest of a search for steps.
    let of_publisher = catalog.models.iter().filter(|other| other.org == model.org);
    of_publisher.filter(takes_its_place).max_by_key(age)
}

/// The class of sizes that `params` parameters are in: eight for each doubling twice over, so that
/// models within a fifth of each other are ordered by their age.
pub fn size_class(params: u64) -> i64 {
    ((params.max(1) as f64).log2() * 4.0).round() as i64
}
