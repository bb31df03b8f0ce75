// What llama.cpp plans to allocate on a CPU for a model, without loading its weights.
//
//     plan FILE.gguf     one line a setting: n_ctx n_ubatch n_parallel unified flash_attn server
//                        weights (bytes) kv recurrent compute (MiB, as llama.cpp prints them)
//
// Built by llama_cpp_plan.py against libllama; the figures of caches are only printed, so they are read from
// its messages.

#include "ggml-backend.h"
#include "llama.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

static std::string messages;

static void keep(ggml_log_level, const char * text, void *) {
    messages += text;
}

// The sum of the numbers that follow `label`, each wherever it was printed.
static double total(const char * label) {
    double sum = 0;
    for (size_t at = 0; (at = messages.find(label, at)) != std::string::npos;) {
        at += strlen(label);
        sum += atof(messages.c_str() + at);
    }
    return sum;
}

struct setting {
    unsigned n_ctx, n_ubatch, n_parallel;
    bool unified, flash, server;
};

int main(int argc, char ** argv) {
    if (argc != 2) {
        return 2;
    }
    llama_log_set(keep, nullptr);
    ggml_backend_load_all();

    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers    = 0;
    model_params.use_extra_bufts = false;
    model_params.no_alloc        = true;
    model_params.load_mode       = LLAMA_LOAD_MODE_NONE;
    llama_model * model = llama_model_load_from_file(argv[1], model_params);
    if (!model) {
        const size_t error = messages.find("error loading model");
        fprintf(stderr, "%s\n", messages.c_str() + (error == std::string::npos ? 0 : error));
        return 1;
    }
    for (const setting & s : {
             setting{  4096,  512, 1, false,  true, false },
             setting{ 32768,  512, 1, false,  true,  true },
             setting{ 32768,  512, 4, false,  true,  true },
             setting{ 131072, 2048, 1, false, true,  true },
             setting{  8192,  512, 1, false, false,  true },
             setting{ 32768,  512, 8,  true,  true,  true },
         }) {
        messages.clear();
        llama_context_params params = llama_context_default_params();
        params.n_ctx           = s.n_ctx;
        params.n_batch         = 2048;
        params.n_ubatch        = s.n_ubatch;
        params.n_seq_max       = s.n_parallel;
        params.n_outputs_max   = s.server ? s.n_parallel : s.n_ubatch;
        params.kv_unified      = s.unified;
        params.swa_full        = false;
        params.flash_attn_type = s.flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
        llama_context * context = llama_init_from_model(model, params);
        if (!context) {
            fprintf(stderr, "n_ctx %u: no context\n", s.n_ctx);
            continue;
        }
        printf("%u %u %u %d %d %d %llu %.2f %.2f %.2f\n", s.n_ctx, s.n_ubatch, s.n_parallel, s.unified, s.flash, s.server,
            (unsigned long long) llama_model_size(model), total("llama_kv_cache: size ="),
            total("llama_memory_recurrent: size ="), total("compute buffer size ="));
        fflush(stdout);
        llama_free(context);
    }
    llama_model_free(model);
}
