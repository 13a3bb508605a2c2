/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The whole API: each method's name, who may call it, and the function that does.
 * Parameters have been checked against the interface's description when it is called.
 */

#include <stdbool.h>

#include "daemon.h"

enum more { MORE_NO, MORE_MAY, MORE_MUST };

struct method {
	const char *name; /* "io.tiod.Attach" */
	enum access access;
	enum more more;
	void (*run)(struct daemon *daemon, struct call *call);

	/*
	 * For the users of a VM, who may call it within limits: looks at the parameters, see
	 * permits.h.  NULL: only who has @access may call it.
	 */
	int (*permit)(const struct daemon *daemon, const struct call *call,
		      struct tio_error *err);

	/* Not before the news of the functions that it names were read, see waits.h. */
	bool waits;
};

/* Ended by a NULL name. */
extern const struct method methods[];

/* The server's handler; @arg is the daemon. */
void methods_call(void *arg, struct call *call);

/* A call that had to wait goes on; waits.c. */
void methods_resume(struct daemon *daemon, struct call *call);

/* Ends the call with @err as its error. */
void methods_fail(struct call *call, const struct tio_error *err);

/* Ends it with @reply, or with an error if that is NULL because memory is short. */
void methods_reply(struct call *call, json_t *reply);

/* Parameters; the empty string and false where they were left out. */
const char *methods_text(const struct call *call, const char *key);
bool methods_flag(const struct call *call, const char *key);

/* NULL with a sentence that says what to write where. */
const struct vm *methods_find_vm(const struct daemon *daemon, const char *name,
				 struct tio_error *err);

/* methods-service.c */
void method_get_info(struct daemon *daemon, struct call *call);
void method_get_interface_description(struct daemon *daemon, struct call *call);

/* methods-read.c */
void method_get_host(struct daemon *daemon, struct call *call);
void method_list_functions(struct daemon *daemon, struct call *call);
void method_get_function(struct daemon *daemon, struct call *call);
void method_get_status(struct daemon *daemon, struct call *call);
void method_get_vm(struct daemon *daemon, struct call *call);
void method_list_vms(struct daemon *daemon, struct call *call);
void method_get_qemu_args(struct daemon *daemon, struct call *call);
void method_list_jobs(struct daemon *daemon, struct call *call);
void method_get_metrics(struct daemon *daemon, struct call *call);
void method_monitor(struct daemon *daemon, struct call *call);

/* methods-look.c */
void method_get_ide(struct daemon *daemon, struct call *call);
void method_get_hugepages(struct daemon *daemon, struct call *call);
void method_list_plugins(struct daemon *daemon, struct call *call);
void method_get_tsm_status(struct daemon *daemon, struct call *call);

/* methods-open.c */
void method_open_devices(struct daemon *daemon, struct call *call);

/* methods-evidence.c */
void method_get_evidence(struct daemon *daemon, struct call *call);

/* methods-report.c */
void method_report_list(struct daemon *daemon, struct call *call);
void method_report_describe(struct daemon *daemon, struct call *call);

/* methods-rules.c */
void method_list_rules(struct daemon *daemon, struct call *call);
void method_test_rules(struct daemon *daemon, struct call *call);
void method_check_config(struct daemon *daemon, struct call *call);

/* methods-change.c */
void method_plan(struct daemon *daemon, struct call *call);
void method_attach(struct daemon *daemon, struct call *call);
void method_detach(struct daemon *daemon, struct call *call);
void method_connect(struct daemon *daemon, struct call *call);
void method_disconnect(struct daemon *daemon, struct call *call);
void method_reconnect(struct daemon *daemon, struct call *call);
void method_cancel_job(struct daemon *daemon, struct call *call);
void method_reload(struct daemon *daemon, struct call *call);
