// writer.c: tables being written, shared between the operator that writes and the one that reads
// its inputs (see writer.h).
#include "ops/writer.h"

#include <pthread.h>
#include <string.h>

#include "core/fail.h"
#include "core/fork.h"

struct plo_writer {
    int refs;                // atomic
    struct plo_writer *next; // guarded by list_lock
    char *path;
    int64_t resumed;
    pthread_mutex_t lock;    // guards the table
    struct plo_table *table; // NULL once closed
};

static struct plo_writer *list; // guarded by the lock below

// A child of fork() writes none of its parent's tables.
static void begin_anew(void)
{
    list = NULL;
}

// Held for the list alone.
static struct plo_lock list_lock = PLO_LOCK_INIT(begin_anew);

int plo_writer_open(struct plo_writer **out, const char *path, const struct plo_table_meta *meta,
                    const struct plo_table_options *options, struct pipilo_error *err)
{
    struct plo_writer *writer = plo_alloc0(1, sizeof *writer);
    if (writer == NULL)
        return plo_fail_nomem(err, sizeof *writer);
    writer->refs = 1;
    pthread_mutex_init(&writer->lock, NULL);
    writer->path = plo_strdup(path);
    int result = writer->path != NULL ? plo_table_create(&writer->table, path, meta, options, err)
                                      : plo_fail_nomem(err, strlen(path));
    if (result < 0) {
        plo_writer_unref(&writer);
        return result;
    }
    writer->resumed = plo_table_resumed(writer->table);
    plo_lock_take(&list_lock);
    writer->next = list;
    list = writer;
    plo_lock_release(&list_lock);
    *out = writer;
    return 0;
}

struct plo_writer *plo_writer_find(const char *path)
{
    plo_lock_take(&list_lock);
    struct plo_writer *writer = list;
    while (writer != NULL && strcmp(writer->path, path) != 0)
        writer = writer->next;
    if (writer != NULL)
        __atomic_add_fetch(&writer->refs, 1, __ATOMIC_RELAXED);
    plo_lock_release(&list_lock);
    return writer;
}

void plo_writer_unref(struct plo_writer **slot)
{
    struct plo_writer *writer = *slot;
    *slot = NULL;
    if (writer == NULL || __atomic_sub_fetch(&writer->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    plo_table_close(writer->table);
    pthread_mutex_destroy(&writer->lock);
    plo_free(writer->path);
    plo_free(writer);
}

static int fail_closed(const struct plo_writer *writer, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_ECANCELED, "%s is written no more", writer->path);
}

int plo_writer_known(struct plo_writer *writer, const char *source, uint64_t size, int64_t mtime_ns,
                     int64_t *row, struct pipilo_error *err)
{
    pthread_mutex_lock(&writer->lock);
    int result = writer->table != NULL
                     ? plo_table_known(writer->table, source, size, mtime_ns, row, err)
                     : fail_closed(writer, err);
    pthread_mutex_unlock(&writer->lock);
    return result;
}

int64_t plo_writer_resumed(const struct plo_writer *writer)
{
    return writer->resumed;
}

int64_t plo_writer_resumed_errors(struct plo_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    int64_t errors = writer->table != NULL ? plo_table_resumed_errors(writer->table) : 0;
    pthread_mutex_unlock(&writer->lock);
    return errors;
}

void plo_writer_inputs(struct plo_writer *writer, int64_t inputs, const char *names)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->table != NULL)
        plo_table_inputs(writer->table, inputs, names);
    pthread_mutex_unlock(&writer->lock);
}

int plo_writer_append(struct plo_writer *writer, const struct plo_row *row, int64_t *number,
                      struct pipilo_error *err)
{
    pthread_mutex_lock(&writer->lock);
    int result = writer->table != NULL ? plo_table_append(writer->table, row, err)
                                       : fail_closed(writer, err);
    if (result == 0)
        *number = row->row >= 0 ? row->row : plo_table_rows(writer->table) - 1;
    pthread_mutex_unlock(&writer->lock);
    return result;
}

int plo_writer_finish(struct plo_writer *writer, struct pipilo_error *err)
{
    pthread_mutex_lock(&writer->lock);
    int result =
        writer->table != NULL ? plo_table_finish(writer->table, err) : fail_closed(writer, err);
    pthread_mutex_unlock(&writer->lock);
    return result;
}

static void take_off(struct plo_writer *writer)
{
    plo_lock_take(&list_lock);
    struct plo_writer **at = &list;
    while (*at != NULL && *at != writer)
        at = &(*at)->next;
    if (*at != NULL)
        *at = writer->next;
    plo_lock_release(&list_lock);
}

void plo_writer_close(struct plo_writer *writer)
{
    take_off(writer);
    pthread_mutex_lock(&writer->lock);
    struct plo_table *table = writer->table;
    writer->table = NULL;
    pthread_mutex_unlock(&writer->lock);
    plo_table_close(table);
}
