//! The query-string notation of a [`Scenario`]. Parsing never fails: what cannot be used is kept
//! in [`Scenario::unused`] and reported.
//!
//! ```text
//! v=1 & model=a,b & hw=x*2,y;z@64 & quant=Q8_0 & engine=llama.cpp & ctx=32k & users=4
//!     & kv=q8_0 | kv=f16,q8_0 & fa=on|off & ubatch=512 & logits=server|batch & unified=on
//!     & swa_full=on & imatrix=on & ram=64GiB & offload=auto|none|experts|experts:N|ngl:N
//!     & mmproj=f16 & lora=16*4 & lora_on=attention & draft=qwen3-0.6b:Q8_0 & draft_n=3 & mtp=2
//!     & accept=0.7 & cache_ram=8GiB & checkpoints=32 & display=linux
//!     & measured=machine/engine/model/quant/tg:38.2,pp512:2100
//!     & prompt=1024 & output=512 & prefix=0 & min_tps=10 & ttft=2s & tpot=50ms
//!     & split=auto|layer|row|tensor|none & ts=3,1 & mg=0 & batch=2048 & pp=2 & dp=2 & ep=on|off|N
//!     & os=macos-15|macos-26|linux|windows & wired=110GiB & uma=512MiB
//!     & reserve=1GiB & util=0.9 & seqs=64 & batched=8192 & tp=2 & eager=on & vllm=0.11
//!     & price=1599 & rent=0.4 & kwh=0.17 & duty=0.5 & years=3 & pue=1.1 & boards_w=450 & host_w=100
//!     & idle=0.15 & prefill=0.95 & decode=0.6 & cur=EUR & rate=0.92
//!     & lang=en|ru & theme=light|dark & embed=1 & cell=model.machine.quant[.engine]
//!     & rows=[hardware|model|quant|engine,]hardware|model|quant|engine & cols=...
//! ```
//! `,` separates list entries, `;` machines, `*N` is a count and `@N` a memory size in GB. A list
//! key may be repeated; of a repeated single value the last usable one counts. Inside an entry
//! those characters are percent-encoded once more.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{
    Addons, Bounds, Currency, DeviceCount, Engine, Input, KvTypes, Lang, LogitsBuffer, Machine,
    Measurement, Offload, Parallel, Platform, QUERY_VERSION, Scenario, Selected, Serving, Theme,
};
use crate::quant::{GgmlType, Quant};
use crate::units::{Bytes, GB, GIB, MIB};

/// A key of the query string that could not be used as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// The key, such as `ctx`.
    pub field: String,
    /// The value as typed.
    pub value: String,
    /// What went wrong.
    pub reason: ProblemKind,
    /// What would be accepted: a range such as `1..256`, or the accepted words.
    pub accepted: String,
    /// The nearest value that would be, where the value is a number.
    pub nearest: Option<String>,
}

/// Why a pair of the query string was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The key means nothing to this version.
    UnknownKey,
    /// The value is not of the expected form.
    Malformed,
    /// The value is a number outside its range.
    OutOfRange,
    /// More list entries than are taken.
    TooMany,
}

/// The keys of the notation, but for those of [`Addons`], [`Parallel`] and [`Platform`].
const KEYS: &[&str] = &[
    "v", "model", "hw", "quant", "engine", "ctx", "users", "kv", "fa", "ubatch", "logits",
    "unified", "swa_full", "imatrix", "ram", "offload", "reserve", "util", "seqs", "batched", "tp",
    "eager", "vllm", "price", "rent", "kwh", "duty", "years", "pue", "boards_w", "host_w", "idle",
    "prefill", "decode", "cur", "rate", "lang", "theme", "embed", "rows", "cols", "cell",
];

fn keys() -> Vec<&'static str> {
    let parts = [KEYS, Addons::KEYS, Serving::KEYS, Parallel::KEYS, Platform::KEYS];
    parts.concat()
}

/// Encoded in a pair of the query string. What is left readable has no meaning there.
const PAIR: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'`')
    .add(b'?')
    .add(b'\'')
    .add(b'\\')
    .add(b'^')
    .add(b'{')
    .add(b'}')
    .add(b'|');

/// Encoded inside an entry of a list, where these characters have a meaning.
const ENTRY: &AsciiSet = &CONTROLS.add(b',').add(b';').add(b'*').add(b'@').add(b'%');

/// Why a value was refused, and what would be accepted.
pub(super) struct Refused(ProblemKind, String, Option<String>);

impl Refused {
    pub(super) fn form(accepted: impl Into<String>) -> Refused {
        Refused::new(ProblemKind::Malformed, accepted)
    }

    pub(super) fn new(reason: ProblemKind, accepted: impl Into<String>) -> Refused {
        Refused(reason, accepted.into(), None)
    }

    pub(super) fn or(self, nearest: String) -> Refused {
        Refused(self.0, self.1, Some(nearest))
    }
}

