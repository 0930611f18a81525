// catalogue.h: public models by a short name (catalogue.def).
// Threads: any; the entries are static.
#ifndef PLO_MODEL_CATALOGUE_H
#define PLO_MODEL_CATALOGUE_H

#include <stddef.h>

struct plo_catalogue_entry {
    const char *name;      // what `pipilo models pull` takes, and the model's name in the home
    const char *reference; // "hf:OWNER/REPOSITORY:FILE" or "pypi:PACKAGE==VERSION"
    const char *license;
    size_t dim;
    unsigned megabytes; // to download, about
    const char *output; // in the ONNX file; NULL: as the file says
    const char *pool;   // NULL: as the file says
    const char *config; // text of a preprocessor_config.json; NULL: the repository's
    const char *summary;
    const char *evidence; // where repository, file and dimension are stated
};

// All entries, and how many.
const struct plo_catalogue_entry *plo_catalogue(size_t *count);

// The entry of that name, or NULL.
const struct plo_catalogue_entry *plo_catalogue_find(const char *name);

#endif
