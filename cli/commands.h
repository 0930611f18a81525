// commands.h: the commands, one file each.
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const struct command embed_command, search_command, info_command, run_command, ops_command;
extern const struct command bench_command, index_command, merge_command, soak_command,
    doctor_command, serve_command;
extern const struct command models_list_command, models_show_command, models_import_command,
    models_pull_command, models_cache_command, models_calibrate_command, models_tune_command,
    models_quantize_command, export_command;
extern const struct command version_command, help_topic_command;

#endif
