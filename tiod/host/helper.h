/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What changes more of the host than PCI: loading modules, and giving device nodes away.
 *
 * As a service tiod has no right to either.  It asks tiod-helper, a small program that systemd
 * starts for each request at the socket "helper" of the runtime folder, and that can be asked
 * for nothing else.  A tiod that has the rights (run by hand, as root) does both itself.
 *
 * One packet there and one back, each a few lines of text.  The helper believes none of it:
 * modules are those that are installed, and the node has to be the function's by sysfs.
 *
 * A request may come to its turn late, when the change that it was for has been undone and the
 * function is another VM's.  It is carried out only for who still waits for the answer, and on
 * a node that is as it was.
 */

#include "core/function.h"
#include "host/host.h"

#define HELPER_PACKET_MAX 2048

enum helper_task { HELPER_LOAD, HELPER_NODE };

struct helper_request {
	enum helper_task task;
	char module[sizeof(((struct function *)NULL)->modalias)]; /* a name, or a modalias */
	struct bdf function;
	char cdev[sizeof(((struct function *)NULL)->cdev)];
	struct node_access access;
	struct node_access found; /* what it was when this was decided */
};

/* --- tiod's side; both block as long as the kernel does --- */

/* As modules_load(), and devnode_set() of a node that still is as @f says. */
int helper_load_module(struct host *host, const char *name, struct tio_error *err);
int helper_set_node(struct host *host, const struct function *f,
		    const struct node_access *access, struct tio_error *err);

/* --- The helper's --- */

/*
 * Takes one request from @socket, does it and answers.  -ENODATA: there was none; -EPIPE: who
 * asked hung up before it was begun; another -errno: the answer could not be given.
 */
int helper_serve(struct host *host, int socket, struct tio_error *err);

/* --- What goes over the socket; each returns 0, or -EBADMSG for what is not well said --- */

void helper_write_request(const struct helper_request *request,
			  char buf[static HELPER_PACKET_MAX]);
int helper_read_request(char *text, struct helper_request *ret);

/* A code of 0 is a success. */
void helper_write_reply(const struct tio_error *err, char buf[static HELPER_PACKET_MAX]);
int helper_read_reply(char *text, struct tio_error *ret);
