// SPDX-License-Identifier: GPL-2.0-or-later
#include "knobs.h"

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci-ide.h>
#include <linux/wait.h>

#include "overlay.h"
#include "tsm.h"

#define LIST 8

static char *no_tee[LIST], *no_ide[LIST], *no_doe[LIST];
static unsigned int no_tees, no_ides, no_does;
module_param_array(no_tee, charp, &no_tees, 0444);
MODULE_PARM_DESC(no_tee, "functions without the TEE-IO bit, as 01:00.0");
module_param_array(no_ide, charp, &no_ides, 0444);
MODULE_PARM_DESC(no_ide, "functions without IDE");
module_param_array(no_doe, charp, &no_does, 0444);
MODULE_PARM_DESC(no_doe, "functions without a DOE mailbox");

enum { SECURE, INSECURE_BOTH, INSECURE_ENDPOINT, INSECURE_PORT };
enum { NO_HANG, HANG_KILLABLE, HANG_FOREVER };

static u32 connect_errno, connect_fails, connect_ms, disconnect_ms, insecure, hanging;
static bool only_pf0;
static u32 hang;
static u32 link_down = ~0u; /* bus << 8 | devfn */
static struct dentry *folder;
static DECLARE_WAIT_QUEUE_HEAD(hang_queue);

static bool listed(char *const *list, unsigned int n, struct pci_bus *bus, unsigned int devfn)
{
	char name[16];

	snprintf(name, sizeof(name), "%02x:%02x.%x", bus->number, PCI_SLOT(devfn),
		 PCI_FUNC(devfn));
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

bool knobs_lack(enum knobs_lack what, struct pci_bus *bus, unsigned int devfn)
{
	switch (what) {
	case KNOBS_NO_TEE:
		return listed(no_tee, no_tees, bus, devfn);
	case KNOBS_NO_IDE:
		return listed(no_ide, no_ides, bus, devfn);
	case KNOBS_NO_DOE:
		return listed(no_doe, no_does, bus, devfn);
	}
	return false;
}

bool knobs_link_down(struct pci_bus *bus, unsigned int devfn)
{
	return READ_ONCE(link_down) == ((u32)bus->number << 8 | devfn);
}

bool knobs_insecure(bool port)
{
	u32 how = READ_ONCE(insecure);

	return how == INSECURE_BOTH || how == (port ? INSECURE_PORT : INSECURE_ENDPOINT);
}

bool knobs_only_pf0(void)
{
	return READ_ONCE(only_pf0);
}

static int wait_while_hanging(void)
{
	int r = 0;

	hanging++;
	if (READ_ONCE(hang) == HANG_KILLABLE)
		r = wait_event_killable(hang_queue, !READ_ONCE(hang));
	else
		wait_event(hang_queue, !READ_ONCE(hang));
	hanging--;
	return r ? -EINTR : 0;
}

int knobs_before_connect(void)
{
	int r = wait_while_hanging();

	if (r)
		return r;
	if (connect_ms && msleep_interruptible(connect_ms))
		return -EINTR;
	if (!connect_fails || !connect_errno)
		return 0;
	connect_fails--;
	return -(int)connect_errno;
}

void knobs_before_disconnect(void)
{
	msleep(disconnect_ms);
}

/* --- Files that do something when they are written --- */

static int hang_set(void *data, u64 value)
{
	WRITE_ONCE(hang, value);
	wake_up_all(&hang_queue);
	return 0;
}

static int hang_get(void *data, u64 *value)
{
	*value = hang;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hang_fops, hang_get, hang_set, "%llu\n");

static int present_set(void *data, u64 value)
{
	return value ? tsm_arrive() : tsm_leave();
}

static int present_get(void *data, u64 *value)
{
	*value = tsm_present();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(present_fops, present_get, present_set, "%llu\n");

/* How many streams the first host bridge has. */
static int streams_set(void *data, u64 value)
{
	struct pci_bus *bus = pci_find_next_bus(NULL);

	pci_ide_set_nr_streams(pci_find_host_bridge(bus), value);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(streams_fops, NULL, streams_set, "%llu\n");

/* "none" lets the link come up again, with the registers as they were. */
static int set_down(const char *name)
{
	unsigned int bus, devfn;
	int r;

	if (!*name || strcmp(name, "none") == 0) {
		WRITE_ONCE(link_down, ~0u);
		return 0;
	}
	r = overlay_parse(name, &bus, &devfn);
	if (r)
		return r;
	WRITE_ONCE(link_down, bus << 8 | devfn);
	return 0;
}

static int set_failed(const char *name)
{
	return overlay_for_card(name, ide_fail);
}

static const struct by_name {
	const char *file;
	int (*act)(const char *name);
} by_name[] = {
	{ "link_down", set_down },
	{ "fail", set_failed },
	{ "bind", tsm_bind },
	{ "unbind", tsm_unbind },
};

static ssize_t name_write(struct file *file, const char __user *data, size_t n, loff_t *at)
{
	const struct by_name *knob = file->private_data;
	char name[32];
	int r;

	/* A name is one write, from the file's start. */
	if (*at || n >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, data, n))
		return -EFAULT;
	name[n] = '\0';
	r = knob->act(strim(name));
	if (r)
		return r;
	*at += n;
	return n;
}

static const struct file_operations name_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = name_write,
};

int knobs_start(void)
{
	static const struct {
		const char *name;
		u32 *value;
	} numbers[] = {
		{ "connect_errno", &connect_errno }, { "connect_fails", &connect_fails },
		{ "connect_ms", &connect_ms },       { "disconnect_ms", &disconnect_ms },
		{ "insecure", &insecure },           { "hanging", &hanging },
	};

	folder = debugfs_create_dir("tsm-test", NULL);
	for (int i = 0; i < ARRAY_SIZE(numbers); i++)
		debugfs_create_u32(numbers[i].name, 0600, folder, numbers[i].value);
	for (int i = 0; i < ARRAY_SIZE(by_name); i++)
		debugfs_create_file(by_name[i].file, 0200, folder, (void *)&by_name[i],
				    &name_fops);
	debugfs_create_bool("only_pf0", 0600, folder, &only_pf0);
	debugfs_create_file("hang", 0600, folder, NULL, &hang_fops);
	debugfs_create_file("present", 0600, folder, NULL, &present_fops);
	debugfs_create_file("streams", 0200, folder, NULL, &streams_fops);
	return 0;
}

/* The files go first: nobody can have a connect hang any more once those that do are let go. */
void knobs_stop(void)
{
	debugfs_remove(folder);
	hang_set(NULL, NO_HANG);
}
