//! Builds: files and checkpoints by the name and the publisher under which people download them.
//!
//! Publishers give standard mixes names of their own, and change what is under them. How large such
//! files are relative to the standard mix that is nearest is in `builds.json`, which
//! `xtask/data/published_builds.py` writes from known files.

use std::fmt;

use super::{Format, Mix, Quant};

/// What is known of the files of one name.
struct Known {
    name: &'static str,
    base: Mix,
    has_q8_0_head: bool,
    dense: [f64; 3],
    moe: [f64; 3],
}

// `PUBLISHERS`, sorted, and `KNOWN`, as `build.rs` reads them in `builds.json`.
include!(concat!(env!("OUT_DIR"), "/builds.rs"));

/// A GGUF file or a quantised checkpoint by its name, and by its publisher if one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Build {
    /// The name.
    pub name: BuildName,
    /// The publisher; `None` for any.
    pub publisher: Option<Publisher>,
}

/// The name of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuildName {
    /// That of a standard mix.
    Mix(Mix),
    /// A publisher's own, such as `UD-Q4_K_XL`.
    Own(OwnName),
    /// That of the format of a checkpoint.
    Format(Format),
}

/// A name that publishers gave to mixes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnName(u8);

/// Who publishes builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Publisher(u8);

impl Build {
    /// Parses `UD-Q4_K_XL` or, of one publisher, `unsloth:UD-Q4_K_XL` and `nvidia:NVFP4`, in any
    /// case. The name of a standard mix or format without a publisher is no build.
    pub fn parse(text: &str) -> Option<Build> {
        match text.split_once(':') {
            Some((publisher, name)) => Some(Build {
                name: BuildName::parse(name)?,
                publisher: Some(Publisher::parse(publisher)?),
            }),
            None => match BuildName::parse(text)? {
                name @ BuildName::Own(_) => Some(Build { name, publisher: None }),
                BuildName::Mix(_) | BuildName::Format(_) => None,
            },
        }
    }

    /// Every name of publishers' own.
    pub fn all() -> impl Iterator<Item = Build> {
        let names = (0..KNOWN.len()).map(|at| BuildName::Own(OwnName(at as u8)));
        names.map(|name| Build { name, publisher: None })
    }
}

impl BuildName {
    /// Parses a name, in any case.
    pub fn parse(text: &str) -> Option<BuildName> {
        let own = || KNOWN.iter().position(|known| known.name.eq_ignore_ascii_case(text));
        let own = || own().map(|at| BuildName::Own(OwnName(at as u8)));
        let format = || Format::parse(text).map(BuildName::Format);
        Mix::parse(text).map(BuildName::Mix).or_else(own).or_else(format)
    }

    /// The scheme that files of this name follow: of a publisher's own name, the standard mix that
    /// is nearest.
    pub const fn scheme(self) -> Quant {
        match self {
            BuildName::Mix(mix) => Quant::Gguf(mix),
            BuildName::Own(OwnName(at)) => Quant::Gguf(KNOWN[at as usize].base),
            BuildName::Format(format) => Quant::Format(format),
        }
    }

    /// Whether the embedding and the output head are Q8_0.
    pub fn has_q8_0_head(self) -> bool {
        matches!(self, BuildName::Own(OwnName(at)) if KNOWN[at as usize].has_q8_0_head)
    }

    /// Smallest, median and largest size of known files of this name, relative to the nearest
    /// standard mix with an importance matrix; `has_experts` is whether the model has routed
    /// experts.
    pub fn relative_size(self, has_experts: bool) -> [f64; 3] {
        match self {
            BuildName::Mix(_) | BuildName::Format(_) => [1.0; 3],
            BuildName::Own(OwnName(at)) if has_experts => KNOWN[at as usize].moe,
            BuildName::Own(OwnName(at)) => KNOWN[at as usize].dense,
        }
    }
}

impl Publisher {
    /// Parses a publisher's name, in any case.
    pub fn parse(text: &str) -> Option<Publisher> {
        let at = PUBLISHERS.iter().position(|name| name.eq_ignore_ascii_case(text))?;
        Some(Publisher(at as u8))
    }

    /// The name that the publisher goes by on Hugging Face.
    pub fn name(self) -> &'static str {
        PUBLISHERS[usize::from(self.0)]
    }
}

impl fmt::Display for BuildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildName::Mix(mix) => f.write_str(mix.name()),
            BuildName::Own(OwnName(at)) => f.write_str(KNOWN[usize::from(*at)].name),
            BuildName::Format(format) => format.fmt(f),
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.publisher {
            Some(publisher) => write!(f, "{}:{}", publisher.name(), self.name),
            None => self.name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let read = |text: &str| Build::parse(text).map(|build| build.to_string());
        assert_eq!(read("ud-q4_k_xl").as_deref(), Some("UD-Q4_K_XL"));
        assert_eq!(read("Unsloth:UD-Q4_K_XL").as_deref(), Some("unsloth:UD-Q4_K_XL"));
        assert_eq!(read("NVIDIA:nvfp4").as_deref(), Some("nvidia:NVFP4"));
        assert_eq!(read("bartowski:q4_k_m").as_deref(), Some("bartowski:Q4_K_M"));
        assert_eq!((read("Q4_K_M"), read("nobody:Q4_K_M"), read("UD-Q9")), (None, None, None));
        assert!(Build::all().all(|build| Build::parse(&build.to_string()) == Some(build)));
    }

    #[test]
    fn sizes_are_near_the_mix_they_are_named_after() {
        for build in Build::all() {
            for has_experts in [false, true] {
                let [low, median, high] = build.name.relative_size(has_experts);
                assert!(0.7 < low && low <= median && median <= high && high < 1.6, "{build}");
            }
        }
    }
}
