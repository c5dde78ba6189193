/* SPDX-License-Identifier: MIT */
/*
 * What a command is: its name, its words for the user, its options and arguments, and the function
 * that does it. Parsing, --help, the lists of commands, completion and the man page's synopsis all
 * come from this one description.
 */
#ifndef HADAL_CLI_COMMAND_H
#define HADAL_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of every command. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILURE = 1, /* the sentence on stderr says why; or something asked for is missing */
	CLI_USAGE = 2,   /* the command line is wrong */
};

/* The headings of `hadal --help`, in their order. */
enum cli_group {
	CLI_GROUP_HYPERVISOR,
	CLI_GROUP_SYSTEM,
	CLI_GROUP_EVENTS,
	CLI_GROUP_MEMORY,
	CLI_GROUP_KERNEL,
	CLI_GROUP_EVIDENCE,
	CLI_GROUP_CLIENTS,
	CLI_GROUPS,
};

/* What an option or argument stores at its place in the command's options. */
enum cli_kind {
	CLI_FLAG,   /* bool: true. Has no argument. */
	CLI_CHOICE, /* int: value. Has no argument; excludes others for the same place. */
	CLI_NUMBER, /* uint64_t: decimal or 0x..., from least to most (0: any) */
	CLI_LENGTH, /* uint64_t: the same, with k, M, G or T if wanted */
	CLI_TEXT,   /* const char * */
	CLI_WORD,   /* int: which of words, "one|two|three" */
	CLI_SET,    /* set() takes it */
	CLI_PID,    /* the same as --pid, of an argument */
	CLI_REST,   /* struct cli_rest: this argument and all that follow; the last one */
};

/* Stores a text. Returns NULL, or what was expected instead, for a usage error. */
typedef const char *(*cli_set)(void *options, const char *text);

struct cli_option {
	char letter;          /* 0: has none */
	const char *name;     /* without the dashes */
	const char *argument; /* what --help calls its argument; NULL: has none */
	const char *help;
	enum cli_kind kind;
	size_t at; /* offset in the command's options; CLI_SET: 0 */
	union {
		int value; /* CLI_CHOICE */
		struct {
			uint64_t least, most; /* CLI_NUMBER, CLI_LENGTH */
		};
		cli_set set; /* CLI_SET */
	};
	bool argument_optional; /* CLI_SET: text is then NULL */
	/* CLI_WORD: what it may be, "one|two"; others: what completion offers, or NULL. */
	const char *words;
};

/* For the tables of a command whose options are struct options. Letters: 0 for none. */
#define CLI_OPTION(letter, name, argument, help, kind, member, ...)                   \
	{                                                                             \
		letter, name, argument, help, kind, offsetof(struct options, member), \
			{__VA_ARGS__}, false, NULL                                    \
	}
#define CLI_OPTION_FLAG(letter, name, help, member) \
	CLI_OPTION(letter, name, NULL, help, CLI_FLAG, member, 0)
#define CLI_OPTION_CHOICE(letter, name, help, member, choice) \
	CLI_OPTION(letter, name, NULL, help, CLI_CHOICE, member, .value = choice)
#define CLI_OPTION_NUMBER(letter, name, argument, help, member, from, to) \
	CLI_OPTION(letter, name, argument, help, CLI_NUMBER, member, .least = from, .most = to)
#define CLI_OPTION_LENGTH(letter, name, argument, help, member) \
	CLI_OPTION(letter, name, argument, help, CLI_LENGTH, member, .most = 0)
#define CLI_OPTION_TEXT(letter, name, argument, help, member) \
	CLI_OPTION(letter, name, argument, help, CLI_TEXT, member, 0)
#define CLI_OPTION_WORD(letter, name, argument, help, member, list)                            \
	{                                                                                      \
		letter, name, argument, help, CLI_WORD, offsetof(struct options, member), {0}, \
			false, list                                                            \
	}
#define CLI_OPTION_SET(letter, name, argument, help, function)                           \
	{                                                                                \
		letter, name, argument, help, CLI_SET, 0, {.set = function}, false, NULL \
	}
/* The same, and completion offers words. */
#define CLI_OPTION_SET_OF(letter, name, argument, help, function, words)                  \
	{                                                                                 \
		letter, name, argument, help, CLI_SET, 0, {.set = function}, false, words \
	}
