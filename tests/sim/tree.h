/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The tree of the simulated host: directories, attributes and links, as a
 * kernel would show them.
 *
 * fuse.c serves the tree to the world and model/ fills it.  Four roots stand
 * below the mount point: "sys" (bound over /sys), "proc" (single files bound
 * over those of /proc), "dev" (/dev/vfio, /dev/iommu) and "store", which holds
 * ordinary files that a program may create (its state and journal), so that
 * faults can be put on their writes too.
 *
 * One big lock guards everything.  show, store, open and release callbacks run
 * with it held; the only places that let go of it are sim_wait() and sim_sleep(),
 * and a callback that waits must look again at all it knew before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct node;

#define SIM_ATTR_MAX 4096

/* Who asks: filled by fuse.c from the request in hand. */
struct sim_caller {
	pid_t pid; /* as seen from the server's PID namespace */
	uid_t uid;
	gid_t gid;
	bool sys_admin; /* had CAP_SYS_ADMIN when it opened the file */
	bool snapshot;  /* a canonical dump: show raw values and never wait */
};

/*
 * What an attribute does.  @obj is what the node was made with.
 *
 * show: writes at most SIM_ATTR_MAX bytes into @buf and returns their number, or a
 * negative errno.  Called for each read(2) at offset 0.
 * store: takes one whole write(2), terminated for convenience; returns 0 (all was
 * taken) or a negative errno.  It is done before write(2) returns.
 * A zero-byte write never reaches it: write(2) returns 0, as in the kernel.
 *
 * read/write, where given, replace them for binary attributes (config): any offset.
 * They return the number of bytes, 0 at the end, or a negative errno.
 * open/release: for device nodes; open may refuse with a negative errno.  release is
 * called for a node that has been removed too, so @obj must outlive the last release.
 */
struct node_ops {
	ssize_t (*show)(void *obj, const struct sim_caller *who, char *buf);
	int (*store)(void *obj, const struct sim_caller *who, const char *buf, size_t size);
	ssize_t (*read)(void *obj, const struct sim_caller *who, char *buf, size_t size,
			off_t off);
	ssize_t (*write)(void *obj, const struct sim_caller *who, const char *buf, size_t size,
			 off_t off);
	int (*open)(void *obj, const struct sim_caller *who);
	void (*release)(void *obj, const struct sim_caller *who);
};

/*
 * Making and removing nodes.  The lock must be held (or nothing be served yet).
 * tree_dir() returns the directory that is there already, if any; every other name
 * must be new.  Out of memory ends the program.
 * Names are copied; @ops must outlive the node.  A node that is removed while a file
 * of it is open stays until the last release; its operations then answer ENODEV.
 * Parents own their children: tree_remove() takes the whole subtree along.
 */
struct node *tree_root(const char *name); /* "sys", "proc", "dev" or "store" */
struct node *tree_dir(struct node *parent, const char *name);
struct node *tree_attr(struct node *parent, const char *name, mode_t mode,
		       const struct node_ops *ops, void *obj);
struct node *tree_text(struct node *parent, const char *name,
		       const char *text); /* constant, 0444 */
struct node *tree_link(struct node *parent, const char *name, const char *target);
/* A link whose target is the relative path from @parent to @to, as sysfs makes them. */
struct node *tree_link_to(struct node *parent, const char *name, const struct node *to);
void tree_set_size(struct node *node, size_t size); /* what stat(2) says; 4096 by default */
void tree_remove(struct node *node);

/* "a/b/c" below @parent, or NULL.  Links are not followed. */
struct node *tree_find(const struct node *parent, const char *path);
/* The path below the mount point, "sys/devices/pci0000:00"; returns @buf. */
char *tree_path(const struct node *node, char *buf, size_t size);

/* --- Time and locks --- */

void sim_lock(void);
void sim_unlock(void);

/*
 * Waits, with the lock released meanwhile, until sim_wake() or until @ms have passed
 * (-1: no limit); callers look at their condition again.  With @killable it returns
 * -EINTR once the process whose request is in hand has a fatal signal pending, and
 * with @interruptible once it has any; otherwise 0.  -ESHUTDOWN, whatever the mode:
 * the simulation ends, give up.  Events and removals so far are made known first.
 */
enum sim_wait_mode { SIM_UNINTERRUPTIBLE, SIM_KILLABLE, SIM_INTERRUPTIBLE };
int sim_wait(int ms, enum sim_wait_mode mode);
void sim_wake(void);

/* Takes @ms of time, the lock released meanwhile.  -EINTR and -ESHUTDOWN as above. */
int sim_sleep(int ms, enum sim_wait_mode mode);

/* --- Events and control --- */

/*
 * Sends a uevent into the host's network namespace: @devpath begins with "/devices/…";
 * @env is NULL-terminated "KEY=value" strings beside ACTION, DEVPATH and SEQNUM.  It goes
 * out, in order, when the callback returns or waits, once the tree shows what it says.
 */
void sim_uevent(const char *action, const char *devpath, const char *const *env);
