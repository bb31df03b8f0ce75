//! What llama.cpp's logits buffer is made for. Key `logits`.

use super::notation::words;

words! {
    /// What llama.cpp reserves its logits buffer for.
    #[derive(Default)]
    LogitsBuffer {
        /// One row a sequence, as `llama-server` does.
        #[default]
        Server = "server",
        /// One row a token of the physical batch, as `llama-bench` and the library's default do.
        Batch = "batch",
    }
}
