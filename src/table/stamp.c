// stamp.c: whether a table's file is still what was opened (see table.h).
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fail.h"
#include "table/kinds.h"

static int64_t mtime_of(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

// A log with nothing in it is as good as none: readers make and remove it.
static void look_at_log(struct plo_table_stamp *stamp, const struct plo_table *table)
{
    struct stat status;
    char whole[PATH_MAX], log[PATH_MAX + 16];
    if (table->kind->log_suffix == NULL || realpath(table->path, whole) == NULL)
        return;
    snprintf(log, sizeof log, "%s%s", whole, table->kind->log_suffix);
    if (stat(log, &status) < 0 || status.st_size == 0)
        return;
    stamp->log_size = (uint64_t)status.st_size;
    stamp->log_mtime_ns = mtime_of(&status);
}

static int look(struct plo_table_stamp *stamp, const struct plo_table *table)
{
    struct stat status;
    memset(stamp, 0, sizeof *stamp);
    if (stat(table->path, &status) < 0)
        return -errno;
    stamp->device = status.st_dev;
    stamp->inode = status.st_ino;
    stamp->size = (uint64_t)status.st_size;
    stamp->mtime_ns = mtime_of(&status);
    look_at_log(stamp, table);
    return 0;
}

void plo_table_stamp_take(struct plo_table *table)
{
    // Opening says better what is wrong with a file that cannot be looked at.
    (void)look(&table->stamp, table);
}

const struct plo_table_stamp *plo_table_stamp(const struct plo_table *table)
{
    return &table->stamp;
}

int plo_table_unchanged(const struct plo_table *table, struct pipilo_error *err)
{
    struct plo_table_stamp now;
    int result = look(&now, table);
    if (result < 0 && result != -ENOENT)
        return plo_fail_errno(err, result, "cannot look at %s", table->path);
    if (memcmp(&now, &table->stamp, sizeof now) != 0)
        return plo_fail(err, PIPILO_EMISMATCH, "%s has changed since it was opened: open it again",
                        table->path);
    return 0;
}
