// fork_gate.h: fork() waits until no thread is inside an engine. What a child inherits of one is
// never used, but the engine's libraries have locks and counts for the whole process: those that
// were held at the fork the child would wait for, for good, when it opens a model of its own.
//
// Threads: any.
#ifndef PLO_MODEL_FORK_GATE_H
#define PLO_MODEL_FORK_GATE_H

// Around calls that make an engine's threads work. Waits while another thread forks; not to be
// nested.
void plo_fork_gate_enter(void);
void plo_fork_gate_leave(void);

#endif
