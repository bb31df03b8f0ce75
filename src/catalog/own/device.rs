//! A device that is not in the catalogue: `custom:1:memory.24:bandwidth.900:fp16.120:price.1500`.

use std::fmt::Write;

use super::{OwnError, VERSION, plain_name, versioned};
use crate::catalog::{Device, DeviceKind};
use crate::float;

/// What is known of a device that somebody has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomDevice {
    /// What it is called; may be empty.
    pub name: String,
    /// Its maker, by which engines choose a backend; may be empty.
    pub vendor: String,
    /// Memory as it is advertised, in GB as on the box.
    pub memory_gb: f64,
    /// Peak bandwidth of the memory in GB/s (10^9).
    pub bandwidth_gb_s: Option<f64>,
    /// Dense peak in 16 bits in TFLOPS.
    pub fp16_tflops: Option<f64>,
    /// Price in US dollars.
    pub price_usd: Option<f64>,
    /// Power of the board in watts.
    pub power_w: Option<f64>,
}

/// Makers whose backends are known, as links and the catalogue write them.
const VENDORS: &[(&str, &str)] = &[("nvidia", "NVIDIA"), ("amd", "AMD"), ("intel", "Intel")];

/// Dense operations in 16 bits for each byte of bandwidth, where the peak is not given: in the
/// middle of cards, which have from 60 to 300. The interval of prompts says how much that is worth.
const OPS_PER_BYTE: f64 = 140.0;

impl CustomDevice {
    /// The least and the most memory that is accepted, in GB.
    pub const MEMORY_GB: (f64, f64) = (0.5, 4096.0);
    /// The least and the most bandwidth that is accepted, in GB/s.
    pub const BANDWIDTH_GB_S: (f64, f64) = (1.0, 100_000.0);
    /// The least and the highest peak that is accepted, in TFLOPS.
    pub const FP16_TFLOPS: (f64, f64) = (0.01, 100_000.0);
    /// The lowest and the highest price that is accepted, in US dollars.
    pub const PRICE_USD: (f64, f64) = (0.0, 1e7);
    /// The least and the most power that is accepted, in watts.
    pub const POWER_W: (f64, f64) = (1.0, 20_000.0);

