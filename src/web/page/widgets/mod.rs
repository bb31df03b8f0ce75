//! What every part of the page is made of.

pub mod chart;
pub mod combobox;
pub mod field;
pub mod icons;
pub mod quality_note;
pub mod saves;
pub mod term;
