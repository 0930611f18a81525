// doctor.h: what `pipilo doctor` looks at, and how it tells. Threads: the main thread only.
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

enum doctor_level {
    DOCTOR_GOOD,
    DOCTOR_NOTE,  // something works less well, or was turned off
    DOCTOR_WRONG, // something that is needed is missing or means nothing
};

struct doctor;

// One thing looked at. `found` is made by text_format and is taken; `mend` says what to do, NULL
// where there is nothing to.
void doctor_tell(struct doctor *doctor, enum doctor_level level, const char *what, char *found,
                 const char *mend);

// What is in doctor_machine.c, doctor_files.c and doctor_environment.c.
void doctor_machine(struct doctor *doctor);
void doctor_files(struct doctor *doctor);
void doctor_environment(struct doctor *doctor);

#endif
