// python.c: finding and running the Python that has the package (see python.h).
#include "python.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive.h"
#include "say.h"

extern char **environ;

// -P: a folder `pipilo` where the command is typed is not the package.
static const char probe[] = "import importlib.util as u, sys; "
                            "sys.exit(sys.version_info < (3, 11) or u.find_spec('pipilo') is None)";

const char *python_name(void)
{
    const char *own = getenv("PIPILO_PYTHON");
    return own != NULL && *own != '\0' ? own : "python3";
}

// Its exit status once it ended; a signal that comes meanwhile is passed on once.
static int wait_for(pid_t child)
{
    int status = 0;
    bool told = false;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        if (!told && signals_caught()) {
            told = true;
            kill(child, SIGTERM);
        }
    if (told)
        return pipilo_error_exit_status(PIPILO_ECANCELED);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// Runs the probe; its exit status, or a negative errno where there is no such program.
static int run_probe(const char *python)
{
    const char *const words[] = { python, "-P", "-c", probe, NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int result =
        posix_spawnp(&child, python, &actions, NULL, (char *const *)(void *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return result != 0 ? -result : wait_for(child);
}

int python_check(const char *python, const char *extra)
{
    int result = run_probe(python);
    if (result == 0)
        return 0;
    if (result < 0 && getenv("PIPILO_PYTHON") != NULL)
        say("PIPILO_PYTHON is %s, which cannot be run: %s", python, strerror(-result));
    else if (result < 0)
        say("there is no %s on PATH: this needs Python 3.11 or newer; PIPILO_PYTHON names another",
            python);
    else
        say("%s has no package pipilo (or is older than 3.11): in pipilo's source folder run "
            "%s -m pip install '.[%s]'; PIPILO_PYTHON names another Python",
            python, python, extra);
    return EXIT_NOT_FOUND;
}

int python_run(const char *const *words)
{
    pid_t child;
    fflush(stdout);
    int result = posix_spawnp(&child, words[0], NULL, NULL, (char *const *)(void *)words, environ);
    if (result == 0)
        return wait_for(child);
    say("%s: %s", words[0], strerror(result));
    return EXIT_NOT_FOUND;
}

int python_become(const char *const *words)
{
    fflush(stdout);
    execvp(words[0], (char *const *)(void *)words);
    say("%s: %s", words[0], strerror(errno));
    return EXIT_NOT_FOUND;
}