impl Scenario {
    /// The question in a query string (with or without a leading `?`). Whatever cannot be used is
    /// kept in [`Scenario::unused`] and reported; the rest still counts.
    pub fn from_query(query: &str) -> (Scenario, Vec<Problem>) {
        let mut reader = Reader::default();
        let query = query.strip_prefix('?').unwrap_or(query);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            reader.pair(&key, &value);
        }
        reader.finish()
    }

    /// The query string of this question. Defaults are left out.
    pub fn to_query(&self) -> String {
        let default = Scenario::default();
        let mut out = Writer::default();
        let list = |entries: Vec<String>| entries.join(",");
        if self.models != default.models {
            out.pair("model", &list(self.models.iter().map(|id| entry(id)).collect()));
        }
        if self.machines != default.machines {
            let machines: Vec<String> = self.machines.iter().map(Machine::to_query).collect();
            out.pair("hw", &machines.join(";"));
        }
        if self.quants != default.quants {
            out.pair("quant", &list(self.quants.iter().map(Quant::to_string).collect()));
        }
        if self.engines != default.engines {
            out.pair("engine", &list(self.engines.iter().map(Engine::to_string).collect()));
        }
        if self.context != default.context {
            out.pair("ctx", &self.context.to_string());
        }
        if self.users != default.users {
            out.pair("users", &self.users.to_string());
        }
        if self.kv != default.kv {
            match self.kv_fp8 && self.kv == KvTypes::both(GgmlType::Q8_0) {
                true => out.pair("kv", "fp8"),
                false => out.pair("kv", &self.kv.to_string()),
            }
        }
        if self.flash_attention != default.flash_attention {
            out.pair("fa", switch(self.flash_attention));
        }
        if self.ubatch != default.ubatch {
            out.pair("ubatch", &self.ubatch.to_string());
        }
        if self.logits != default.logits {
            out.pair("logits", mode_name(self.logits));
        }
        if self.unified_kv != default.unified_kv {
            out.pair("unified", switch(self.unified_kv));
        }
        if self.swa_full != default.swa_full {
            out.pair("swa_full", switch(self.swa_full));
        }
        if self.imatrix != default.imatrix {
            out.pair("imatrix", switch(self.imatrix));
        }
        if self.ram != default.ram {
            out.pair("ram", &size(self.ram));
        }
        if self.offload != default.offload {
            out.pair("offload", &self.offload.to_string());
        }
        if self.reserve != default.reserve {
            out.pair("reserve", &size(self.reserve));
        }
        if let Some(thousandths) = self.gpu_memory_utilization {
            out.pair("util", &share(thousandths));
        }
        for (key, value) in [
            ("seqs", self.max_num_seqs),
            ("batched", self.max_num_batched_tokens),
            ("tp", self.tensor_parallel),
        ] {
            if let Some(value) = value {
                out.pair(key, &value.to_string());
            }
        }
        if self.eager != default.eager {
            out.pair("eager", switch(self.eager));
        }
        if let Some(minor) = self.vllm_release {
            out.pair("vllm", &format!("0.{minor}"));
        }
        if self.money.currency != default.money.currency {
            out.pair("cur", self.money.currency.code());
        }
        for input in Input::ALL {
            if let Some(value) = self.money.get(input) {
                out.pair(input.key(), &value.to_string());
            }
        }
        self.addons.write(&mut out);
        self.serving.write(&mut out);
        self.parallel.write(&mut out);
        self.platform.write(&mut out);
        if let Some(lang) = self.lang {
            out.pair("lang", lang.code());
        }
        if let Some(theme) = self.theme {
            out.pair("theme", theme.name());
        }
        if self.embed {
            out.pair("embed", "1");
        }
        self.view.write(&mut out);
        if let Some(Selected { model, machine, quant, engine }) = self.selected {
            let engine = if engine > 0 { format!(".{engine}") } else { String::new() };
            out.pair("cell", &format!("{model}.{machine}.{quant}{engine}"));
        }
        for (key, value) in &self.unused {
            out.pair(key, value);
        }
        out.0
    }
}

/// Collects pairs into a scenario.
#[derive(Default)]
struct Reader {
    scenario: Scenario,
    models: Option<Vec<String>>,
    machines: Option<Vec<Machine>>,
    quants: Option<Vec<Quant>>,
    engines: Option<Vec<Engine>>,
    measured: Option<Vec<Measurement>>,
    problems: Vec<Problem>,
}

impl Reader {
    fn pair(&mut self, key: &str, value: &str) {
        match key {
            "model" => self.list(key, value, ',', Bounds::MODELS, |r| &mut r.models, model_id),
            "hw" => self.list(key, value, ';', Bounds::MACHINES, |r| &mut r.machines, machine),
            "quant" => {
                let most = Bounds { max: Quant::all().count() as u64, ..Bounds::MODELS };
                self.list(key, value, ',', most, |r| &mut r.quants, quant);
            }
            "measured" => {
                self.list(key, value, ';', Bounds::MEASURED, |r| &mut r.measured, Measurement::read)
            }
            "engine" => self.list(key, value, ',', Bounds::ENGINES, |r| &mut r.engines, engine),
            _ => {
                if let Err(mut refused) = self.single(key, value.trim()) {
                    // The nearest number is offered where it is all of the value.
                    let taken = |n: &String| Reader::default().single(key, n).is_ok();
                    refused.2 = refused.2.filter(taken);
                    self.refuse(key, value, refused);
                }
            }
        }
    }

    /// A key that holds one value.
    fn single(&mut self, key: &str, value: &str) -> Result<(), Refused> {
        let s = &mut self.scenario;
        match key {
            "v" => version(value)?,
            "ctx" => s.context = number(value, Bounds::CONTEXT)?,
            "users" => s.users = number(value, Bounds::USERS)?,
            "kv" => {
                s.kv = kv_types(value)?;
                s.kv_fp8 = value.eq_ignore_ascii_case("fp8");
            }
            "fa" => s.flash_attention = on_off(value)?,
            "ubatch" => s.ubatch = number(value, Bounds::UBATCH)?,
            "logits" => {
                s.logits = word(
                    value,
                    &[("server", LogitsBuffer::Server), ("batch", LogitsBuffer::Batch)],
                )?;
            }
            "unified" => s.unified_kv = on_off(value)?,
            "swa_full" => s.swa_full = on_off(value)?,
            "imatrix" => s.imatrix = on_off(value)?,
            "ram" => s.ram = bytes(value, Bounds::RAM)?,
            "offload" => s.offload = offload(value)?,
            "reserve" => s.reserve = bytes(value, Bounds::RESERVE)?,
            "util" => s.gpu_memory_utilization = Some(thousandths(value, Bounds::UTILISATION)?),
            "seqs" => s.max_num_seqs = Some(number(value, Bounds::SEQUENCES)?),
            "batched" => s.max_num_batched_tokens = Some(number(value, Bounds::BATCHED)?),
            "eager" => s.eager = on_off(value)?,
            "vllm" => s.vllm_release = Some(release(value, Bounds::VLLM_RELEASE)?),
            "tp" => s.tensor_parallel = Some(number(value, Bounds::TENSOR_PARALLEL)?),
            "cur" => {
                let code = || Refused::form("a code of three letters, such as EUR");
                s.money.currency = Currency::parse(value).ok_or_else(code)?;
            }
            "lang" => s.lang = Some(word(value, &[("en", Lang::En), ("ru", Lang::Ru)])?),
            "theme" => {
                s.theme = Some(word(value, &[("light", Theme::Light), ("dark", Theme::Dark)])?);
            }
            "embed" => s.embed = on_off(value)?,
            "cell" => s.selected = Some(selected(value)?),
            _ if s.addons.set(key, value)? => {}
            _ if s.serving.set(key, value)? => {}
            _ if s.parallel.set(key, value)? => {}
            _ if s.platform.set(key, value)? => {}
            _ if s.view.set(key, value)? => {}
            _ => match Input::ALL.into_iter().find(|input| input.key() == key) {
                Some(input) => s.money.set(input, Some(decimal(value, input)?)),
                None => return Err(Refused::new(ProblemKind::UnknownKey, keys().join(", "))),
            },
        }
        Ok(())
    }

