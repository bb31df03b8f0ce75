//! Counting passed and failed tests from what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
}

impl Tally {
    /// Adds what a line of a test runner's output reports, if it reports anything.
    ///
    /// libtest and wasm-bindgen-test-runner end each binary with
    /// `test result: ok. 3 passed; 0 failed; …`; node:test ends a run with `ℹ pass 3`,
    /// `ℹ fail 0`, `ℹ cancelled 0`.
    pub fn read(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
            for count in counts.split("; ") {
                match count.split_once(' ') {
                    Some((n, "passed")) => self.passed += n.parse().unwrap_or(0),
                    Some((n, "failed")) => self.failed += n.parse().unwrap_or(0),
                    _ => {}
                }
            }
        } else if let Some(count) = line.strip_prefix("ℹ ") {
            match count.split_once(' ') {
                Some(("pass", n)) => self.passed += n.parse().unwrap_or(0),
                Some(("fail" | "cancelled", n)) => self.failed += n.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[track_caller]
    fn expect(output: &str, passed: u64, failed: u64) {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        assert_eq!(tally, Tally { passed, failed });
    }

    #[test]
    fn libtest_reports_each_binary() {
        expect(
            "running 2 tests\n\
             test a ... ok\n\
             test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
             test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out",
            3,
            3,
        );
    }

    #[test]
    fn node_reports_once() {
        expect("✔ opens (12ms)\nℹ tests 7\nℹ pass 4\nℹ fail 1\nℹ cancelled 2\nℹ skipped 0", 4, 3);
    }

    #[test]
    fn other_lines_count_for_nothing() {
        expect("3 passed; 4 failed\ntest result: who knows\nℹ passive 3", 0, 0);
    }
}
