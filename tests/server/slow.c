// slow.c: preloaded into the server: a search takes until it is ended while the file $SLOW is
// there.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <pipilo/store.h>

int pipilo_store_search(struct pipilo_hits **out, pipilo_store *store,
                        const struct pipilo_query *queries, size_t query_count, size_t limit,
                        const struct pipilo_search_options *options, struct pipilo_error *err)
{
    int (*real)(struct pipilo_hits **, pipilo_store *, const struct pipilo_query *, size_t, size_t,
                const struct pipilo_search_options *, struct pipilo_error *);
    *(void **)&real = dlsym(RTLD_NEXT, "pipilo_store_search");
    char begun[4096];
    snprintf(begun, sizeof begun, "%s.begun", getenv("SLOW"));
    while (access(getenv("SLOW"), F_OK) == 0) {
        close(open(begun, O_CREAT | O_WRONLY, 0600));
        if (options->progress(options->cookie, 0, 1) != 0) {
            *err = (struct pipilo_error){ PIPILO_ECANCELED, "", "" };
            return PIPILO_ECANCELED;
        }
        usleep(10000);
    }
    return real(out, store, queries, query_count, limit, options, err);
}
