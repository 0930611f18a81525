// writer.h: the tables that runs of this process are writing now, by path, so that read_dir can ask
// those it feeds which inputs they have already. One lock a table: read_dir asks on one thread
// while another appends. Threads: any.
#ifndef PLO_OPS_WRITER_H
#define PLO_OPS_WRITER_H

#include "table/table.h"

struct plo_writer;

// Creates the table and lists it. Errors: those of plo_table_create.
int plo_writer_open(struct plo_writer **out, const char *path, const struct plo_table_meta *meta,
                    const struct plo_table_options *options, struct pipilo_error *err);

// One more reference to the table that is being written at `path`, or NULL.
struct plo_writer *plo_writer_find(const char *path);
void plo_writer_unref(struct plo_writer **writer);

// As plo_table_known; PIPILO_ECANCELED once the table is closed.
int plo_writer_known(struct plo_writer *writer, const char *source, uint64_t size, int64_t mtime_ns,
                     int64_t *row, struct pipilo_error *err);

// Rows of an earlier run that the table began with.
int64_t plo_writer_resumed(const struct plo_writer *writer);

// How many of those that plo_writer_known passed over are errors.
int64_t plo_writer_resumed_errors(struct plo_writer *writer);

// As plo_table_inputs.
void plo_writer_inputs(struct plo_writer *writer, int64_t inputs, const char *names);

// As plo_table_append; *number gets the row's number.
int plo_writer_append(struct plo_writer *writer, const struct plo_row *row, int64_t *number,
                      struct pipilo_error *err);
int plo_writer_finish(struct plo_writer *writer, struct pipilo_error *err);

// Closes the table; where it was not finished nothing is left of it but what can be resumed. Takes
// it off the list.
void plo_writer_close(struct plo_writer *writer);

#endif
