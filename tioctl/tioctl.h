/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What every verb of tioctl is made of: one constant struct command, and one struct
 * tioctl that it is run with.  main.c lists the commands and prints the help from them;
 * each verb family has a file of its own.  tioctl knows the shapes of io.tiod.varlink
 * and nothing of devices.
 */

#include <jansson.h>
#include <stdbool.h>

#include "tioctl/client.h"
#include "tioctl/failure.h"
#include "tioctl/options.h"
#include "tioctl/render.h"

/* Raised when a key of the --json documents changes its meaning or goes away. */
#define TIOCTL_SCHEMA 1

struct tioctl {
	const struct options *options;
	struct client client;
	struct screen out, err;
	bool json;
};

struct command {
	const char *name;
	const char *arguments; /* of the usage line: "DEV… --vm VM" */
	const char *summary;
	option_mask options; /* beside the global ones */
	option_mask needed;  /* those of them that must be given */
	size_t names_min, names_max;
	int (*run)(struct tioctl *t); /* an enum exit_code */
};

extern const struct command command_list, command_show, command_status;
extern const struct command command_plan, command_attach, command_detach;
extern const struct command command_connect, command_disconnect;
extern const struct command command_ide, command_qemu, command_monitor;
extern const struct command command_hugepages, command_jobs, command_cancel;
extern const struct command command_plugins, command_evidence, command_reconnect;
extern const struct command command_rules, command_wait;
extern const struct command command_completion, command_run, command_metrics;
extern const struct command command_reload, command_vms, command_version;

struct call {
	const char *method;
	json_t *parameters;        /* taken over; NULL: none */
	const char *list, *object; /* what the answer must hold; NULL: nothing is asked of it */
};

/*
 * One call with one answer.  EXIT_DONE: @ret is the answer's parameters, owned by the caller;
 * else the exit code of a failure that was reported.
 */
int tioctl_call(struct tioctl *t, const struct call *call, json_t **ret);

/* As tioctl_call, but reports nothing: answer or failure are left in @reply. */
int tioctl_ask(struct tioctl *t, const struct call *call, struct reply *reply);

/* Reports a failure on stderr and, with --json, as the document; returns its exit code. */
int tioctl_fail(struct tioctl *t, const struct reply *reply);

/* Both report that an answer was no use, and return the exit code: none came; one lacks @key.
 */
int tioctl_silent(struct tioctl *t);
int tioctl_malformed(struct tioctl *t, const char *method, const char *key);

/* Prints the one document of --json, which it takes over; EXIT_DONE. */
int tioctl_document(struct tioctl *t, json_t *document);