/* The same, and the argument may be left out. */
#define CLI_OPTION_SET_MAYBE(letter, name, argument, help, function)                    \
	{                                                                               \
		letter, name, argument, help, CLI_SET, 0, {.set = function}, true, NULL \
	}

struct cli_argument {
	const char *name;
	enum cli_kind kind;
	size_t at;
	bool optional;
	cli_set set;       /* CLI_SET */
	const char *words; /* what completion offers, or NULL */
};

#define CLI_ARGUMENT(name, kind, member)                                        \
	{                                                                       \
		name, kind, offsetof(struct options, member), false, NULL, NULL \
	}
#define CLI_ARGUMENT_OPTIONAL(name, kind, member)                              \
	{                                                                      \
		name, kind, offsetof(struct options, member), true, NULL, NULL \
	}
#define CLI_ARGUMENT_SET(name, function)                \
	{                                               \
		name, CLI_SET, 0, false, function, NULL \
	}
/* An argument or arguments for which completion offers words. */
#define CLI_ARGUMENT_WORDS(name, kind, member, words)                            \
	{                                                                        \
		name, kind, offsetof(struct options, member), false, NULL, words \
	}

struct cli_rest {
	char **items;
	int count;
};

/* Options that many commands have; they are in struct cli_where, where they are the same. */
#define CLI_TAKES_JSON  1u
#define CLI_TAKES_IMAGE 2u
#define CLI_TAKES_PID   4u  /* --pid alone */
#define CLI_TAKES_WHERE 8u  /* --physical, --kernel, --pid, --root, --levels */
#define CLI_TAKES_MMIO  16u /* --mmio */
#define CLI_TAKES_COMMAND                                                                        \
	32u                   /* the first argument ends the options: the rest is a command line \
			       */
#define CLI_TAKES_COLUMNS 64u /* --columns */
#define CLI_TAKES_VIEW    (CLI_TAKES_JSON | CLI_TAKES_IMAGE)
#define CLI_TAKES_LIST    (CLI_TAKES_VIEW | CLI_TAKES_COLUMNS)

enum cli_space {
	CLI_SPACE_DEFAULT, /* none was named */
	CLI_SPACE_PHYSICAL,
	CLI_SPACE_KERNEL,
	CLI_SPACE_PROCESS,
	CLI_SPACE_ROOT,
};

/* Where a command looks, and how it prints what it finds. */
struct cli_where {
	bool json;
	const char *image;   /* NULL: this system */
	const char *columns; /* NULL: the usual ones */
	enum cli_space space;
	uint64_t pid;   /* CLI_SPACE_PROCESS */
	uint64_t root;  /* CLI_SPACE_ROOT: a value of CR3 */
	uint32_t flags; /* HADAL_MEM_LA48 or _LA57, HADAL_MEM_MMIO */
};

struct cli_record_kind;

struct cli_command {
	const char *name;
	const char *alias; /* another name, or NULL */
	enum cli_group group;
	const char *summary;                   /* one line of `hadal --help` */
	const char *about;                     /* the first words of its own --help */
	const char *more;                      /* what stands below the options, or NULL */
	const struct cli_option *options;      /* its own, ended by one without a name, or NULL */
	const struct cli_argument *arguments;  /* ended by one without a name, or NULL */
	const struct cli_record_kind *records; /* what it lists, or NULL */
	unsigned takes;                        /* CLI_TAKES_* */
	size_t where_at;                       /* of struct cli_where in its options */
	size_t options_bytes;
	/* Sets what is not 0 by default, or NULL. */
	void (*defaults)(void *options);
	/* Returns NULL, or what is wrong with the options together. */
	const char *(*check)(void *options);
	int (*run)(void *options); /* returns an exit code */
};

/* The part of a description that says where its options are. */
#define CLI_OPTIONS_AT(member) \
	.where_at = offsetof(struct options, member), .options_bytes = sizeof(struct options)

/* All commands in the order of the lists; ended by NULL. */
extern const struct cli_command *const cli_commands[];

/* Returns NULL when there is none of that name. */
const struct cli_command *cli_command_find(const char *name);
/* What may have been meant by a name that there is not, or NULL. */
const char *cli_command_guess(const char *name);

/*
 * Parses the command line and runs the command; argv[0] is its name. Ends the program on a usage
 * error and after --help. Returns an exit code.
 */
int cli_command_run(const struct cli_command *command, int argc, char **argv);

/* The command's common options, as a list like its own ones. */
const struct cli_option *cli_common_option(const struct cli_command *command, size_t index);

#endif
