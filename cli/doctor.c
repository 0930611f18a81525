// doctor.c: `pipilo doctor`: what this machine has, what is off, and how to mend it.
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "doctor.h"
#include "say.h"

struct doctor_options {
    bool json;
};

struct told {
    enum doctor_level level;
    const char *what;
    char *found, *mend; // mend: NULL where there is nothing to
};

struct doctor {
    struct told *told;
    size_t count;
    size_t levels[DOCTOR_WRONG + 1]; // how many of each
};

static const char *const level_names[] = { "good", "note", "wrong" };

void doctor_tell(struct doctor *doctor, enum doctor_level level, const char *what, char *found,
                 const char *mend)
{
    doctor->told = must(realloc(doctor->told, (doctor->count + 1) * sizeof *doctor->told));
    doctor->told[doctor->count++] = (struct told){
        .level = level,
        .what = what,
        .found = found,
        .mend = mend != NULL ? must(strdup(mend)) : NULL,
    };
    doctor->levels[level]++;
}

static void print_told(const struct told *told)
{
    enum { INDENT = 16 };
    char *found = text_clean(told->found);
    int width = text_width(stdout);
    printf("%-14s  ", told->what);
    text_wrap(stdout, found, INDENT, INDENT, width);
    free(found);
    if (told->mend == NULL)
        return;
    char *mend = text_clean(told->mend);
    printf("  %-13s ", told->level == DOCTOR_WRONG ? "wrong:" : "note:");
    text_wrap(stdout, mend, INDENT, INDENT, width);
    free(mend);
}

static void print_all(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++)
        print_told(&doctor->told[i]);
    char *wrong = text_count((int64_t)doctor->levels[DOCTOR_WRONG], "thing");
    char *notes = text_count((int64_t)doctor->levels[DOCTOR_NOTE], "note");
    printf("\n%s wrong, %s\n", wrong, notes);
    free(notes);
    free(wrong);
}

static void json_all(const struct doctor *doctor)
{
    fputs("{\"version\": ", stdout);
    put_json(stdout, pipilo_version());
    printf(", \"wrong\": %zu, \"notes\": %zu, \"checks\": [", doctor->levels[DOCTOR_WRONG],
           doctor->levels[DOCTOR_NOTE]);
    for (size_t i = 0; i < doctor->count; i++) {
        fputs(i > 0 ? ",\n {\"what\": " : "\n {\"what\": ", stdout);
        put_json(stdout, doctor->told[i].what);
        printf(", \"level\": \"%s\", \"found\": ", level_names[doctor->told[i].level]);
        put_json(stdout, doctor->told[i].found);
        fputs(", \"mend\": ", stdout);
        put_json(stdout, doctor->told[i].mend);
        putchar('}');
    }
    puts("]}");
}

static int run_doctor(const void *stored, char **operands, int count)
{
    (void)operands;
    (void)count;
    const struct doctor_options *options = stored;
    struct doctor doctor = { 0 };
    doctor_machine(&doctor);
    doctor_files(&doctor);
    doctor_environment(&doctor);
    if (options->json)
        json_all(&doctor);
    else
        print_all(&doctor);
    for (size_t i = 0; i < doctor.count; i++) {
        free(doctor.told[i].found);
        free(doctor.told[i].mend);
    }
    free(doctor.told);
    return doctor.levels[DOCTOR_WRONG] > 0 ? EXIT_ROWS : 0;
}

static const struct option_row rows[] = {
    { 0, "json", NULL, OPTION_FLAG, offsetof(struct doctor_options, json), .help = "print JSON" },
    { 0 },
};

const struct command doctor_command = {
    .name = "doctor",
    .operands = "",
    .summary = "look at this machine, and say what is off and how to mend it",
    .text = "Tells the processor and the inner loops chosen for it, cores, memory, control groups "
            "and marks, the libraries that are opened when they are needed, the folders of models "
            "and caches with what is in them, and the variables of the environment. The weights "
            "of every installed model are compared with the digest on its card.\n\n"
            "Behind `note:` stands what works less well or was turned off, behind `wrong:` what is "
            "needed and missing, damaged or senseless, each with what to do. With something wrong "
            "the exit status is 1.",
    .options = rows,
    .size = sizeof(struct doctor_options),
    .run = run_doctor,
};
