// python.h: the Python that has the package pipilo: some commands are its programs.
// Threads: the main thread's alone.
#ifndef CLI_PYTHON_H
#define CLI_PYTHON_H

// The Python to run: $PIPILO_PYTHON, or python3 on PATH.
const char *python_name(void);

// 0 where `python` has the package; else the exit status, after a message that says what to do: the
// package with its extra `extra`.
int python_check(const char *python, const char *extra);

// Runs words[0] with `words`, which NULL ends, and waits for it; its exit status, or that of being
// stopped. SIGINT and SIGTERM reach it too. Signals must be caught already (drive.h).
int python_run(const char *const *words);

// Becomes words[0] with `words`. Where that fails: the exit status, after a message.
int python_become(const char *const *words);

#endif
