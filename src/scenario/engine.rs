//! The inference engines: one row each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row is: variant = name in links and reports, name that its makers write, engine whose rules it
/// follows.
macro_rules! engines {
    ($(
        $(#[$meta:meta])*
        $engine:ident = $name:literal, $title:literal, $rules:ident;
    )*) => {
        /// An inference engine.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub enum Engine {
            $($(#[$meta])* #[serde(rename = $name)] $engine,)*
        }

        impl Engine {
            /// Every engine.
            pub const ALL: &'static [Engine] = &[$(Engine::$engine,)*];

            /// The name used in links and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Engine::$engine => $name,)* }
            }

            /// The name that its makers write.
            pub const fn title(self) -> &'static str {
                match self { $(Engine::$engine => $title,)* }
            }

            /// The engine whose rules it follows: llama.cpp for its front ends and forks, else itself.
            pub const fn rules_engine(self) -> Engine {
                match self { $(Engine::$engine => Engine::$rules,)* }
            }
        }
    };
}

engines! {
    /// llama.cpp.
    #[default]
    LlamaCpp = "llama.cpp", "llama.cpp", LlamaCpp;
    /// Ollama, over llama.cpp.
    Ollama = "ollama", "Ollama", LlamaCpp;
    /// LM Studio, over llama.cpp.
    LmStudio = "lmstudio", "LM Studio", LlamaCpp;
    /// KoboldCpp, over llama.cpp.
    KoboldCpp = "koboldcpp", "KoboldCpp", LlamaCpp;
    /// ik_llama.cpp, a fork of llama.cpp.
    IkLlamaCpp = "ik_llama.cpp", "ik_llama.cpp", LlamaCpp;
    /// vLLM.
    Vllm = "vllm", "vLLM", Vllm;
    /// SGLang.
    Sglang = "sglang", "SGLang", Sglang;
    /// TensorRT-LLM.
    TensorRtLlm = "tensorrt-llm", "TensorRT-LLM", TensorRtLlm;
    /// MLX.
    Mlx = "mlx", "MLX", Mlx;
    /// Hugging Face Transformers.
    Transformers = "transformers", "Transformers", Transformers;
    /// ExLlamaV3.
    ExLlamaV3 = "exllamav3", "ExLlamaV3", ExLlamaV3;
}

impl Engine {
    /// The engine of that name in links and reports, in any case.
    pub fn from_name(name: &str) -> Option<Engine> {
        Engine::ALL.iter().copied().find(|engine| engine.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
