//! Files of models that outlive a question.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::speed::LayerWorkCache;
use super::{FileFor, Files, format_in};
use crate::catalog::{Catalog, Model};
use crate::engine::llama_cpp::GraphCache;
use crate::engine::{self, ModelFiles};
use crate::quant::Quant;
use crate::report::{Notice, find_model};
use crate::scenario::{Addons, CacheTypes, Engine, Scenario};
use crate::units::Bytes;

/// Number of files that a store keeps; beyond it they are let go.
const MOST: usize = 1024;

/// A file with what is found out about it, or the reason why there is none.
#[derive(Debug)]
pub(super) struct OpenedFile<'a> {
    pub file: Result<ModelFiles<'a>, Notice>,
    pub work: LayerWorkCache,
}

impl<'a> OpenedFile<'a> {
    /// Opens the files of `model` in `quant` that `engine` loads, which share `graphs`.
    pub fn new(
        catalog: &'a Catalog,
        scenario: &Scenario,
        model: &'a Model,
        (engine, quant): (Engine, Quant),
        graphs: &Arc<GraphCache>,
    ) -> OpenedFile<'a> {
        let file = engine::files(catalog, engine, model, quant, scenario);
        let file = file.map(|file| file.sharing(graphs));
        OpenedFile { file, work: LayerWorkCache::default() }
    }
}

/// What of a question a file depends on, beside its model, engine and format.
#[derive(Clone, Debug, PartialEq)]
struct FileSettings {
    imatrix: bool,
    kv: CacheTypes,
    addons: Addons,
}

/// Files of models and the graphs found out about them, kept from one question for the next. It may
/// be asked from several threads.
#[derive(Default)]
pub struct FileStore<'a>(Mutex<Kept<'a>>);

#[derive(Default)]
struct Kept<'a> {
    /// The settings that files were asked for with.
    settings: Vec<FileSettings>,
    /// By the place of their settings, and the address of the model, which stays where it is as long
    /// as its catalogue.
    files: HashMap<(usize, usize, Engine, Quant), Arc<OpenedFile<'a>>>,
    graphs: HashMap<usize, Arc<GraphCache>>,
    /// What files take at least.
    least: HashMap<(usize, Engine, Quant), Bytes>,
}

impl fmt::Debug for FileStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileStore")
    }
}

impl<'a> FileStore<'a> {
    /// The files of a model, as [`super::files`] returns them.
    ///
    /// # Errors
    /// The model is not in the catalogue.
    pub fn files(
        &self,
        catalog: &'a Catalog,
        scenario: &Scenario,
        model_id: &str,
    ) -> Result<Files<'a>, Notice> {
        let model = find_model(catalog, model_id)?;
        let file = |(engine, quant)| self.file(catalog, scenario, model, engine, quant);
        Ok(super::pairs(scenario).map(file).collect())
    }

    /// What `model` takes at least in `quant` where all of it is on devices: see
    /// [`EngineAdapter::least_bytes`](crate::engine::EngineAdapter::least_bytes).
    pub fn least_bytes(&self, model: &'a Model, engine: Engine, quant: Quant) -> Bytes {
        let address = std::ptr::from_ref(model) as usize;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let least = kept.least.entry((address, engine, quant));
        *least.or_insert_with(|| engine::adapter(engine).least_bytes(model, quant))
    }

    /// The file that `engine` loads of `model`, requested as `quant`.
    pub fn file(
        &self,
        catalog: &'a Catalog,
        scenario: &Scenario,
        model: &'a Model,
        engine: Engine,
        asked: Quant,
    ) -> FileFor<'a> {
        let quant = format_in(scenario, engine, asked);
        let address = std::ptr::from_ref(model) as usize;
        let (known, graphs) = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let settings = kept.settings(scenario);
            let known = kept.files.get(&(settings, address, engine, quant)).cloned();
            (known, kept.graphs.entry(address).or_default().clone())
        };
        let opened = known.unwrap_or_else(|| {
            let opened = OpenedFile::new(catalog, scenario, model, (engine, quant), &graphs);
            let opened = Arc::new(opened);
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let settings = kept.settings(scenario);
            kept.files.insert((settings, address, engine, quant), opened.clone());
            opened
        });
        FileFor { engine, requested_quant: (quant != asked).then_some(asked), opened }
    }
}

impl Kept<'_> {
    /// The place of the settings of `scenario`. Where there are too many of them, or of files, all
    /// files are let go first; graphs, which are small and take longer to make, are not.
    fn settings(&mut self, scenario: &Scenario) -> usize {
        let Scenario { imatrix, kv, addons, .. } = scenario;
        if self.files.len() >= MOST || self.settings.len() >= MOST {
            self.files.clear();
            self.settings.clear();
        }
        let is_same = |settings: &FileSettings| {
            (settings.imatrix, settings.kv) == (*imatrix, *kv) && settings.addons == *addons
        };
        self.settings.iter().position(is_same).unwrap_or_else(|| {
            let addons = addons.clone();
            self.settings.push(FileSettings { imatrix: *imatrix, kv: *kv, addons });
            self.settings.len() - 1
        })
    }
}