    /// A key that holds a list; an empty value makes the list empty rather than the default.
    fn list<T: PartialEq>(
        &mut self,
        key: &str,
        value: &str,
        separator: char,
        most: Bounds,
        target: fn(&mut Reader) -> &mut Option<Vec<T>>,
        parse: fn(&str) -> Result<T, Refused>,
    ) {
        if value.trim().is_empty() {
            target(self).get_or_insert_default();
            return;
        }
        for part in value.split(separator).map(str::trim).filter(|part| !part.is_empty()) {
            match parse(part) {
                Ok(item) => {
                    let items = target(self).get_or_insert_default();
                    if items.contains(&item) {
                        continue;
                    }
                    if items.len() as u64 >= most.max {
                        self.refuse(key, part, Refused::new(ProblemKind::TooMany, most.text()));
                    } else {
                        items.push(item);
                    }
                }
                Err(refused) => self.refuse(key, part, refused),
            }
        }
    }

    fn refuse(&mut self, key: &str, value: &str, Refused(reason, accepted, nearest): Refused) {
        self.scenario.unused.push((key.to_owned(), value.to_owned()));
        let (field, value) = (key.to_owned(), value.to_owned());
        self.problems.push(Problem { field, value, reason, accepted, nearest });
    }

    fn finish(mut self) -> (Scenario, Vec<Problem>) {
        if let Some((cols, refused)) = self.scenario.view.drop_conflicting_columns() {
            self.refuse("cols", cols.name(), refused);
        }
        let s = &mut self.scenario;
        s.models = self.models.unwrap_or_else(|| std::mem::take(&mut s.models));
        s.machines = self.machines.unwrap_or_else(|| std::mem::take(&mut s.machines));
        s.quants = self.quants.unwrap_or_else(|| std::mem::take(&mut s.quants));
        s.engines = self.engines.unwrap_or_else(|| std::mem::take(&mut s.engines));
        s.serving.measured = self.measured.unwrap_or_default();
        (self.scenario, self.problems)
    }
}

fn version(value: &str) -> Result<(), Refused> {
    match value.parse::<u32>() {
        Ok(v) if (1..=QUERY_VERSION).contains(&v) => Ok(()),
        Ok(_) => Err(Refused::new(ProblemKind::OutOfRange, format!("1..{QUERY_VERSION}"))),
        Err(_) => Err(Refused::form(format!("1..{QUERY_VERSION}"))),
    }
}

/// One of `words`, in any case.
pub(super) fn word<T: Copy>(value: &str, words: &[(&str, T)]) -> Result<T, Refused> {
    words.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, t)| *t).ok_or_else(
        || Refused::form(words.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
    )
}

fn on_off(value: &str) -> Result<bool, Refused> {
    match word(value, &[("on", true), ("off", false), ("1", true), ("0", false)]) {
        Ok(on) => Ok(on),
        Err(_) => Err(Refused::form("on, off")),
    }
}

/// A whole number, with `k` for 1024 and `M` for 1024 x 1024 behind it.
pub(super) fn number(value: &str, limit: Bounds) -> Result<u64, Refused> {
    let (digits, times) = match value.as_bytes().last() {
        Some(b'k' | b'K') => (&value[..value.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&value[..value.len() - 1], 1 << 20),
        _ => (value, 1),
    };
    within(digits.trim(), times, limit)
}

/// A size in bytes: `64GiB`, `64GB`, `512MiB`, or a plain number of bytes.
pub(super) fn bytes(value: &str, limit: Bounds) -> Result<Bytes, Refused> {
    const UNITS: &[(&str, u64)] = &[
        ("tib", GIB << 10),
        ("gib", GIB),
        ("mib", MIB),
        ("tb", GB * 1000),
        ("gb", GB),
        ("mb", GB / 1000),
        ("b", 1),
    ];
    let lower = value.to_ascii_lowercase();
    for (unit, times) in UNITS {
        if let Some(digits) = lower.strip_suffix(unit) {
            return within(digits.trim(), *times, limit).map(Bytes).map_err(size_range(limit));
        }
    }
    within(&lower, 1, limit).map(Bytes).map_err(size_range(limit))
}

fn size_range(limit: Bounds) -> impl Fn(Refused) -> Refused {
    move |refused| {
        let range =
            format!("{}..{} (GiB, MiB, GB)", size(Bytes(limit.min)), size(Bytes(limit.max)));
        let nearest = refused.2.and_then(|n| n.parse().ok()).map(|n| size(Bytes(n)));
        Refused(refused.0, range, nearest)
    }
}

/// `digits` times `times`, within `limit`. Digits alone are accepted: no sign, no exponent.
fn within(digits: &str, times: u64, limit: Bounds) -> Result<u64, Refused> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refused::form(limit.text()));
    }
    match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(times)) {
        Some(n) if limit.contains(n) => Ok(n),
        parsed => {
            let nearest = limit.clamp(parsed.unwrap_or(u64::MAX));
            Err(Refused::new(ProblemKind::OutOfRange, limit.text()).or(nearest.to_string()))
        }
    }
}