    /// Makers whose backends are known, as the catalogue writes them.
    pub fn vendors() -> impl Iterator<Item = &'static str> {
        VENDORS.iter().map(|(_, name)| *name)
    }

    /// Reads the id of a device; `None` if it is that of another, or cannot be used.
    pub fn from_id(id: &str) -> Option<CustomDevice> {
        CustomDevice::parse(id.strip_prefix("custom:")?).ok()
    }

    /// Reads what is behind `custom:`.
    ///
    /// # Errors
    /// The first part that cannot be read, or the memory if it is missing.
    pub fn parse(text: &str) -> Result<CustomDevice, OwnError> {
        let mut device = CustomDevice::default();
        for pair in versioned(text)?.split(':').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('.').unwrap_or((pair, ""));
            let number = |(least, most): (f64, f64)| {
                let number = float::parse(value).filter(|number| (least..=most).contains(number));
                let accepted = || format!("a number from {least} to {most}");
                number.ok_or_else(|| OwnError::new(key, value, accepted()))
            };
            match key {
                "name" => device.name = plain_name(value),
                "vendor" => {
                    let known = VENDORS.iter().find(|(name, _)| value.eq_ignore_ascii_case(name));
                    let accepted = || VENDORS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
                    let wrong = || OwnError::new(key, value, accepted().join(", "));
                    device.vendor = known.ok_or_else(wrong)?.1.to_owned();
                }
                "memory" => device.memory_gb = number(CustomDevice::MEMORY_GB)?,
                "bandwidth" => device.bandwidth_gb_s = Some(number(CustomDevice::BANDWIDTH_GB_S)?),
                "fp16" => device.fp16_tflops = Some(number(CustomDevice::FP16_TFLOPS)?),
                "price" => device.price_usd = Some(number(CustomDevice::PRICE_USD)?),
                "watts" => device.power_w = Some(number(CustomDevice::POWER_W)?),
                _ => {
                    let accepted = "name, vendor, memory, bandwidth, fp16, price, watts";
                    return Err(OwnError::new(key, value, accepted));
                }
            }
        }
        match device.memory_gb > 0.0 {
            true => Ok(device),
            false => Err(OwnError::new("memory", "", "the memory in GB, such as memory.24")),
        }
    }

    /// The id of this device: see the module.
    pub fn to_id(&self) -> String {
        let mut id = format!("custom:{VERSION}");
        if !self.name.is_empty() {
            _ = write!(id, ":name.{}", plain_name(&self.name));
        }
        if !self.vendor.is_empty() {
            _ = write!(id, ":vendor.{}", self.vendor.to_ascii_lowercase());
        }
        let numbers = [
            ("memory", Some(self.memory_gb)),
            ("bandwidth", self.bandwidth_gb_s),
            ("fp16", self.fp16_tflops),
            ("price", self.price_usd),
            ("watts", self.power_w),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                _ = write!(id, ":{key}.{number}");
            }
        }
        id
    }

    /// The device as one of the catalogue.
    pub(super) fn into_device(self) -> Device {
        let id = self.to_id();
        let CustomDevice {
            name,
            vendor,
            memory_gb,
            bandwidth_gb_s,
            fp16_tflops,
            price_usd,
            power_w,
        } = self;
        let assumed = bandwidth_gb_s.filter(|_| fp16_tflops.is_none());
        let assumed = assumed.map(|gb_s| gb_s * OPS_PER_BYTE / 1e3);
        let name = match name.as_str() {
            "" => format!("{memory_gb} GB card"),
            name => name.to_owned(),
        };
        Device {
            id,
            name,
            vendor,
            generation: "custom".to_owned(),
            segment: "consumer".to_owned(),
            kind: DeviceKind::Discrete,
            memory_gb: Some(memory_gb),
            bandwidth_gb_s,
            tflops_dense: fp16_tflops
                .or(assumed)
                .map(|tflops| ("fp16".to_owned(), tflops))
                .into_iter()
                .collect(),
            tflops_basis: None,
            tdp_w: power_w,
            msrp_usd: price_usd,
            status: "custom".to_owned(),
            aliases: Vec::new(),
            chip: None,
            memory_options_gb: Vec::new(),
            memory_usable_bytes: None,
            memory_driver_bytes: None,
            usable_by_option: Vec::new(),
            memory_usable_basis: None,
            memory_usable_note: None,
            memory_type: String::new(),
            compute_units: None,
            boost_mhz: None,
            compute_target: None,
            pcie: None,
            fabric_gb_s: None,
            fabric_devices: None,
            msrp_source: None,
            cloud_prices: Vec::new(),
            release: None,
            confidence: String::new(),
            flags: Vec::new(),
            note: None,
            sources: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn devices_read_back_and_are_found_like_any_other() {
        let id = "custom:1:name.My-card:vendor.amd:memory.24:bandwidth.900.5:fp16.120:price.1500:watts.300";
        let read = CustomDevice::parse(id.strip_prefix("custom:").unwrap()).unwrap();
        assert_eq!(read.to_id(), id);
        let device = Catalog::bundled().device(id).unwrap();
        assert_eq!((device.id.as_str(), device.name.as_str()), (id, "My-card"));
        assert_eq!(device.bandwidth_gb_s, Some(900.5));
        // One look-up finds what another made.
        assert!(std::ptr::eq(device, Catalog::bundled().device(id).unwrap()));
    }

    #[test]
    fn a_wrong_part_is_named_with_what_is_accepted() {
        for (text, field, value) in [
            ("2:memory.24", "version", "2"),
            ("1:bandwidth.900", "memory", ""),
            ("1:memory.NaN", "memory", "NaN"),
            ("1:memory.-1", "memory", "-1"),
            ("1:memory.1e9", "memory", "1e9"),
            ("1:memory.24:vendor.acme", "vendor", "acme"),
            ("1:memory.24:tops.3", "tops", "3"),
        ] {
            let error = CustomDevice::parse(text).unwrap_err();
            assert_eq!((error.field.as_str(), error.value.as_str()), (field, value), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(device) = CustomDevice::parse(&format!("1:{text}")) {
                let id = device.to_id();
                let again = CustomDevice::parse(id.strip_prefix("custom:").unwrap());
                proptest::prop_assert_eq!(again, Ok(device));
            }
        }
    }
}
