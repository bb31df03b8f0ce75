//! The engines: one file each, with the rules by which it lays a model out in memory.

pub mod llama_cpp;