/// A number with a decimal point, within the range of `input`.
fn decimal(value: &str, input: Input) -> Result<f64, Refused> {
    let (min, max) = input.range();
    let refused = |reason| Refused::new(reason, format!("{min}..{max}"));
    let number = input.parse(value).ok_or_else(|| refused(ProblemKind::Malformed))?;
    match input.contains(number) {
        true => Ok(number),
        false => Err(refused(ProblemKind::OutOfRange).or(number.clamp(min, max).to_string())),
    }
}

pub(super) fn model_id(part: &str) -> Result<String, Refused> {
    Ok(unescape(part))
}

pub(super) fn engine(part: &str) -> Result<Engine, Refused> {
    let names: Vec<_> = Engine::ALL.iter().map(|e| (e.name(), *e)).collect();
    word(part, &names)
}

/// The minor number of a release of the 0.x series: `0.11`, `0.11.2`.
fn release(value: &str, limit: Bounds) -> Result<u64, Refused> {
    let range = || format!("0.{}..0.{}", limit.min, limit.max);
    let mut parts = value.trim_start_matches('v').split('.');
    match (parts.next(), parts.next().map(|minor| within(minor, 1, limit))) {
        (Some("0"), Some(Ok(minor))) => Ok(minor),
        (Some("0"), Some(Err(Refused(reason, _, nearest)))) => {
            Err(Refused(reason, range(), nearest.map(|minor| format!("0.{minor}"))))
        }
        _ => Err(Refused::form(range())),
    }
}

/// A share in thousandths: `0.9`, `0.925`, `90%`, `1`.
pub(super) fn thousandths(value: &str, limit: Bounds) -> Result<u64, Refused> {
    let range = || format!("{}..{}", share(limit.min), share(limit.max));
    let (digits, scale) = match value.strip_suffix('%') {
        Some(percent) => (percent.trim(), 10),
        None => (value, 1000),
    };
    let share = fraction(digits).map(|thousandths| thousandths * scale);
    match share.filter(|share| share.is_multiple_of(1000)) {
        Some(share) if limit.contains(share / 1000) => Ok(share / 1000),
        Some(over) => {
            let nearest = self::share(limit.clamp(over / 1000));
            Err(Refused::new(ProblemKind::OutOfRange, range()).or(nearest))
        }
        None => Err(Refused::form(range())),
    }
}

/// A decimal fraction of at most nine digits and three places, in thousandths.
pub(super) fn fraction(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > 3 || !plain(whole) || !plain(part) {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1000 + part)
}

/// Thousandths as a decimal fraction without trailing zeros.
pub(super) fn share(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn quant(part: &str) -> Result<Quant, Refused> {
    Quant::parse(part).ok_or_else(|| {
        Refused::form(Quant::all().map(|q| q.to_string()).collect::<Vec<_>>().join(", "))
    })
}

/// One machine: `id*count@memory` entries separated by commas.
pub(super) fn machine(part: &str) -> Result<Machine, Refused> {
    let devices = part
        .split(',')
        .map(str::trim)
        .filter(|device| !device.is_empty())
        .map(device_count)
        .collect::<Result<Vec<_>, _>>()?;
    if devices.is_empty() {
        return Err(Refused::form("id*count, id@GB"));
    }
    if devices.len() as u64 > Bounds::KINDS.max {
        return Err(Refused::new(ProblemKind::TooMany, Bounds::KINDS.text()));
    }
    if devices.iter().map(|device| u64::from(device.count)).sum::<u64>() > Bounds::DEVICES.max {
        return Err(Refused::new(ProblemKind::TooMany, Bounds::DEVICES.text()));
    }
    Ok(Machine { devices })
}

fn device_count(part: &str) -> Result<DeviceCount, Refused> {
    let (part, count) = match part.rsplit_once('*') {
        Some((id, count)) => (id, number(count.trim(), Bounds::DEVICES)? as u32),
        None => (part, 1),
    };
    let (id, memory_gb) = match part.rsplit_once('@') {
        Some((id, gb)) => (id, Some(number(gb.trim(), Bounds::DEVICE_MEMORY_GB)? as u32)),
        None => (part, None),
    };
    let id = unescape(id.trim());
    if id.is_empty() {
        return Err(Refused::form("id*count, id@GB"));
    }
    Ok(DeviceCount { id, count, memory_gb })
}

fn kv_types(value: &str) -> Result<KvTypes, Refused> {
    let one = |name: &str| {
        // Serving engines keep an 8-bit cache as FP8; one word asks all of them for 8 bits.
        if name.trim().eq_ignore_ascii_case("fp8") {
            return Ok(GgmlType::Q8_0);
        }
        let names: Vec<_> = KvTypes::ACCEPTED.iter().map(|ty| (ty.name(), *ty)).collect();
        word(name.trim(), &names)
    };
    match value.split_once(',') {
        Some((k, v)) => Ok(KvTypes { k: one(k)?, v: one(v)? }),
        None => one(value).map(KvTypes::both),
    }
}

fn offload(value: &str) -> Result<Offload, Refused> {
    let lower = value.to_ascii_lowercase();
    let layers = |n: &str| number(n.trim(), Bounds::LAYERS).map(|n| n as u32);
    match lower.split_once(':') {
        Some(("ngl", n)) => layers(n).map(Offload::GpuLayers),
        Some(("experts", n)) => layers(n).map(Offload::ExpertLayers),
        _ => match lower.as_str() {
            "auto" => Ok(Offload::Auto),
            "none" => Ok(Offload::None),
            "experts" => Ok(Offload::Experts),
            _ => Err(Refused::form("auto, none, experts, experts:N, ngl:N")),
        },
    }
}

fn selected(value: &str) -> Result<Selected, Refused> {
    let parts = value.split('.').map(|n| within(n, 1, Bounds::MODELS).map(|n| n as usize));
    let parts: Vec<usize> = parts.collect::<Result<_, _>>().unwrap_or_default();
    match parts.as_slice() {
        [model, machine, quant] => {
            Ok(Selected { model: *model, machine: *machine, quant: *quant, engine: 0 })
        }
        [model, machine, quant, engine] => {
            Ok(Selected { model: *model, machine: *machine, quant: *quant, engine: *engine })
        }
        _ => Err(Refused::form("model.machine.quant, model.machine.quant.engine")),
    }
}

/// Writes pairs, each percent-encoded.
#[derive(Default)]
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn pair(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(utf8_percent_encode(key, PAIR));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, PAIR));
    }
}

