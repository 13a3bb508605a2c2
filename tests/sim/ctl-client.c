/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "ctl.h"

/* The word that a verb takes without a key: `tio-sim ctl release 3`, `trace on`. */
static const struct {
	const char *verb, *key;
} positional[] = {
	{ "release", "id" },
	{ "trace", "mode" },
};

static const char *key_of(const char *verb)
{
	for (size_t i = 0; i < sizeof(positional) / sizeof(positional[0]); i++) {
		if (!strcmp(positional[i].verb, verb))
			return positional[i].key;
	}
	return NULL;
}

/* Numbers, true, false, objects and lists are what they look like; the rest is text. */
static json_t *value_from(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (value && !json_is_string(value) && !json_is_null(value))
		return value;
	json_decref(value);
	return json_string(text);
}

static json_t *command_from(int argc, char **argv)
{
	json_t *command;

	if (argc == 1 && argv[0][0] == '{') {
		command = json_loads(argv[0], 0, NULL);
		if (!command)
			sim_die("ctl: this is not JSON: %s", argv[0]);
		return command;
	}
	command = json_pack("{s:s}", "do", argv[0]);
	for (int i = 1; i < argc; i++) {
		const char *equals = strchr(argv[i], '='), *key = key_of(argv[0]);
		char *name;

		if (!equals && !key)
			sim_die("ctl: \"%s\" is not KEY=VALUE", argv[i]);
		name = equals ? strndup(argv[i], equals - argv[i]) : sim_strdup(key);
		json_object_set_new(command, name, value_from(equals ? equals + 1 : argv[i]));
		free(name);
	}
	return command;
}

static FILE *connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	stpncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		sim_die("ctl: nobody listens on %s: this works inside `tio-sim run`", path);
	return fdopen(fd, "r+");
}

static json_t *ask(FILE *peer, const json_t *command)
{
	char *line = json_dumps(command, JSON_COMPACT);
	json_t *reply;
	size_t room = 0;

	fprintf(peer, "%s\n", line);
	fflush(peer);
	free(line);
	line = NULL;
	if (getline(&line, &room, peer) <= 0)
		sim_die("ctl: the simulation has gone away");
	reply = json_loads(line, 0, NULL);
	free(line);
	if (!reply)
		sim_die("ctl: the answer is not JSON");
	return reply;
}

static int print_reply(json_t *reply)
{
	const char *text = json_string_value(json_object_get(reply, "text"));

	if (!json_is_true(json_object_get(reply, "ok"))) {
		fprintf(stderr, "tio-sim: %s\n",
			json_string_value(json_object_get(reply, "error")));
		return 1;
	}
	json_object_del(reply, "ok");
	if (text)
		fputs(text, stdout);
	else if (json_object_size(reply) > 0 && !json_dumpf(reply, stdout, JSON_INDENT(2)))
		fputc('\n', stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}

int ctl_main(int argc, char **argv)
{
	const char *path = getenv("TIO_SIM_CTL");
	json_t *command, *reply;
	FILE *peer;
	int status;

	if (argc < 1)
		sim_die("ctl: which command? See tio-sim --help");
	command = command_from(argc, argv);
	peer = connect_to(path ? path : CTL_SOCKET);
	reply = ask(peer, command);
	status = print_reply(reply);
	fclose(peer);
	json_decref(reply);
	json_decref(command);
	return status;
}
