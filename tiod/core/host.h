/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What core asks of the machine: the only way from a decision to the kernel.
 *
 * host/host.c fills the table for workers, tests/unit/fake-host.c for the tests; core
 * never knows which.  Every call may block and is made in a worker process only.
 * Each returns 0 or a negative errno and says why in @err, with err->attribute naming
 * the kernel attribute that refused ("tsm/connect", "driver_override", "bind", …).
 */

#include "base/error.h"
#include "core/assignments.h"
#include "core/function.h"
#include "core/snapshot.h"

/* What the worker is about: sent to the daemon, which keeps the deadline and tells clients. */
enum progress_kind {
	PROGRESS_PLAN,    /* @total steps will be taken */
	PROGRESS_BEGIN,   /* step begins; must end within @deadline_ms */
	PROGRESS_DONE,    /* step and its check succeeded */
	PROGRESS_FAILED,  /* step failed; undo follows */
	PROGRESS_WAITING, /* for its turn at the TSM; no deadline runs */
	PROGRESS_NOTE,    /* a warning in @text */
	PROGRESS_KIND_COUNT
};

struct progress {
	enum progress_kind kind;
	bool undo;
	unsigned index, total; /* of the plan, from 0 */
	unsigned deadline_ms;
	struct bdf function;
	char step[24];
	char text[320];
};

/* The attributes of a function that set_power() may write. */
enum power_attribute { POWER_D3COLD, POWER_CONTROL, POWER_RESET, POWER_ATTRIBUTE_COUNT };

struct plugin_traits;

struct host_ops {
	/* --- Looking --- */

	/*
	 * Reads again what may have changed of one function (driver, override, VFs, cdev,
	 * stream and its registers); never tsm/ attributes.  -ENODEV: it is gone.
	 */
	int (*refresh)(void *host, struct function *f, struct tio_error *err);

	/* A function that the snapshot does not know yet, a new VF say, read whole. */
	int (*discover)(void *host, struct bdf bdf, struct function *ret,
			struct tio_error *err);

	/*
	 * Reads tsm/connect and tsm/bound of function 0; waits for any connect of the host, so
	 * the caller holds the TSM's turn (tsm_take).
	 */
	int (*read_link)(void *host, struct function *dsm, struct tio_error *err);

	/*
	 * Adds to @snap->holders who uses @f: mounts, swap, netdevs, processes.  @traits are
	 * its plugin's, with the nodes that its driver makes; may be NULL.
	 */
	int (*find_holders)(void *host, struct snapshot *snap, const struct function *f,
			    const struct plugin_traits *traits, struct tio_error *err);

	/*
	 * What the PF has decided for @vf, as far as its driver tells; never VF_MSIX, which
	 * cannot be read.  -EOPNOTSUPP: the PF has no network interface here.
	 */
	int (*vf_admin_get)(void *host, const struct function *vf, struct vf_settings *ret,
			    struct tio_error *err);

	/* --- Changing: one kernel attribute each --- */

	/* Those of @wanted that are given, one after the other; the first refusal ends it. */
	int (*vf_admin_set)(void *host, const struct function *vf,
			    const struct vf_settings *wanted, struct tio_error *err);

	int (*set_override)(void *host, struct bdf bdf, const char *driver,
			    struct tio_error *err);
	int (*unbind)(void *host, struct bdf bdf, struct tio_error *err);
	int (*bind)(void *host, struct bdf bdf, const char *driver, struct tio_error *err);
	int (*probe)(void *host, struct bdf bdf, struct tio_error *err); /* drivers_probe */
	int (*set_autoprobe)(void *host, struct bdf pf, bool on, struct tio_error *err);
	int (*set_vfs)(void *host, struct bdf pf, unsigned n, struct tio_error *err);
	int (*connect)(void *host, struct bdf dsm, const char *tsm, struct tio_error *err);
	int (*disconnect)(void *host, struct bdf dsm, const char *tsm, struct tio_error *err);

	/* "0" or "1"; "on" or "auto"; the names of reset methods, separated by spaces. */
	int (*set_power)(void *host, struct bdf bdf, enum power_attribute which,
			 const char *value, struct tio_error *err);

	/* Gives the node of f->cdev, checked to be @f's, that owner and mode. */
	int (*set_node)(void *host, const struct function *f, const struct node_access *access,
			struct tio_error *err);

	/*
	 * New keys for the link that @dsm has to @tsm.  Only where the kernel has
	 * tsm/dsm_status: others take a second connect for a mistake (EBUSY).
	 */
	int (*refresh_keys)(void *host, struct bdf dsm, const char *tsm, struct tio_error *err);

	/* By module name, or by a modalias.  Already there is a success. */
	int (*load_module)(void *host, const char *name, struct tio_error *err);

	/*
	 * Waits until @f's VFIO character device exists and can be opened, at most @timeout_ms;
	 * fills f->cdev.  -ETIMEDOUT; -ENOTSUP: this kernel makes none (VFIO_DEVICE_CDEV).
	 */
	int (*wait_cdev)(void *host, struct function *f, unsigned timeout_ms,
			 struct tio_error *err);

	/*
	 * Calls @fn with 0 to @n - 1 at the same time, each in a process of its own that sees a
	 * copy of this one's memory and may use the calls above.  @errs has an entry each, with
	 * code 0 for what succeeded.
	 */
	void (*parallel)(void *host, size_t n,
			 int (*fn)(void *arg, size_t index, struct tio_error *err), void *arg,
			 struct tio_error *errs);

	/* --- Remembering; on disk when they return --- */

	/* NULL: the journal goes. */
	int (*journal_write)(void *host, struct bdf family, const char *json,
			     struct tio_error *err);
	int (*assign)(void *host, const struct assignment *one, struct tio_error *err);
	int (*release)(void *host, struct bdf function, struct tio_error *err);

	/* --- Talking to the daemon --- */

	void (*progress)(void *host, const struct progress *progress);

	/* Waits for the turn at @tsm; tsm_give() ends it, as the worker's death does. */
	int (*tsm_take)(void *host, const char *tsm, struct tio_error *err);
	void (*tsm_give)(void *host);
};
