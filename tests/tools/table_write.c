// table_write.c: makes a table from lines on standard input, for tests that read it with other
// tools.
//
// usage: table_write [--force] [--update] [--no-finish] [--stop-at N] [--dim N] [--id FINGERPRINT]
// OUT A line is SOURCE, then after tabs what is wanted of: SIZE MTIME CODE KEY. Value i of line n
// is
// ((i * 7 + n * 3) % 101 - 50) / 7. --stop-at waits for a signal before line N.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/live.h"
#include "table/table.h"

struct settings {
    struct plo_table_options options;
    struct plo_table_meta meta;
    const char *out;
    long stop_at;
    bool no_finish;
};

static int fail(const struct pipilo_error *err)
{
    fprintf(stderr, "%s: %s\n", pipilo_error_name(err->code), err->message);
    return 1;
}

static bool parse(struct settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--force") == 0)
            s->options.force = true;
        else if (strcmp(argv[i], "--update") == 0)
            s->options.update = true;
        else if (strcmp(argv[i], "--no-finish") == 0)
            s->no_finish = true;
        else if (strcmp(argv[i], "--stop-at") == 0 && more)
            s->stop_at = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--dim") == 0 && more)
            s->meta.dim = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--id") == 0 && more)
            s->meta.fingerprint = argv[++i];
        else
            s->out = argv[i];
    }
    return s->out != NULL;
}

static int write_line(struct plo_table *table, struct settings *s, char *line, long n,
                      float *vector, struct pipilo_error *err)
{
    static const struct plo_table_member members[] = {
        { .name = "json", .size = 12, .bytes = "{\"a\": \"b\\n\"}" },
        { .name = "cls", .size = 0, .bytes = "" },
        { .name = "raw", .size = 4, .bytes = "\xff\x00\x01\x02" },
        { .name = "seg.big", .size = 1u << 30, .bytes = NULL },
    };
    char *field[5] = { line };
    for (int i = 1; i < 5 && field[i - 1] != NULL; i++) {
        field[i] = strchr(field[i - 1], '\t');
        if (field[i] != NULL)
            *field[i]++ = '\0';
    }
    struct plo_row row = { .row = -1, .source = field[0], .width = 640, .height = 480 };
    row.size = field[1] != NULL ? strtoull(field[1], NULL, 10) : 0;
    row.mtime_ns = field[2] != NULL ? strtoll(field[2], NULL, 10) : 0;
    if (field[3] != NULL && field[3][0] != '\0') {
        row.code = field[3];
        row.message = "it \"cannot\" be read\x01";
        row.width = row.height = 0;
    }
    if (field[4] != NULL) {
        row.key = field[4];
        row.members = members;
        row.member_count = sizeof members / sizeof members[0];
    }
    for (size_t i = 0; i < s->meta.dim; i++)
        vector[i] = (float)((long)(i * 7 + (size_t)n * 3) % 101 - 50) / 7.0f;
    row.vector = row.code == NULL ? vector : NULL;
    int known = plo_table_known(table, row.source, row.size, row.mtime_ns, &row.row, err);
    return known != 0 ? known : plo_table_append(table, &row, err);
}

static int write_all(struct plo_table *table, struct settings *s, struct pipilo_error *err)
{
    static char line[65536];
    float *vector = calloc(s->meta.dim, sizeof *vector);
    int result = vector == NULL ? PIPILO_ENOMEM : 0;
    for (long n = 0; result >= 0 && fgets(line, sizeof line, stdin) != NULL; n++) {
        line[strcspn(line, "\n")] = '\0';
        if (n == s->stop_at) {
            fprintf(stderr, "waiting\n");
            pause();
        }
        result = write_line(table, s, line, n, vector, err);
    }
    free(vector);
    return result;
}

int main(int argc, char **argv)
{
    struct settings s = {
        .meta = { .fingerprint = "id-1",
                  .fingerprint_json = "{\"model\": \"abc\"}",
                  .noted_json = "{\"cpu\": \"any\"}",
                  .model = "null \"model\"",
                  .dim = 16,
                  .version = "0.1.0",
                  .settings_json = "{\"precision\": \"f32\"}" },
        .stop_at = -1,
    };
    struct pipilo_error err = { 0 };
    struct plo_table *table = NULL;
    if (!parse(&s, argc, argv))
        return 2;
    if (plo_table_create(&table, s.out, &s.meta, &s.options, &err) < 0)
        return fail(&err);
    int result = write_all(table, &s, &err);
    if (result >= 0 && !s.no_finish)
        result = plo_table_finish(table, &err);
    if (result >= 0)
        fprintf(stderr, "appended %lld\n", (long long)plo_table_appended(table));
    plo_table_close(table);
    if (plo_live_count(PLO_LIVE_TABLE) != 0)
        return 3;
    return result < 0 ? fail(&err) : 0;
}
