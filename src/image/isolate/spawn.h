// spawn.h: starting helper processes. A process that asked to end with its parent ends with the
// *thread* that started it; so one thread, which lives as long as there may be helpers, starts them
// all. Threads: any.
#ifndef PLO_IMAGE_ISOLATE_SPAWN_H
#define PLO_IMAGE_ISOLATE_SPAWN_H

#include <sys/types.h>

#include <pipilo/error.h>

// Starts pipilo-decoder for `kind` (PLO_HELPER_*). `socket` becomes its PLO_HELPER_SOCKET and stays
// the caller's. Errors: PIPILO_ENOTFOUND where there is no such program, PIPILO_EIO, PIPILO_ENOMEM.
int plo_spawn(pid_t *pid, const char *kind, int socket, struct pipilo_error *err);

// Which program that is, as a new string. Errors: PIPILO_ENOTFOUND, PIPILO_ENOMEM.
int plo_spawn_program(char **out, struct pipilo_error *err);

// Ends the thread, and with it whatever it started.
void plo_spawn_stop(void);

#endif
