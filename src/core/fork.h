// fork.h: what becomes of the library in a child of fork(). Its threads are gone and any of its
// locks may be held for good, so everything the child inherits is abandoned: never used, never
// freed. Each part with state of the whole process names a handler; an object remembers the
// generation it was made in, and one of another generation is left alone.
//
// Threads: any; the generation changes only while there is one thread.
#ifndef PLO_CORE_FORK_H
#define PLO_CORE_FORK_H

enum plo_fork {
    PLO_FORK_BEFORE, // take the part's lock, so that its state is whole
    PLO_FORK_PARENT, // release it
    PLO_FORK_CHILD,  // begin anew
};

// How many calls of fork() lie between the process that began to use the library and this one.
unsigned plo_fork_generation(void);

// A part with a lock adds its handler before it first takes the lock, whichever function does.
// Has `handler` called at each fork; once, however often it is added.
void plo_fork_add(void (*handler)(enum plo_fork stage));

#endif
