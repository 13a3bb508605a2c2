/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A machine made of plain values, for tests of core: it answers host_ops, keeps a
 * trace of what it was asked, and fails, ignores or dies at any call one likes.
 */

#include <setjmp.h>

#include "core/engine.h"

struct fake_host {
	struct snapshot world; /* what the kernel would show */
	struct assignments all;
	char journal[65536]; /* the file's text, "" if there is none */
	char trace[8192]; /* calls that change something, "bind 0000:01:00.0 vfio-pci; …" */
	unsigned changes; /* how many of them */
	enum recovery recovery; /* how the last one ended */
	unsigned batches;       /* parallel() calls */
	unsigned deadline_ms;   /* of the last enable-vfs that was begun */
	char note[320];         /* the last that was told */

	/* The failure to come. */
	const char *fail_call; /* NULL: none */
	unsigned fail_nth;     /* 1: the first such call */
	int fail_code;
	bool fail_silently;  /* it says 0 and does nothing */
	unsigned fail_count; /* how many calls fail; 0: one */

	unsigned die_at; /* jump to @death before (odd) or after (even) change die_at / 2 */
	jmp_buf death;

	bool insecure;                  /* streams do not become secure */
	struct vf_settings vf_admin[8]; /* of the NIC's VFs; all 0 at first */
	bool vf_admin_unseen;           /* the PF has no network interface */
	uint32_t vf_keys_unseen;        /* settings that its driver does not show */
	unsigned vfs_less;              /* the driver enables so many fewer */
	bool no_host_driver;            /* nothing takes what is probed */
	bool cdev_unsupported;          /* VFIO makes no character devices */
	struct bdf unknown;    /* what the daemon knows of the host is older than this */
	unsigned blind;        /* so often holders are not seen, as when they come later */
	unsigned turns;        /* tsm_take() calls */
	bool sleep_drops_link; /* a card that vfio-pci takes sleeps and loses its link */
	bool turn_held;

	const struct plugins *plugins; /* borrowed; NULL: none */
};

extern const struct host_ops fake_host_ops;

/*
 * A host with one TSM: root port 00:01.0, TDISP card 01:00.0 (driver "nvme", group 7, node 1),
 * and a NIC 02:00.0 with 8 VFs (driver "mlx5_core", group 8).
 */
void fake_host_init(struct fake_host *host);
void fake_host_finish(struct fake_host *host);

struct bdf address(const char *text);
struct function *fake_function(struct fake_host *host, const char *bdf);

/* An attach, detach, … of @names (space-separated) for "vm1", resolved against the world. */
struct request a_request(struct fake_host *host, enum verb verb, const char *names);

/* Runs @request as a worker would: own copies of everything. */
int fake_run(struct fake_host *host, const struct request *request, struct tio_error *err);
int fake_recover(struct fake_host *host, struct tio_error *err);

/* The steps that @request would take, "rebind 0000:01:00.0; …", or the refusal's text. */
const char *fake_plan(struct fake_host *host, const struct request *request, char *buf,
		      size_t size);

/* All that the machine holds, as text: two states are compared by it. */
const char *fake_state(const struct fake_host *host, char *buf, size_t size);
