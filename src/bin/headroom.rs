//! The command line: the same question, the same answer, as JSON.

fn main() {}
