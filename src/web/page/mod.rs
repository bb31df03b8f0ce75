//! What is drawn, in the order of the page: the question, its answer, the table, the open cell with its
//! tabs (the bill of its memory, and panels). `app` holds them together; `widgets` are what all of them
//! are made of.

mod answer;
mod app;
mod bill;
mod cell;
mod panels;
mod question;
mod ranking;
mod table;
mod widgets;

pub use app::{App, start};
