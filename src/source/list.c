// list.c: a list of inputs, read in blocks from a file or standard input.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fail.h"
#include "source/parts.h"

enum { BLOCK = 65536 };

struct plo_list {
    int fd;
    bool owned;
    bool decided;
    bool ended;
    char separator;
    size_t start; // of what is not yet handed out, in block
    size_t filled;
    char block[BLOCK];
    char name[PLO_SOURCE_NAME_LIMIT + 1];
    size_t length;
    bool cut;
};

int plo_list_open(struct plo_list **out, const char *path, struct pipilo_error *err)
{
    struct plo_list *list = plo_alloc0(1, sizeof *list);
    if (list == NULL)
        return plo_fail_nomem(err, sizeof *list);
    list->owned = strcmp(path, "-") != 0;
    list->fd = list->owned ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (list->fd < 0) {
        int reason = -errno;
        plo_free(list);
        return plo_fail_errno(err, reason, "cannot open the list %s", path);
    }
    *out = list;
    return 0;
}

static int refill(struct plo_list *list, struct pipilo_error *err)
{
    ssize_t got = 0;
    do
        got = read(list->fd, list->block, BLOCK);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return plo_fail_errno(err, -errno, "cannot read the list of files");
    list->start = 0;
    list->filled = (size_t)got;
    list->ended = got == 0;
    // The first block with a separator decides: a pipe may give a name in pieces.
    if (!list->decided) {
        bool nul = memchr(list->block, '\0', list->filled) != NULL;
        list->separator = nul ? '\0' : '\n';
        list->decided = nul || memchr(list->block, '\n', list->filled) != NULL;
    }
    return 0;
}

static void keep(struct plo_list *list, size_t length)
{
    size_t room = PLO_SOURCE_NAME_LIMIT - list->length;
    if (length > room)
        list->cut = true;
    memcpy(list->name + list->length, list->block + list->start, length < room ? length : room);
    list->length += length < room ? length : room;
}

// A list written elsewhere may end its lines with CR and LF. A name may end in CR, too.
static void drop_cr(struct plo_list *list)
{
    struct stat status;
    list->name[list->length] = '\0';
    if (list->separator != '\n' || list->cut || list->name[list->length - 1] != '\r')
        return;
    if (lstat(list->name, &status) < 0)
        list->name[--list->length] = '\0';
}

// One line or name that is not empty: 1; 0 at the end.
static int read_name(struct plo_list *list, struct pipilo_error *err)
{
    list->length = 0;
    list->cut = false;
    for (;;) {
        if (list->start == list->filled && !list->ended)
            PLO_TRY(refill(list, err));
        if (list->ended && list->length == 0)
            return 0;
        const char *from = list->block + list->start;
        size_t left = list->ended ? 0 : list->filled - list->start;
        const char *end = left > 0 ? memchr(from, list->separator, left) : NULL;
        size_t length = end != NULL ? (size_t)(end - from) : left;
        keep(list, length);
        list->start += length + (end != NULL ? 1 : 0);
        if ((end != NULL || list->ended) && list->length > 0)
            return 1;
    }
}

int plo_list_next(struct plo_list *list, const char **name, bool *cut, struct pipilo_error *err)
{
    do {
        int result = read_name(list, err);
        if (result <= 0)
            return result;
        drop_cr(list);
    } while (list->length == 0);
    *name = list->name;
    *cut = list->cut;
    return 1;
}

void plo_list_close(struct plo_list *list)
{
    if (list == NULL)
        return;
    if (list->owned)
        close(list->fd);
    plo_free(list);
}
