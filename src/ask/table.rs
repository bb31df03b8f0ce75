//! Values by words.

/// Values by words, as sorted lists: an ordered map of the standard library would be several
/// kilobytes of the page for each kind of value.
pub struct Table<V> {
    words: Vec<String>,
    values: Vec<V>,
}

/// The place of a word among sorted ones, or where it would be.
fn place(words: &[String], word: &str) -> Result<usize, usize> {
    words.binary_search_by(|known| known.as_str().cmp(word))
}

impl<V> Table<V> {
    /// A table without words.
    pub const fn new() -> Table<V> {
        Table { words: Vec::new(), values: Vec::new() }
    }

    /// The value of a word.
    pub fn get(&self, word: &str) -> Option<&V> {
        place(&self.words, word).ok().and_then(|at| self.values.get(at))
    }

    /// The word as it is kept, if it is.
    pub fn word(&self, word: &str) -> Option<&str> {
        place(&self.words, word).ok().map(|at| self.words[at].as_str())
    }

    /// The value of a word, `value` if it had none.
    pub fn or_insert(&mut self, word: &str, value: V) -> &mut V {
        let at = match place(&self.words, word) {
            Ok(at) => at,
            Err(at) => {
                self.words.insert(at, word.to_owned());
                self.values.insert(at, value);
                at
            }
        };
        &mut self.values[at]
    }

    /// All words, in order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// All words with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.words.iter().map(String::as_str).zip(&self.values)
    }
}
