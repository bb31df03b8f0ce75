//! What hosts ask for tokens of a model.

use std::sync::LazyLock;

use super::record::ApiPrices;
use super::{Catalog, Model, decode};

/// What a host asks for tokens of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApiPrice {
    /// Name of the host, such as `OpenRouter`.
    pub host: &'static str,
    /// US dollars for a million tokens of prompts.
    pub usd_in: f64,
    /// US dollars for a million tokens of answers.
    pub usd_out: f64,
}

static PRICES: LazyLock<ApiPrices> = LazyLock::new(decode::api_prices);

impl ApiPrice {
    /// Where all prices were read.
    pub fn source() -> &'static str {
        &PRICES.source
    }

    /// Date of all prices, `YYYY-MM-DD`.
    pub fn date() -> &'static str {
        &PRICES.date
    }
}

impl Model {
    /// What hosts ask for tokens of this model, by their names: those of whom none asks less for both
    /// prompts and answers. Empty where no public price is known.
    pub fn api_prices(&self) -> impl Iterator<Item = ApiPrice> + use<> {
        let models = &Catalog::bundled().models;
        let place = models.iter().position(|model| model.hf_id == self.hf_id);
        let prices = place.map(|place| place.to_string());
        let prices = prices.and_then(|place| PRICES.models.iter().find(|of| of.model == place));
        prices.into_iter().flat_map(|of| &of.hosts).map(|(host, usd_in, usd_out)| ApiPrice {
            host: &PRICES.hosts[usize::from(*host)],
            usd_in: usd_in.0,
            usd_out: usd_out.0,
        })
    }
}
