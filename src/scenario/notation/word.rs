//! Types whose values are words.

/// Declares an enum of values that links name by a word, `|` before further words that are read.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $variant:ident = $word:literal $(| $other:literal)*,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: [$name; [$($word),*].len()] = [$($name::$variant,)*];

            /// The word for it in links.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::scenario::notation::Notation for $name {
            fn parse(text: &str) -> Result<$name, $crate::scenario::ParseError> {
                let words = [$(($word, $name::$variant), $(($other, $name::$variant),)*)*];
                $crate::scenario::notation::choose(text, &words)
                    .ok_or_else(|| $crate::scenario::ParseError::malformed(Self::accepted()))
            }

            fn accepted() -> String {
                [$($word),*].join(", ")
            }

            fn control() -> $crate::scenario::notation::Control {
                $crate::scenario::notation::Control::Choice(vec![$($word),*])
            }

            #[cfg(test)]
            fn any() -> proptest::strategy::BoxedStrategy<$name> {
                proptest::strategy::Strategy::boxed(proptest::sample::select($name::ALL.to_vec()))
            }
        }
    };
}

pub(in crate::scenario) use words;

/// What the word `text`, in any case, stands for.
pub(in crate::scenario) fn choose<T: Copy>(text: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}
