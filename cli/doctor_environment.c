// doctor_environment.c: the variables that pipilo reads, and those it seems to be meant by (see
// doctor.h).
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "doctor.h"
#include "say.h"

extern char **environ;

enum { MOST_PIXELS = 1 << 28, MOST_SECONDS = 366 * 24 * 3600 };

static bool is_size(const char *text)
{
    uint64_t size;
    return pipilo_size_parse(&size, text, NULL) == 0;
}

static bool is_bytes(const char *text)
{
    uint64_t size;
    return pipilo_size_parse(&size, text, NULL) == 0 && size < PIPILO_SHARE(0);
}

static bool is_cache(const char *text)
{
    return text[0] == '/' || strcmp(text, "0") == 0;
}

static bool is_folder(const char *text)
{
    struct stat status;
    return stat(text, &status) == 0 && S_ISDIR(status.st_mode);
}

// A name without a slash is looked for on PATH by who starts it.
static bool is_program(const char *text)
{
    return strchr(text, '/') == NULL || access(text, X_OK) == 0;
}

static bool is_seconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    return seconds > 0 && seconds <= MOST_SECONDS && *end == '\0';
}

static bool is_pixels(const char *text)
{
    unsigned long long pixels = strtoull(text, NULL, 10);
    return text[strspn(text, "0123456789")] == '\0' && pixels > 0 && pixels <= MOST_PIXELS;
}

static bool is_switch(const char *text)
{
    return strcmp(text, "0") == 0 || strcmp(text, "1") == 0;
}

static bool is_anything(const char *text)
{
    return *text != '\0';
}

static const struct variable {
    const char *name;
    bool (*makes_sense)(const char *text);
    const char *mend;
} variables[] = {
    { "PIPILO_CACHE", is_cache, "an absolute path, or 0 for none" },
    { "PIPILO_CACHE_MAX", is_bytes, "a size such as 2G" },
    { "PIPILO_DECODER", is_program, "a program that can be run" },
    { "PIPILO_HOME", is_anything, "a folder" },
    { "PIPILO_ISOLATE", is_switch, "0 or 1" },
    { "PIPILO_MAX_PIXELS", is_pixels, "a number of pixels, at most 268435456" },
    { "PIPILO_MEMORY", is_size, "a size such as 2G or 40%" },
    { "PIPILO_MEMORY_SOFT", is_size, "a size such as 2G or 75%" },
    { "PIPILO_MEMORY_HARD", is_size, "a size such as 2G or 85%" },
    { "PIPILO_MEMORY_CRITICAL", is_size, "a size such as 2G or 95%" },
    { "PIPILO_OPENVINO", is_folder, "a folder with libopenvino_c.so" },
    { "PIPILO_PYTHON", is_program, "a program that can be run" },
    { "PIPILO_TIME_LIMIT", is_seconds, "a number of seconds, a year at most" },
};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

static void tell_known(struct doctor *doctor, const struct variable *variable, const char *value)
{
    bool good = variable->makes_sense(value);
    char *mend = text_format("it takes %s", variable->mend);
    doctor_tell(doctor, good ? DOCTOR_GOOD : DOCTOR_WRONG, "environment",
                text_format("%s=%s", variable->name, value), good ? NULL : mend);
    free(mend);
}

static void tell_unknown(struct doctor *doctor, const char *name)
{
    const char *names[VARIABLES + 1] = { 0 };
    for (int i = 0; i < VARIABLES; i++)
        names[i] = variables[i].name;
    const char *near = nearest_name(name, names);
    char *mend = near != NULL ? text_format("nothing reads it; is %s meant?", near)
                              : text_format("nothing reads it: unset %s", name);
    doctor_tell(doctor, DOCTOR_NOTE, "environment", text_format("%s is set", name), mend);
    free(mend);
}

void doctor_environment(struct doctor *doctor)
{
    bool any = false;
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t length = strcspn(*entry, "=");
        if (strncmp(*entry, "PIPILO_", 7) != 0 || (*entry)[length] == '\0')
            continue;
        char *name = must(strndup(*entry, length));
        const struct variable *known = NULL;
        for (int i = 0; i < VARIABLES; i++)
            known = strcmp(variables[i].name, name) == 0 ? &variables[i] : known;
        any = true;
        // A variable without a text is as one that is not set.
        if (known == NULL)
            tell_unknown(doctor, name);
        else if ((*entry)[length + 1] != '\0')
            tell_known(doctor, known, *entry + length + 1);
        free(name);
    }
    if (!any)
        doctor_tell(doctor, DOCTOR_GOOD, "environment",
                    text_format("no variable of pipilo's is set"), NULL);
}