impl Machine {
    /// The machine in query notation, such as `rtx-4090*2,rtx-3090`.
    pub fn to_query(&self) -> String {
        let devices: Vec<String> = self.devices.iter().map(DeviceCount::to_query).collect();
        devices.join(",")
    }
}

impl DeviceCount {
    fn to_query(&self) -> String {
        let mut out = entry(&self.id);
        if let Some(gb) = self.memory_gb {
            out += &format!("@{gb}");
        }
        if self.count != 1 {
            out += &format!("*{}", self.count);
        }
        out
    }
}

impl std::fmt::Display for KvTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |ty: GgmlType| ty.name().to_ascii_lowercase();
        match self.k == self.v {
            true => f.write_str(&name(self.k)),
            false => write!(f, "{},{}", name(self.k), name(self.v)),
        }
    }
}

impl std::fmt::Display for Offload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Offload::Auto => f.write_str("auto"),
            Offload::None => f.write_str("none"),
            Offload::Experts => f.write_str("experts"),
            Offload::ExpertLayers(n) => write!(f, "experts:{n}"),
            Offload::GpuLayers(n) => write!(f, "ngl:{n}"),
        }
    }
}

impl Lang {
    /// The language's BCP 47 code.
    pub const fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ru => "ru",
        }
    }
}

impl Theme {
    /// The name used in links.
    pub const fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn mode_name(mode: LogitsBuffer) -> &'static str {
    match mode {
        LogitsBuffer::Server => "server",
        LogitsBuffer::Batch => "batch",
    }
}

/// A size in the largest binary unit that holds it exactly.
pub(super) fn size(Bytes(n): Bytes) -> String {
    match n {
        n if n % GIB == 0 => format!("{}GiB", n / GIB),
        n if n % MIB == 0 => format!("{}MiB", n / MIB),
        n => format!("{n}B"),
    }
}

/// An id as an entry of a list. Outer spaces are encoded, since the reader trims.
pub(super) fn entry(id: &str) -> String {
    let inner = id.trim();
    let lead = &id[..id.len() - id.trim_start().len()];
    let trail = &id[lead.len() + inner.len()..];
    let spaces = |s: &str| s.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    format!("{}{}{}", spaces(lead), utf8_percent_encode(inner, ENTRY), spaces(trail))
}

