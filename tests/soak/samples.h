// samples.h: a folder of small JPEGs for the soak tests, made on the spot.
#ifndef PLO_TESTS_SOAK_SAMPLES_H
#define PLO_TESTS_SOAK_SAMPLES_H

#include <stddef.h>

// Makes a new folder with `count` different JPEGs 00.jpg, 01.jpg, ..: mixed sizes about width x
// height, some progressive, some grey. Its path goes to `folder`. Ends the program on failure.
void samples_create(char *folder, size_t size, int count, unsigned width, unsigned height);

// The path of picture `number`.
void samples_path(char *path, size_t size, const char *folder, int number);

// Removes the folder and the files in it.
void samples_remove(const char *folder);

#endif
