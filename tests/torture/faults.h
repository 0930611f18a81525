// faults.h: calls of the system that fail when they are told to, for the library and for
// everybody's code that it uses: the program's own functions of these names come before libc's.
// Where a sanitizer has its own (see FAULTS_OF_THE_SYSTEM) only pipilo's allocations can fail.
#ifndef TEST_TORTURE_FAULTS_H
#define TEST_TORTURE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAULTS_OF_THE_SYSTEM 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAULTS_OF_THE_SYSTEM 0
#endif
#endif
#ifndef FAULTS_OF_THE_SYSTEM
#define FAULTS_OF_THE_SYSTEM 1
#endif

enum fault {
    FAULT_NONE,
    FAULT_MALLOC, // malloc and its kin
    FAULT_READ,   // read, pread: EIO
    FAULT_MMAP,   // of a file: ENOMEM
    FAULT_THREAD, // pthread_create: EAGAIN
    FAULT_DLOPEN,
};

// The nth call from now on fails, and with `lasting` every one after it.
void fault_begin(enum fault what, int64_t nth, bool lasting);

// None fails any more; gives how many calls there were.
int64_t fault_end(void);

#endif
