// meta_file.c: X.meta.json, written while the rows come and read back (see meta_file.h).
#include "table/meta_file.h"

#include <string.h>

#include "base/file.h"
#include "core/fail.h"
#include "table/scan.h"

static const char format_name[] = "pipilo-vectors-1";

void plo_mark_text(uint64_t mark, char text[PLO_MARK_TEXT])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int i = 0; i < PLO_MARK_TEXT; i++)
        text[i] = letters[mark >> (6 * i) & 63];
}

int plo_meta_file_begin(struct plo_meta_file *file, const struct plo_table_meta *meta,
                        struct pipilo_error *err)
{
    struct plo_str text = PLO_STR_INIT;
    plo_str_addf(&text, "{\n  \"format\": \"%s\",\n  \"pipilo\": ", format_name);
    plo_str_add_json(&text, meta->version);
    plo_str_add(&text, ",\n  \"fingerprint\": ");
    plo_str_add_json(&text, meta->fingerprint);
    plo_str_add(&text, ",\n  \"fingerprint_of\": ");
    plo_str_add(&text, meta->fingerprint_json);
    plo_str_add(&text, ",\n  \"noted\": ");
    plo_str_add(&text, meta->noted_json);
    plo_str_add(&text, ",\n  \"model\": ");
    plo_str_add_json(&text, meta->model);
    plo_str_addf(&text, ",\n  \"dim\": %zu,\n  \"settings\": ", meta->dim);
    plo_str_add(&text, meta->settings_json);
    plo_str_add(&text, ",\n  \"file_marks\": \"");
    int result = text.failed ? plo_fail_nomem(err, 0)
                             : plo_outfile_write(&file->out, text.data, text.length, err);
    file->marks_at = text.length;
    plo_str_reset(&text);
    return result;
}

int plo_meta_file_add(struct plo_meta_file *file, uint64_t mark, struct pipilo_error *err)
{
    char text[PLO_MARK_TEXT];
    plo_mark_text(mark, text);
    return plo_outfile_write(&file->out, text, sizeof text, err);
}

int plo_meta_file_change(struct plo_meta_file *file, int64_t row, uint64_t mark,
                         struct pipilo_error *err)
{
    char text[PLO_MARK_TEXT];
    plo_mark_text(mark, text);
    uint64_t offset = file->marks_at + (uint64_t)row * PLO_MARK_TEXT;
    return plo_outfile_patch(&file->out, offset, text, sizeof text, err);
}

void plo_shard_add_json(struct plo_str *str, const struct plo_shard *shard)
{
    plo_str_addf(str, "{\"part\": %d, \"of\": %d, \"inputs\": %lld, \"names\": \"%s\"}",
                 shard->part, shard->of, (long long)shard->inputs, shard->names);
}

bool plo_shard_read_json(struct plo_shard *shard, const char *text, size_t length)
{
    struct plo_scan_value part = { 0 }, of = { 0 }, inputs = { 0 }, names = { 0 };
    const struct plo_scan_field fields[] = {
        { "part", &part }, { "of", &of }, { "inputs", &inputs }, { "names", &names }
    };
    int64_t numbers[2];
    if (!plo_scan_object(text, length, fields, PLO_COUNT(fields)) ||
        !plo_scan_int(part, &numbers[0]) || !plo_scan_int(of, &numbers[1]) ||
        !plo_scan_int(inputs, &shard->inputs) || numbers[0] < 1 || numbers[0] > numbers[1] ||
        numbers[1] > PLO_SHARD_LIMIT || shard->inputs < 0 || names.length != PLO_SHARD_NAMES + 1 ||
        names.text[0] != '"')
        return false;
    shard->part = (int)numbers[0];
    shard->of = (int)numbers[1];
    memcpy(shard->names, names.text + 1, PLO_SHARD_NAMES - 1);
    shard->names[PLO_SHARD_NAMES - 1] = '\0';
    return true;
}

int plo_meta_file_end(struct plo_meta_file *file, int64_t rows, const struct plo_shard *shard,
                      struct pipilo_error *err)
{
    struct plo_str text = PLO_STR_INIT;
    plo_str_addf(&text, "\",\n  \"rows\": %lld", (long long)rows);
    if (shard->of > 0) {
        plo_str_add(&text, ",\n  \"shard\": ");
        plo_shard_add_json(&text, shard);
    }
    plo_str_add(&text, "\n}\n");
    int result = text.failed ? plo_fail_nomem(err, 0)
                             : plo_outfile_write(&file->out, text.data, text.length, err);
    plo_str_reset(&text);
    return result < 0 ? result : plo_outfile_sync(&file->out, err);
}

