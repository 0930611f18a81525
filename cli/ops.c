// ops.c: `pipilo ops`: what a pipeline can call, told by the operators' own descriptors.
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>
#include <pipilo/sys/op.h>

#include "commands.h"
#include "say.h"

struct ops_options {
    bool json, markdown;
};

static const char *type_name(const struct pipilo_param *param)
{
    static const char *const names[] = { "bool", "int", "float", "str", "size", "any" };
    return (size_t)param->type < sizeof names / sizeof names[0] ? names[param->type] : "any";
}

static bool has_params(const struct pipilo_operator *op)
{
    return op->params != NULL && op->params[0].name != NULL;
}

static const char *or_any(const char *text)
{
    return text != NULL && *text != '\0' ? text : "anything";
}

// What the flags mean to who writes a pipeline; NULL past the end.
static const char *flag_text(const struct pipilo_operator *op, size_t index)
{
    static const struct {
        unsigned flag;
        const char *text;
    } known[] = {
        { PIPILO_OP_PARALLEL, "works on several rows at once" },
        { PIPILO_OP_CALLER_ONLY, "works on the thread that drives the run" },
        { PIPILO_OP_TAKES_ERRORS, "is given the rows that failed, too" },
        { PIPILO_OP_WRITES, "reads or writes files, so it is not for pipelines from a request" },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((op->flags & known[i].flag) != 0 && index-- == 0)
            return known[i].text;
    return NULL;
}

// "0 to 1", "bicubic | bilinear"; "" where anything goes. The caller frees it.
static char *range_text(const struct pipilo_param *param)
{
    if (param->choices != NULL) {
        char *text = NULL;
        size_t size;
        FILE *out = must(open_memstream(&text, &size));
        for (const char *c = param->choices; *c != '\0'; c++)
            fprintf(out, *c == '|' ? " | " : "%c", *c);
        fclose(out);
        return must(text);
    }
    bool number = param->type == PIPILO_PARAM_INT || param->type == PIPILO_PARAM_FLOAT;
    if (number && param->min < param->max)
        return text_format("%.10g to %.10g", param->min, param->max);
    return text_format("%s", "");
}

// --- for reading ---------------------------------------------------------------------------------

// "ops.image_crop(width, height, x=None)".
static void put_call(FILE *file, const struct pipilo_operator *op)
{
    fprintf(file, "ops.%s(", op->name);
    for (const struct pipilo_param *p = op->params; p != NULL && p->name != NULL; p++)
        fprintf(file, "%s%s%s%s", p > op->params ? ", " : "", p->name,
                p->fallback != NULL ? "=" : "", p->fallback != NULL ? p->fallback : "");
    fputc(')', file);
}

static void print_list(void)
{
    const struct pipilo_operator *op;
    int width = text_width(stdout);
    for (size_t i = 0; (op = pipilo_operator_at(i)) != NULL; i++) {
        printf("%s\n    ", op->name);
        text_wrap(stdout, op->summary, 4, 4, width);
        printf("    %s -> %s\n", or_any(op->inputs), or_any(op->output));
    }
    puts("\n`pipilo ops NAME` shows an operator's parameters.");
}

static void print_param(const struct pipilo_param *param, int width)
{
    char *range = range_text(param);
    char *head = text_format("%s: %s%s%s%s%s%s", param->name, type_name(param),
                             param->fallback != NULL ? " = " : ", needed",
                             param->fallback != NULL ? param->fallback : "",
                             *range != '\0' ? " (" : "", range, *range != '\0' ? ")" : "");
    printf("  %s\n      ", head);
    text_wrap(stdout, param->help != NULL ? param->help : "", 6, 6, width);
    free(head);
    free(range);
}

static void print_one(const struct pipilo_operator *op)
{
    int width = text_width(stdout);
    const char *flag;
    printf("%s\n\n", op->name);
    text_wrap(stdout, op->summary, 0, 0, width);
    printf("\ntakes  %s\ngives  %s\n", or_any(op->inputs), or_any(op->output));
    for (size_t i = 0; (flag = flag_text(op, i)) != NULL; i++)
        printf("       %s\n", flag);
    char *call = NULL;
    size_t size;
    FILE *out = must(open_memstream(&call, &size));
    put_call(out, op);
    fclose(out);
    fputs("\ncall   ", stdout);
    text_wrap(stdout, must(call), 7, 11, width);
    free(call);
    if (has_params(op))
        puts("\nparameters:");
    for (const struct pipilo_param *p = op->params; p != NULL && p->name != NULL; p++)
        print_param(p, width);
}

// --- for programs --------------------------------------------------------------------------------

static void json_param(const struct pipilo_param *param)
{
    bool first = true;
    putchar('{');
    put_member(stdout, &first, "name");
    put_json(stdout, param->name);
    put_member(stdout, &first, "type");
    put_json(stdout, type_name(param));
    put_member(stdout, &first, "required");
    fputs(param->fallback == NULL ? "true" : "false", stdout);
    put_member(stdout, &first, "default");
    put_json(stdout, param->fallback);
    if (param->min < param->max) {
        put_member(stdout, &first, "min");
        printf("%.17g", param->min);
        put_member(stdout, &first, "max");
        printf("%.17g", param->max);
    }
    if (param->choices != NULL) {
        char *choices = must(strdup(param->choices)), *rest = choices;
        put_member(stdout, &first, "choices");
        putchar('[');
        for (char *name; (name = strsep(&rest, "|")) != NULL;) {
            put_json(stdout, name);
            fputs(rest != NULL ? ", " : "]", stdout);
        }
        free(choices);
    }
    put_member(stdout, &first, "help");
    put_json(stdout, param->help);
    putchar('}');
}

static void json_operator(const struct pipilo_operator *op)
{
    bool first = true;
    putchar('{');
    put_member(stdout, &first, "name");
    put_json(stdout, op->name);
    put_member(stdout, &first, "summary");
    put_json(stdout, op->summary);
    put_member(stdout, &first, "inputs");
    put_json(stdout, op->inputs);
    put_member(stdout, &first, "output");
    put_json(stdout, op->output);
    put_member(stdout, &first, "writes");
    fputs((op->flags & PIPILO_OP_WRITES) != 0 ? "true" : "false", stdout);
    put_member(stdout, &first, "parameters");
    putchar('[');
    for (const struct pipilo_param *p = op->params; p != NULL && p->name != NULL; p++) {
        fputs(p > op->params ? ", " : "", stdout);
        json_param(p);
    }
    fputs("]}", stdout);
}

static void json_list(void)
{
    const struct pipilo_operator *op;
    putchar('[');
    for (size_t i = 0; (op = pipilo_operator_at(i)) != NULL; i++) {
        fputs(i > 0 ? ",\n " : "", stdout);
        json_operator(op);
    }
    puts("]");
}

// Text inside a table: a bar would end the cell.
static void put_cell(const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        fputs(*text == '|' ? "\\|" : (char[]){ *text, '\0' }, stdout);
}

static void markdown_operator(const struct pipilo_operator *op)
{
    const char *flag;
    printf("\n## %s\n\n%s\n\n    ", op->name, op->summary);
    put_call(stdout, op);
    printf("\n\n- takes: %s\n- gives: %s\n", or_any(op->inputs), or_any(op->output));
    for (size_t i = 0; (flag = flag_text(op, i)) != NULL; i++)
        printf("- %s\n", flag);
    if (has_params(op))
        puts("\n| parameter | type | default | values | meaning |\n|---|---|---|---|---|");
    for (const struct pipilo_param *p = op->params; p != NULL && p->name != NULL; p++) {
        char *range = range_text(p);
        printf("| `%s` | %s | %s%s%s | ", p->name, type_name(p), p->fallback != NULL ? "`" : "",
               p->fallback != NULL ? p->fallback : "needed", p->fallback != NULL ? "`" : "");
        put_cell(range);
        fputs(*range != '\0' ? " | " : "| ", stdout);
        put_cell(p->help);
        puts(" |");
        free(range);
    }
}

static void markdown_list(void)
{
    const struct pipilo_operator *op;
    puts("# Operators\n\n"
         "Made by `pipilo ops --markdown` from the operators' own descriptors. In a pipeline an\n"
         "operator is called as `ops.NAME(...)`; parameters are given in this order or by name.");
    for (size_t i = 0; (op = pipilo_operator_at(i)) != NULL; i++)
        markdown_operator(op);
}

static int unknown_operator(const char *name)
{
    const char *near = pipilo_operator_nearest(name);
    if (near != NULL)
        say("there is no operator '%s'; did you mean '%s'? `pipilo ops` lists them", name, near);
    else
        say("there is no operator '%s'; `pipilo ops` lists them", name);
    return EXIT_NOT_FOUND;
}

static int run_ops(const void *stored, char **operands, int count)
{
    const struct ops_options *options = stored;
    if (options->json && options->markdown)
        return say_usage("ops", "--json and --markdown exclude each other");
    if (count == 0) {
        if (options->markdown)
            markdown_list();
        else if (options->json)
            json_list();
        else
            print_list();
        return 0;
    }
    const char *name = strncmp(operands[0], "ops.", 4) == 0 ? operands[0] + 4 : operands[0];
    const struct pipilo_operator *op = pipilo_operator_find(name);
    if (op == NULL)
        return unknown_operator(name);
    if (options->markdown) {
        markdown_operator(op);
    } else if (options->json) {
        json_operator(op);
        putchar('\n');
    } else {
        print_one(op);
    }
    return 0;
}

static const struct option_row rows[] = {
    { 0, "json", NULL, OPTION_FLAG, offsetof(struct ops_options, json), .help = "print JSON" },
    { 0, "markdown", NULL, OPTION_FLAG, offsetof(struct ops_options, markdown),
      .help = "print a reference page (docs/operators.md is made so)" },
    { 0 },
};

const struct command ops_command = {
    .name = "ops",
    .operands = "[NAME]",
    .summary = "list what a pipeline can call, or explain one operator",
    .text = "Lists the operators: each one's name, what it does, what it takes and gives. With "
            "NAME, shows its parameters with their types, defaults and limits.\n\n"
            "In a pipeline an operator is called as `ops.NAME(...)`.",
    .examples = "  pipilo ops                          # all of them\n"
                "  pipilo ops image_embedding.timm     # one, with its parameters\n",
    .options = rows,
    .operand = OPERAND_OPERATOR,
    .most = 1,
    .size = sizeof(struct ops_options),
    .run = run_ops,
};
