// npy_parts.h: what the writer and the reader of .npy files share.
#ifndef PLO_TABLE_NPY_PARTS_H
#define PLO_TABLE_NPY_PARTS_H

#include "table/lines.h"
#include "table/rows_file.h"

struct plo_npy {
    // writing
    struct plo_outfile vectors;
    struct plo_rows_file rows;
    float *failed;    // a row of NaN
    uint16_t *halves; // a row in 16 bits; NULL where vectors are kept in 32
    int64_t count;
    // reading
    int fd;
    uint64_t data_at;
    void *mapping; // the whole file; NULL until it is asked for
    size_t mapped; // its bytes
    int lines_fd;
    uint8_t *raw;     // of a shard: one vector as it lies in the file
    uint64_t *places; // of every STRIDEth line; NULL until the lines have been read once
    struct plo_lines lines;
    struct plo_str texts;
};

// A new, empty plo_npy; NULL when out of memory.
struct plo_npy *plo_npy_create(void);

// What the header says.
struct plo_npy_shape {
    int64_t rows, dim;
    bool halves;
};

// Bytes of one vector.
size_t plo_npy_row_size(size_t dim, bool halves);

// Reads all of it, or fails.
int plo_npy_read_at(int fd, void *data, size_t size, uint64_t offset, const char *path,
                    struct pipilo_error *err);

// Checks the whole shape of the file: what the header says must be what is there.
int plo_npy_read_header(int fd, const char *path, struct plo_npy_shape *shape, uint64_t *data_at,
                        struct pipilo_error *err);

// The reading half of the kind.
int plo_npy_open_table(struct plo_table *table, struct pipilo_error *err);
int plo_npy_vectors(struct plo_table *table, int64_t first, size_t count, float *out,
                    uint8_t *valid, struct pipilo_error *err);
int plo_npy_map(struct plo_table *table, const void **out, struct pipilo_error *err);
int plo_npy_row(struct plo_table *table, int64_t wanted, struct plo_row *row,
                struct pipilo_error *err);
int plo_npy_errors(struct plo_table *table, struct pipilo_error *err);

#endif