// A field that must be a text (or an object, whose JSON is taken as it is), as a new string.
static int take(struct plo_scan_value value, char kind, const char **out, const char *path,
                struct pipilo_error *err)
{
    struct plo_str text = PLO_STR_INIT;
    bool good = value.text != NULL && value.text[0] == kind;
    if (good && kind == '"')
        good = plo_scan_text(value, &text) || text.failed;
    else if (good)
        plo_str_add_bytes(&text, value.text, value.length);
    *out = good ? plo_str_take(&text) : NULL;
    plo_str_reset(&text);
    if (!good)
        return plo_fail(err, PIPILO_ECORRUPT, "%s lacks a field, or one is of another type", path);
    return *out != NULL ? 0 : plo_fail_nomem(err, value.length);
}

static int parse(struct plo_meta_read *read, const char *text, const char *path,
                 struct pipilo_error *err)
{
    struct plo_scan_value format = { 0 }, version = { 0 }, id = { 0 }, made_of = { 0 },
                          noted = { 0 }, model = { 0 }, dim = { 0 }, settings = { 0 },
                          marks = { 0 }, rows = { 0 }, shard = { 0 };
    const struct plo_scan_field fields[] = {
        { "format", &format },
        { "pipilo", &version },
        { "fingerprint", &id },
        { "noted", &noted },
        { "fingerprint_of", &made_of },
        { "model", &model },
        { "dim", &dim },
        { "settings", &settings },
        { "file_marks", &marks },
        { "rows", &rows },
        { "shard", &shard },
    };
    if (!plo_scan_object(text, strlen(text), fields, PLO_COUNT(fields)))
        return plo_fail(err, PIPILO_ECORRUPT, "%s is not a JSON object", path);
    if (format.length != sizeof format_name + 1 ||
        memcmp(format.text + 1, format_name, sizeof format_name - 1) != 0)
        return plo_fail(err, PIPILO_ECORRUPT, "%s is not of the format %s", path, format_name);
    int64_t number = 0;
    if (!plo_scan_int(dim, &number) || number < 1 || number > PLO_TABLE_DIM_LIMIT)
        return plo_fail(err, PIPILO_ECORRUPT, "%s holds no sensible dim", path);
    read->meta.dim = (size_t)number;
    if (!plo_scan_int(rows, &read->rows) || read->rows < 0 ||
        marks.length != (uint64_t)read->rows * PLO_MARK_TEXT + 2 || marks.text[0] != '"')
        return plo_fail(err, PIPILO_ECORRUPT, "%s holds marks for another number of rows", path);
    if (shard.text != NULL && !plo_shard_read_json(&read->shard, shard.text, shard.length))
        return plo_fail(err, PIPILO_ECORRUPT, "%s does not say what shard it is", path);
    read->marks_at = (uint64_t)(marks.text + 1 - text);
    read->marks = plo_strndup(marks.text + 1, marks.length - 2);
    if (read->marks == NULL)
        return plo_fail_nomem(err, marks.length);
    PLO_TRY(take(id, '"', &read->meta.fingerprint, path, err));
    PLO_TRY(take(model, '"', &read->meta.model, path, err));
    PLO_TRY(take(version, '"', &read->meta.version, path, err));
    PLO_TRY(take(made_of, '{', &read->meta.fingerprint_json, path, err));
    PLO_TRY(take(noted, '{', &read->meta.noted_json, path, err));
    return take(settings, '{', &read->meta.settings_json, path, err);
}

int plo_meta_file_read(struct plo_meta_read *read, const char *path, struct pipilo_error *err)
{
    memset(read, 0, sizeof *read);
    char *text = NULL;
    int result = plo_file_read_text(path, (size_t)1 << 30, &text);
    if (result < 0)
        return plo_fail_errno(err, result, "cannot read %s", path);
    result = parse(read, text, path, err);
    plo_free(text);
    if (result < 0)
        plo_meta_read_reset(read);
    return result;
}

void plo_meta_read_reset(struct plo_meta_read *read)
{
    plo_table_meta_reset(&read->meta);
    plo_free(read->marks);
    memset(read, 0, sizeof *read);
}
