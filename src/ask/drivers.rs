//! What drivers and logs print of a device beside its name: its chip, its number, where it is.

use std::ops::Range;

use super::devices::DeviceMention;
use super::grammar::{Part, Reading};
use super::lexer::{Kind, Token};
use super::names::NAMES;
use crate::catalog::Device;
use crate::sort;

/// Blanks what does not tell which device it is: 0x00002503, Direct3D11, `vs_5_0`, 03:00.0, UUIDs.
pub fn blank(text: &mut [u8]) {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|b| is_part(b)).count();
        let word = text[at..at + length].to_ascii_lowercase();
        let starts = |start: &[u8]| word.starts_with(start);
        let is_number = starts(b"0x") && length > 5 && word[2..].iter().all(u8::is_ascii_hexdigit);
        // model-00001-of-00003.gguf
        let is_part_of = length == 5 && starts(b"000") && word.iter().all(u8::is_ascii_digit);
        let address = [UUID, PCI_ADDRESS, PCI_CLASS, PCI_ID]
            .into_iter()
            .find(|form| has_form(&text[at..], form));
        let length = address.map_or(length, <[u8]>::len);
        if is_number
            || is_part_of
            || address.is_some()
            || [&b"direct3d"[..], b"d3d", b"vs_", b"ps_"].into_iter().any(starts)
        {
            text[at..at + length].fill(b' ');
        }
        at += length.max(1);
    }
}

/// Forms of addresses, where a zero stands for any hexadecimal digit.
const UUID: &[u8] = b"00000000-0000-0000-0000-000000000000";
const PCI_ADDRESS: &[u8] = b"00:00.0";
const PCI_CLASS: &[u8] = b"[0000]:";
const PCI_ID: &[u8] = b"[0000:0000]";

/// The text begins with this form, and it ends there.
fn has_form(text: &[u8], form: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| match b {
        b'0' => a.is_ascii_hexdigit(),
        b => a == b,
    };
    text.len() >= form.len()
        && text.iter().zip(form).all(same)
        && !text.get(form.len()).is_some_and(u8::is_ascii_alphanumeric)
}

/// A chip that a text names, and the devices that have it.
pub struct Chip {
    pub text: Range<usize>,
    pub devices: Vec<&'static Device>,
}

impl Reading<'_> {
    /// A chip by the name that AMD's drivers give it: gfx1100, navi21, Navi 31.
    pub(super) fn chip(&mut self) -> bool {
        let first = &self.tokens[self.at];
        let number = self.token(self.at + 1).filter(|next| next.kind == Kind::Number);
        let Some(number) = number.filter(|next| next.is_glued || next.gap == ' ') else {
            return false;
        };
        if first.kind != Kind::Word || first.text.len() < 3 {
            return false;
        }
        // gfx90a
        let letter = self.token(self.at + 2).filter(|next| next.is_glued && next.text.len() == 1);
        let mut end = self.at + 2 + usize::from(letter.is_some());
        let written =
            format!("{}{}{}", first.text, number.raw, letter.map_or("", |letter| &letter.text));
        let is_chip = |name: &str| {
            let letters = name.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_lowercase());
            letters.eq(written.bytes())
        };
        let is_of = |device: &Device| {
            let target = device.compute_target.as_deref().and_then(|all| all.split(' ').next());
            device.vendor == "AMD"
                && [target, device.chip.as_deref()].into_iter().flatten().any(is_chip)
        };
        let devices = NAMES.devices(is_of);
        if devices.is_empty() {
            return false;
        }
        // gfx1103_r1
        while self.token(end).is_some_and(|next| next.gap == '_') {
            end += 1;
        }
        let text = self.take(end);
        self.chips.push(Chip { text, devices });
        true
    }

    /// Where no device is named, those that have the chip that is.
    pub(super) fn name_chips(&mut self) {
        let mut chips = std::mem::take(&mut self.chips);
        if chips.is_empty() || !self.parts.is_empty() || !self.macs.is_empty() {
            return;
        }
        let Chip { text, mut devices } = chips.swap_remove(0);
        let has = |device: &Device, gb: f64| {
            device.memory_gb.is_some_and(|memory| (memory - gb).abs() < 0.5)
        };
        let named = self
            .memory
            .iter()
            .position(|memory| devices.iter().any(|device| has(device, memory.gb)));
        if let Some(named) = named {
            let memory = self.memory.remove(named);
            devices.retain(|device| has(device, memory.gb));
        }
        sort::by_key(&mut devices, |device| {
            let memory = device.memory_gb.unwrap_or_default() as u32;
            (device.segment != "consumer", std::cmp::Reverse(memory))
        });
        let has_usual = devices.len() == 1;
        let mention = DeviceMention { tokens: 0..0, options: devices, has_usual, memory_gb: None };
        self.parts.push(Part {
            text,
            count: 1,
            number: None,
            mention,
            is_alternative: false,
            added: None,
        });
    }

    /// The number of a device in a list: GPU 0: ..., CUDA1: ....
    pub(super) fn numbered(&mut self) -> bool {
        let is_list = |token: &Token| {
            matches!(token.text.as_str(), "gpu" | "device" | "cuda" | "rocm" | "vulkan" | "card")
        };
        // GPU 0,1,2,3: NVIDIA H20, as PyTorch lists them.
        if is_list(&self.tokens[self.at]) {
            let list = self.text[self.tokens[self.at].end..].trim_start();
            let list = list.split(':').next().filter(|list| list.contains(','));
            let is_number = |number: &str| number.len() < 4 && number.parse::<u8>().is_ok();
            let behind = list.filter(|list| list.split(',').all(is_number)).and_then(|list| {
                let at = (self.at..self.tokens.len()).find(|at| self.tokens[*at].gap == ':')?;
                Some((at, list.split(',').count(), self.device(at, None)?))
            });
            if let Some((behind, count, name)) = behind {
                self.take(behind);
                self.part(name, count as u32);
                return true;
            }
        }
        // 1. NVIDIA GeForce RTX 4090
        let next = self.at + 1;
        let item = self.tokens[self.at].number().filter(|n| n.fract() == 0.0 && *n >= 1.0);
        let is_item = self.token(next).is_some_and(|next| next.gap == '.' && !next.is_glued);
        if let Some(item) = item.filter(|_| is_item && self.device(next, None).is_some()) {
            self.take(next);
            self.number = Some(item as u32 - 1);
            return true;
        }
        let Some(number) = self.token(self.at + 1).and_then(Token::number) else { return false };
        let is_behind = self.token(self.at + 2).is_some_and(|next| matches!(next.gap, ':' | '='));
        if !is_list(&self.tokens[self.at])
            || !is_behind
            || number.fract() != 0.0
            || self.device(self.at + 2, None).is_none()
        {
            return false;
        }
        self.take(self.at + 2);
        self.number = Some(number as u32);
        true
    }

    /// A slice of a device, which is no device of the catalogue: MIG 3g.20gb.
    pub(super) fn slice(&mut self) -> bool {
        let is = |n: usize, word: &str| self.token(self.at + n).is_some_and(|t| t.text == word);
        let is_slice = self.tokens[self.at].number().is_some()
            && is(1, "g")
            && self
                .token(self.at + 2)
                .is_some_and(|size| size.gap == '.' && size.number().is_some())
            && is(3, "gb");
        if is_slice {
            let span = self.take(self.at + 4);
            self.unused.push(span);
        }
        is_slice
    }
}