fn unescape(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Accuracy, Money};
    use super::*;
    use crate::scenario::{
        Axis, Display, DraftModel, ExpertParallel, Lora, LoraTargets, Projector, SplitMode, System,
        TensorSplit, View,
    };

    fn parse(query: &str) -> Scenario {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems, [], "of {query:?}");
        scenario
    }

    fn problem(query: &str) -> Problem {
        let (scenario, problems) = Scenario::from_query(query);
        assert_eq!(problems.len(), 1, "of {query:?}: {problems:?}");
        assert_eq!(scenario.unused.len(), 1);
        problems[0].clone()
    }

    #[test]
    fn an_empty_query_is_the_first_visit() {
        assert_eq!(parse(""), Scenario::default());
        assert_eq!(parse("?"), Scenario::default());
        assert_eq!(Scenario::default().to_query(), "");
    }

    #[test]
    fn the_notation_reads_as_documented() {
        let s = parse(
            "?v=1&model=qwen2.5-72b-instruct,Qwen/Qwen3-32B&hw=rtx-4090*2,rtx-3090;m4-max@64\
             &quant=q8_0,Q4_K_M&ctx=32k&users=4&kv=q8_0&fa=off&ram=128GiB&offload=ngl:20\
             &reserve=1GiB&lang=ru&cell=1.0.1&logits=batch",
        );
        assert_eq!(s.models, ["qwen2.5-72b-instruct", "Qwen/Qwen3-32B"]);
        assert_eq!(s.machines.len(), 2);
        assert_eq!(s.machines[0].devices[0].count, 2);
        assert_eq!(s.machines[1].devices[0].memory_gb, Some(64));
        assert_eq!(
            s.quants,
            [Quant::Gguf(crate::quant::Mix::Q8_0), Quant::Gguf(crate::quant::Mix::Q4_K_M)]
        );
        assert_eq!(s.context, 32_768);
        assert_eq!(s.kv, KvTypes::both(GgmlType::Q8_0));
        assert!(!s.flash_attention);
        assert_eq!(s.ram, Bytes::gib(128));
        assert_eq!(s.offload, Offload::GpuLayers(20));
        assert_eq!(s.selected, Some(Selected { model: 1, machine: 0, quant: 1, engine: 0 }));
        assert_eq!(s.lang, Some(Lang::Ru));
    }

    #[test]
    fn links_stay_readable() {
        let mut s = Scenario { users: 4, ..Scenario::default() };
        s.machines[0].devices[0].id = "RTX 6000 BW".to_owned();
        s.machines[0].devices[0].count = 2;
        assert_eq!(s.to_query(), "hw=RTX%206000%20BW*2&users=4");
    }

    #[test]
    fn a_wrong_value_names_field_value_and_what_is_accepted() {
        let p = problem("ctx=lots");
        assert_eq!((p.field.as_str(), p.value.as_str()), ("ctx", "lots"));
        assert_eq!(p.reason, ProblemKind::Malformed);
        assert_eq!(p.accepted, "1..16777216");
        assert_eq!(problem("users=0").reason, ProblemKind::OutOfRange);
        assert_eq!(problem("users=99999999999999999999").reason, ProblemKind::OutOfRange);
        assert_eq!(problem("fa=maybe").accepted, "on, off");
        assert_eq!(problem("colour=red").reason, ProblemKind::UnknownKey);
        assert_eq!(problem("v=99").reason, ProblemKind::OutOfRange);
        assert!(problem("quant=Q9_Z").accepted.contains("Q4_K_M"));
        assert!(problem("ram=lots").accepted.contains("GiB"));
    }

    #[test]
    fn engines_and_their_settings_are_read() {
        let s =
            parse("engine=llama.cpp,VLLM&util=0.95&seqs=64&batched=8k&tp=2&cell=0.0.0.1&kv=fp8");
        assert_eq!(s.engines, [Engine::LlamaCpp, Engine::Vllm]);
        assert_eq!((s.gpu_memory_utilization, s.max_num_seqs), (Some(950), Some(64)));
        assert_eq!((s.max_num_batched_tokens, s.tensor_parallel), (Some(8192), Some(2)));
        assert_eq!(s.selected.map(|cell| cell.engine), Some(1));
        assert_eq!(s.kv, KvTypes::both(GgmlType::Q8_0));
        assert_eq!(parse("vllm=0.11.2").vllm_release, Some(11));
        assert_eq!(problem("vllm=1.0").accepted, "0.6..0.33");
        assert_eq!(problem("vllm=0.99").reason, ProblemKind::OutOfRange);
        assert!(parse("eager=on").eager);
        assert_eq!(parse("util=90%").gpu_memory_utilization, Some(900));
        assert_eq!(parse("util=1").gpu_memory_utilization, Some(1000));
        assert_eq!(problem("util=0").accepted, "0.01..1");
        assert_eq!(problem("util=0").nearest.as_deref(), Some("0.01"));
        assert_eq!(problem("util=1.2").nearest.as_deref(), Some("1"));
        assert_eq!(problem("users=9999").nearest.as_deref(), Some("4096"));
        assert_eq!(problem("vllm=0.99").nearest.as_deref(), Some("0.33"));
        assert_eq!(problem("ram=99999TiB").nearest.as_deref(), Some("65536GiB"));
        assert_eq!(problem("offload=ngl:99999").nearest, None);
        assert_eq!(problem("util=1.2").reason, ProblemKind::OutOfRange);
        assert_eq!(problem("util=.9").reason, ProblemKind::Malformed);
        assert!(problem("engine=lama").accepted.contains("vllm"));
    }

    #[test]
    fn what_is_beside_the_model_is_read() {
        let s = parse("mmproj=Q8_0&lora=16*4&lora_on=attention&draft=Qwen/Qwen3-0.6B:q8_0&mtp=2");
        assert_eq!(s.addons.projector.name(), "q8_0");
        let targets = LoraTargets::Attention;
        assert_eq!(s.addons.lora, Lora { rank: 16, count: 4, targets });
        let draft = s.addons.draft.clone().unwrap();
        assert_eq!((draft.id.as_str(), draft.quant), ("Qwen/Qwen3-0.6B", Quant::parse("Q8_0")));
        assert_eq!(s.addons.mtp, 2);
        let s = parse("cache_ram=8GiB&checkpoints=32&accept=80%&display=linux&draft_n=5&draft=");
        assert_eq!((s.addons.prompt_cache, s.addons.checkpoints), (Bytes::gib(8), 32));
        assert_eq!((s.addons.acceptance, s.addons.display), (800, Display::Linux));
        assert_eq!((s.addons.draft_tokens, s.addons.draft), (5, None));
        assert!(problem("draft=qwen3-0.6b:Q9").accepted.contains("Q4_K_M"));
        assert_eq!(problem("lora=4096").accepted, "0..1024");
        assert_eq!(problem("mmproj=yes").accepted, "auto, off, f16, bf16, q8_0, f32");
    }

    #[test]
    fn a_wrong_value_leaves_the_rest_and_stays_in_the_link() {
        let (s, problems) = Scenario::from_query("ctx=lots&users=3&quant=Q8_0,Q9_Z&new=1");
        assert_eq!(problems.len(), 3);
        assert_eq!((s.users, s.context), (3, Scenario::default().context));
        assert_eq!(s.quants.len(), 1);
        assert_eq!(Scenario::from_query(&s.to_query()), (s, problems));
    }

    #[test]
    fn the_split_between_devices_is_read() {
        let s = parse("split=pipeline&ts=0.6/0.4&mg=1&batch=4k&pp=2&dp=4&ep=on");
        assert_eq!(s.parallel.split, SplitMode::Layer);
        assert_eq!(s.parallel.tensor_split, Some(TensorSplit(vec![600, 400])));
        assert_eq!((s.parallel.main_gpu, s.parallel.logical_batch()), (1, 4096));
        assert_eq!((s.parallel.pipeline, s.parallel.data), (Some(2), Some(4)));
        assert_eq!(s.to_query(), "split=layer&ts=0.6,0.4&mg=1&batch=4096&pp=2&dp=4&ep=on");
        assert_eq!(parse("ep=8").parallel.expert, ExpertParallel::Ranks(8));
        assert_eq!(parse("ts=").parallel.tensor_split, None);
        assert_eq!(parse("ts=3,1").to_query(), "ts=3,1");
        for wrong in ["ts=a,b", "ts=3,,1", "ts=-1", "ts=1e9", "ts=50%"] {
            assert_eq!(problem(wrong).accepted, "3,1");
        }
        assert_eq!(problem("pp=0").nearest.as_deref(), Some("1"));
        assert_eq!(problem("split=rows").accepted, "auto, layer, row, tensor, none");
    }

    #[test]
    fn the_rules_of_unified_memory_are_read() {
        let s = parse("os=macos-26&wired=110GiB&uma=512MiB");
        assert_eq!(s.platform.system, Some(System::Macos26));
        assert_eq!(s.platform.limit, Some(Bytes::gib(110)));
        assert_eq!(s.platform.carve_out, Some(Bytes::mib(512)));
        assert_eq!(s.to_query(), "os=macos-26&wired=110GiB&uma=512MiB");
    }

    #[test]
    fn an_8_bit_cache_remembers_how_it_was_asked_for() {
        assert_eq!(parse("kv=FP8").to_query(), "kv=fp8");
        assert_eq!(parse("kv=fp8&kv=q8_0").to_query(), "kv=q8_0");
    }

    #[test]
    fn money_is_read_in_the_reader_s_currency() {
        let s = parse("cur=eur&rate=0.92&price=2000&kwh=0.31&duty=35%&idle=0");
        assert_eq!(s.money.currency.code(), "EUR");
        assert_eq!(s.money.get(Input::Price), Some(2000.0));
        assert_eq!((s.money.get(Input::Duty), s.money.get(Input::Idle)), (Some(0.35), Some(0.0)));
        assert_eq!((s.money.get(Input::Rent), s.money.rate()), (None, Some(0.92)));
        assert_eq!(s.to_query(), "cur=EUR&price=2000&kwh=0.31&duty=0.35&idle=0&rate=0.92");

        let wrong = problem("pue=0.5");
        assert_eq!((wrong.reason, wrong.accepted.as_str()), (ProblemKind::OutOfRange, "1..5"));
        assert_eq!(problem("rent=-1").reason, ProblemKind::Malformed);
        assert_eq!(problem("cur=EURO").accepted, "a code of three letters, such as EUR");
    }

    #[test]
    fn an_empty_list_is_not_the_default_list() {
        assert_eq!(parse("model=").models, Vec::<String>::new());
        assert_eq!(parse("quant=&hw=").machines, []);
        assert_eq!(parse("quant=&hw=").to_query(), "hw=&quant=");
    }

    fn id() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9.-]{1,24}", "\\PC{1,12}"]
            .prop_filter("an entry has a name", |id| !id.trim().is_empty())
    }

    fn parallel() -> impl Strategy<Value = (Parallel, Platform)> {
        let split = proptest::sample::select(SplitMode::ALL.to_vec());
        let shares = proptest::collection::vec(within_limit(Bounds::TENSOR_SPLIT), 1..5);
        let expert = prop_oneof![
            Just(ExpertParallel::Off),
            Just(ExpertParallel::On),
            within_limit(Bounds::EXPERT_PARALLEL).prop_map(ExpertParallel::Ranks),
        ];
        let numbers = (
            within_limit(Bounds::MAIN_GPU),
            proptest::option::of(within_limit(Bounds::BATCH)),
            proptest::option::of(within_limit(Bounds::PIPELINE)),
            proptest::option::of(within_limit(Bounds::DATA_PARALLEL)),
        );
        let platform = (
            proptest::option::of(proptest::sample::select(System::ALL.to_vec())),
            proptest::option::of(within_limit(Bounds::WIRED).prop_map(Bytes)),
            proptest::option::of(within_limit(Bounds::CARVE_OUT).prop_map(Bytes)),
        );
        let all = (split, proptest::option::of(shares), expert, numbers, platform);
        all.prop_map(|((_, split), shares, expert, numbers, platform)| {
            let (main_gpu, batch, pipeline, data) = numbers;
            let (system, limit, carve_out) = platform;
            let tensor_split = shares.map(TensorSplit);
            let parallel =
                Parallel { split, tensor_split, main_gpu, batch, pipeline, data, expert };
            (parallel, Platform { system: system.map(|(_, system)| system), limit, carve_out })
        })
    }

    fn addons() -> impl Strategy<Value = Addons> {
        let of =
            |all: &[(&'static str, Projector)]| all.iter().map(|(_, v)| *v).collect::<Vec<_>>();
        let lora = (
            within_limit(Bounds::LORA_RANK),
            within_limit(Bounds::LORA_COUNT),
            proptest::sample::select(vec![LoraTargets::Attention, LoraTargets::Linear]),
        );
        let quants = proptest::sample::select(Quant::all().collect::<Vec<_>>());
        let draft = ("[a-z0-9./-]{1,20}", proptest::option::of(quants))
            .prop_map(|(id, quant)| DraftModel { id, quant });
        (
            proptest::sample::select(of(Projector::ALL)),
            lora.prop_map(|(rank, count, targets)| Lora { rank, count, targets }),
            proptest::option::of(draft),
            (within_limit(Bounds::DRAFT_TOKENS), within_limit(Bounds::MTP)),
            within_limit(Bounds::ACCEPTANCE),
            within_limit(Bounds::PROMPT_CACHE).prop_map(Bytes),
            within_limit(Bounds::CHECKPOINTS),
            proptest::sample::select(vec![Display::Off, Display::Linux, Display::Windows]),
        )
            .prop_map(
                |(projector, lora, draft, (draft_tokens, mtp), acceptance, cache, n, display)| {
                    Addons {
                        projector,
                        lora,
                        draft,
                        draft_tokens,
                        mtp,
                        acceptance,
                        prompt_cache: cache,
                        checkpoints: n,
                        display,
                    }
                },
            )
    }

    fn unique<T: PartialEq>(items: Vec<T>) -> Vec<T> {
        let mut out: Vec<T> = Vec::new();
        for item in items {
            if !out.contains(&item) {
                out.push(item);
            }
        }
        out
    }

    fn within_limit(limit: Bounds) -> impl Strategy<Value = u64> {
        limit.min..=limit.max
    }

    fn machine_strategy() -> impl Strategy<Value = Machine> {
        let device = (id(), 1u32..=32, proptest::option::of(1u32..=4096))
            .prop_map(|(id, count, memory_gb)| DeviceCount { id, count, memory_gb });
        proptest::collection::vec(device, 1..4).prop_map(|devices| Machine { devices })
    }

    fn offload_strategy() -> impl Strategy<Value = Offload> {
        prop_oneof![
            Just(Offload::Auto),
            Just(Offload::None),
            Just(Offload::Experts),
            (0u32..=10_000).prop_map(Offload::ExpertLayers),
            (0u32..=10_000).prop_map(Offload::GpuLayers),
        ]
    }

    fn money() -> impl Strategy<Value = Money> {
        let value = |input: Input| {
            let (min, max) = input.range();
            proptest::option::of(min..=max)
        };
        let values: Vec<_> = Input::ALL.into_iter().map(value).collect();
        (values, "[A-Z]{3}").prop_map(|(values, code)| {
            let mut money = Money::default();
            money.currency = Currency::parse(&code).unwrap();
            for (input, value) in Input::ALL.into_iter().zip(values) {
                money.set(input, value);
            }
            money
        })
    }

    fn scenario() -> impl Strategy<Value = Scenario> {
        let lists = (
            proptest::collection::vec(id(), 0..5).prop_map(unique),
            proptest::collection::vec(machine_strategy(), 0..3).prop_map(unique),
            proptest::sample::subsequence(Quant::all().collect::<Vec<_>>(), 0..4),
            proptest::sample::subsequence(Engine::ALL.to_vec(), 0..4),
        );
        let kv = proptest::sample::select(KvTypes::ACCEPTED.to_vec());
        let numbers = (
            within_limit(Bounds::CONTEXT),
            within_limit(Bounds::USERS),
            (kv.clone(), kv).prop_map(|(k, v)| KvTypes { k, v }),
            within_limit(Bounds::UBATCH),
            within_limit(Bounds::RAM).prop_map(Bytes),
            within_limit(Bounds::RESERVE).prop_map(Bytes),
            offload_strategy(),
            (
                proptest::option::of(within_limit(Bounds::UTILISATION)),
                proptest::option::of(within_limit(Bounds::SEQUENCES)),
                proptest::option::of(within_limit(Bounds::BATCHED)),
                proptest::option::of(within_limit(Bounds::TENSOR_PARALLEL)),
                proptest::option::of(within_limit(Bounds::VLLM_RELEASE)),
            ),
        );
        let switches = (proptest::array::uniform7(any::<bool>()), addons(), parallel());
        let view = (
            proptest::option::of(prop_oneof![Just(Lang::En), Just(Lang::Ru)]),
            proptest::option::of(prop_oneof![Just(Theme::Light), Just(Theme::Dark)]),
            proptest::option::of((0usize..600, 0usize..600, 0usize..600, 0usize..16)),
            Serving::any(),
            proptest::sample::subsequence(Axis::ALL.to_vec(), 0..3),
            proptest::option::of(proptest::sample::select(Axis::ALL.to_vec())),
            proptest::option::of((
                any::<bool>(),
                proptest::option::of("[a-z_]{1,9}"),
                proptest::option::of("[A-Z][A-Za-z._-]{0,8}"),
            )),
        );
        let unused = proptest::collection::vec(("x-\\PC{0,6}", "\\PC{0,8}"), 0..3);
        (lists, numbers, switches, view, money(), unused).prop_map(
            |(lists, numbers, switches, view, money, unused)| {
                let (models, machines, quants, engines) = lists;
                let (context, users, kv, ubatch, ram, reserve, offload, engine) = numbers;
                let (
                    gpu_memory_utilization,
                    max_num_seqs,
                    max_num_batched_tokens,
                    tensor_parallel,
                    vllm_release,
                ) = engine;
                let (switches, addons, (parallel, platform)) = switches;
                let [flash_attention, batch, unified_kv, swa_full, imatrix, embed, eager] =
                    switches;
                let (lang, theme, cell, serving, rows, cols, accuracy) = view;
                let accuracy =
                    accuracy.map(|(speed, figure, engine)| Accuracy { speed, figure, engine });
                Scenario {
                    models,
                    machines,
                    quants,
                    engines,
                    context,
                    users,
                    kv,
                    kv_fp8: false,
                    flash_attention,
                    ubatch,
                    logits: if batch { LogitsBuffer::Batch } else { LogitsBuffer::Server },
                    unified_kv,
                    swa_full,
                    imatrix,
                    ram,
                    offload,
                    reserve,
                    gpu_memory_utilization,
                    max_num_seqs,
                    max_num_batched_tokens,
                    tensor_parallel,
                    eager,
                    vllm_release,
                    money,
                    addons,
                    serving,
                    parallel,
                    platform,
                    lang,
                    theme,
                    embed,
                    // Rows are no columns: that is a question of its own, told of in view.rs.
                    view: View { cols: cols.filter(|cols| !rows.contains(cols)), rows, accuracy },
                    selected: cell.map(|(model, machine, quant, engine)| Selected {
                        model,
                        machine,
                        quant,
                        engine,
                    }),
                    unused,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_scenario_survives_its_query(scenario in scenario()) {
            let (back, problems) = Scenario::from_query(&scenario.to_query());
            prop_assert_eq!(problems.len(), scenario.unused.len());
            prop_assert_eq!(back, scenario);
        }

        #[test]
        fn no_string_makes_the_parser_panic(text in "\\PC{0,64}") {
            let _ = Scenario::from_query(&text);
        }

        #[test]
        fn no_value_makes_the_parser_panic(
            key in proptest::sample::select(keys()),
            value in "[\\PC]{0,24}|[0-9kKmM*@,;:.%GiB -]{0,24}",
        ) {
            let (s, _) = Scenario::from_query(&format!("{key}={value}"));
            // What was read is written and read again the same, however odd it was.
            let query = s.to_query();
            let (again, _) = Scenario::from_query(&query);
            prop_assert_eq!(again.to_query(), query);
        }
    }
}
