// The command of a program that is given sockets, in the form that keeps the pid.
//
// LISTEN_PID is the child's, and not every shell becomes the one program it is to run. An exec in
// front sees to that, but only where it changes nothing else: a command of several parts, one that
// starts with a word of the shell's own or with anything but plain text is run as it is.

#include "monitor.h"

#include <string.h>

#define NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define BLANK " \t"

/// Words that no file need be behind, or another one than the shell's own, in sh, dash, bash, ksh,
/// zsh and fish.
static const char *const own[] = {
    ".",         "abbr",      "alias",    "and",        "argparse", "autoload", "begin",
    "bg",        "bind",      "bindkey",  "block",      "break",    "builtin",  "bye",
    "caller",    "case",      "cd",       "chdir",      "command",  "compgen",  "complete",
    "compopt",   "contains",  "continue", "coproc",     "count",    "declare",  "dirs",
    "disable",   "disown",    "do",       "done",       "echo",     "echotc",   "elif",
    "else",      "emit",      "emulate",  "enable",     "end",      "esac",     "eval",
    "exec",      "exit",      "export",   "false",      "fc",       "fg",       "fi",
    "float",     "for",       "foreach",  "function",   "getln",    "getopts",  "hash",
    "help",      "hist",      "history",  "if",         "integer",  "jobs",     "kill",
    "let",       "limit",     "local",    "log",        "logout",   "mapfile",  "math",
    "nocorrect", "noglob",    "not",      "or",         "path",     "popd",     "print",
    "printf",    "pushd",     "pushln",   "pwd",        "r",        "random",   "read",
    "readarray", "readonly",  "rehash",   "repeat",     "return",   "sched",    "select",
    "set",       "setopt",    "shift",    "shopt",      "source",   "status",   "stop",
    "string",    "suspend",   "switch",   "test",       "then",     "time",     "times",
    "trap",      "true",      "ttyctl",   "type",       "typeset",  "ulimit",   "umask",
    "unalias",   "unhash",    "unlimit",  "unset",      "unsetopt", "until",    "vared",
    "wait",      "whence",    "where",    "which",      "while",    "zmodload", "zstyle",
    "functions", "set_color", "realpath", "unfunction",
};

/// One command, and nothing behind it but the end of its line.
static int is_single(const char *command) {
    const char *end = strpbrk(command, ";&|\n");
    return end == NULL || end[strspn(end, BLANK "\n")] == 0;
}

/// The length of a variable that is set for the program, with the blanks behind it; 0: it is none.
/// With anything else in it than this an argument would not come out as the variable does.
static size_t variable(const char *at) {
    size_t name = strspn(at, NAME);
    if (name == 0 || strspn(at, "0123456789") > 0 || at[name] != '=')
        return 0;
    size_t length = name + 1 + strspn(at + name + 1, NAME "./+-:,@%=");
    size_t blanks = strspn(at + length, BLANK);
    return blanks > 0 ? length + blanks : 0;
}

/// Whether it starts with the name of a program.
static int is_program(const char *at) {
    size_t length = strspn(at, NAME "./+-");
    if (length == 0 || *at == '-' || *at == '+')
        return 0;
    size_t blanks = strspn(at + length, BLANK "\n");
    // `name ()` makes a function.
    if ((blanks == 0 && at[length] != 0) || at[length + blanks] == '(')
        return 0;
    if (memchr(at, '/', length) != NULL)
        return 1;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strlen(own[i]) == length && memcmp(own[i], at, length) == 0)
            return 0;
    }
    return 1;
}

const char *command_in_place(const char *command) {
    // Touched in the child alone: its pages cost the monitor nothing.
    static char whole[163840 + 16];
    const char *text = command + strspn(command, BLANK "\n");
    const char *program = text;
    for (size_t length = variable(program); length > 0; length = variable(program))
        program += length;
    size_t length = strlen(text);
    if (!is_single(text) || !is_program(program) || length + 10 > sizeof whole)
        return command;
    // A name=value in front of the program is nothing exec knows.
    strcpy(whole, program > text ? "exec env " : "exec ");
    memcpy(whole + strlen(whole), text, length + 1);
    return whole;
}
