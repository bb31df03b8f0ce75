//! Which models others have taken the place of.

use crate::catalog::{Catalog, Model};
use crate::scenario::{ModelKind, Month};

use super::candidates::kinds;

/// How near in size a model is to one that it takes the place of, as a ratio.
const ABOUT_THE_SIZE: f64 = 1.4;

/// After how many months a model counts as old, whatever its publisher did since.
const OLD_MONTHS: i32 = 18;

/// Returns whether the publisher of `model` has released a newer general model of about its size,
/// or the model is older than a year and a half at the day of the catalogue.
///
/// A model with a speciality (code, images) is only set back by one with the same.
pub fn is_superseded(catalog: &Catalog, model: &Model) -> bool {
    let month = |text: &str| Month::read(text);
    let Some(release) = month(&model.release) else { return false };
    let is_old =
        month(&catalog.generated).is_some_and(|today| today.months_since(release) > OLD_MONTHS);
    let own = kinds(model);
    // Whether a model thinks is not always in its name.
    let is_common = |kind| matches!(kind, ModelKind::General | ModelKind::Reasoning);
    let size = model.count().text as f64;
    let replaces = |other: &Model| {
        let ratio = other.count().text as f64 / size;
        let is_newer = month(&other.release).is_some_and(|later| later > release);
        other.org == model.org
            && is_newer
            && (1.0 / ABOUT_THE_SIZE..=ABOUT_THE_SIZE).contains(&ratio)
            && own.iter().all(|kind| is_common(*kind) || kinds(other).contains(kind))
    };
    is_old || catalog.models.iter().any(replaces)
}

/// The class of sizes that `params` parameters are in: eight for each doubling twice over, so that
/// models within a fifth of each other are ordered by their age.
pub fn size_class(params: u64) -> i64 {
    ((params.max(1) as f64).log2() * 4.0).round() as i64
}
