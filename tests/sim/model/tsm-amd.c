/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * tsm/ of AMD's development kernels before evidence went to netlink: dsm_status, tdi_status,
 * certs, meas, meas_nonce, report.  Raw structures in text attributes, a page at most, and a
 * lone newline while the card is not connected.
 */

#include <errno.h>
#include <string.h>

#include "model/config.h"
#include "model/host.h"
#include "model/tsm.h"

#define DIGEST 48

struct blob {
	uint8_t *data;
	size_t size;
};

static void add(struct blob *blob, uint64_t value, unsigned int width)
{
	for (unsigned int i = 0; i < width; i++)
		blob->data[blob->size++] = (uint8_t)(value >> (8 * i));
}

static void fill(struct blob *blob, uint8_t byte, size_t n)
{
	memset(blob->data + blob->size, byte, n);
	blob->size += n;
}

/* Requester ID, as in function_id: bits 31:16 are the segment and that there is one. */
static unsigned int rid(const struct pci_dev *dev)
{
	return dev->bus << 8 | dev->devfn;
}

/* --- What each says --- */

static void put_dsm_status(struct blob *blob, const struct pci_dev *dev)
{
	add(blob, 1, 1); /* valid */
	add(blob, 3, 1); /* the PSP's own number of a state */
	add(blob, 1, 1); /* traffic class 0 only */
	add(blob, 0, 1);
	add(blob, 0, 4);
	add(blob, rid(dev), 2);
	add(blob, dev->domain, 2);
	add(blob, (unsigned int)dev->tsm.stream.pool_index, 2);
	fill(blob, 0, 14);
}

static void put_tdi_status(struct blob *blob, const struct pci_dev *dev)
{
	add(blob, 0, 1); /* bound */
	add(blob, 2, 1); /* RUN */
	add(blob, 0x010101, 4);
	add(blob, 0x0001, 2);
	add(blob, 64, 2);
	add(blob, 1u << 1 | 1u << 3 | 1u << 6 | 1u << 8 | 1u << 9, 8);
	fill(blob, 0xc1, DIGEST);
	fill(blob, 0xd2, DIGEST);
	fill(blob, 0xe3, DIGEST);
	add(blob, 7, 8);
	add(blob, rid(dev) | (dev->domain & 0xff) << 16 | 1u << 24, 4);
	fill(blob, 0, 8);
	add(blob, 0x100 + rid(dev), 8);
}

static void put_report(struct blob *blob, const struct pci_dev *dev)
{
	unsigned int n = 0;

	for (int i = 0; i < PCI_BARS; i++)
		n += dev->bars[i].size > 0;
	add(blob, 1u << 0 | 1u << 1 | 1u << 3, 2);
	add(blob, 0, 2);
	add(blob, 0x8000, 2);
	add(blob, 0, 2);
	add(blob, 0, 4);
	add(blob, n, 4);
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (!dev->bars[i].size)
			continue;
		add(blob, dev->bars[i].base >> 12, 8);
		add(blob, dev->bars[i].size >> 12, 4);
		add(blob, i << 16 | (i ? 1u << 0 : 0), 4);
	}
	add(blob, 0, 4);
}

/* A digest of the firmware and, raw, its version. */
static void put_blocks(struct blob *blob)
{
	add(blob, 1, 1);
	add(blob, 1, 1);
	add(blob, 3 + DIGEST, 2);
	add(blob, 0x01, 1);
	add(blob, DIGEST, 2);
	fill(blob, 0xa5, DIGEST);
	add(blob, 2, 1);
	add(blob, 1, 1);
	add(blob, 3 + 8, 2);
	add(blob, 0x86, 1);
	add(blob, 8, 2);
	add(blob, 0x0000000100020003, 8);
}

#define BLOCKS_SIZE (4 + 3 + DIGEST + 4 + 3 + 8)

/* The whole exchange, from GET_VERSION on, as the PSP keeps it. */
static void put_measurements(struct blob *blob, const struct pci_dev *dev)
{
	add(blob, 0x00008410, 4);
	add(blob, 0x00000410, 4);
	add(blob, 0x0100, 2);
	add(blob, 0x1200, 2);
	add(blob, 0x0000e112, 4);
	fill(blob, 0, 16);
	add(blob, 0x00006112, 4);
	fill(blob, 0, 16);
	add(blob, 0x0000e312, 4);
	add(blob, 32, 2);
	fill(blob, 0, 26);
	add(blob, 0x00006312, 4);
	add(blob, 36, 2);
	fill(blob, 0, 30);
	add(blob, 0xff00e012, 4); /* all measurements, unsigned */
	add(blob, 0x00006012, 4);
	add(blob, 2, 1);
	add(blob, BLOCKS_SIZE, 3);
	put_blocks(blob);
	memcpy(blob->data + blob->size, dev->tsm.nonce, sizeof(dev->tsm.nonce));
	blob->size += sizeof(dev->tsm.nonce);
	add(blob, 0, 2);
}

/* One chain: its length, the digest of the root, and what passes for certificates. */
static void put_certs(struct blob *blob, const struct pci_dev *dev)
{
	add(blob, 4 + DIGEST + 600, 2);
	add(blob, 0, 2);
	fill(blob, 0xf4, DIGEST);
	fill(blob, 0x30, 600);
}

/* --- Reading --- */

/* Those that ask the PSP keep everybody else out meanwhile. */
static int lock(const struct sim_caller *who, bool asks)
{
	if (who->snapshot)
		return 0;
	return asks ? rwsem_write(&host.tsm_rwsem, SIM_INTERRUPTIBLE)
		    : rwsem_read(&host.tsm_rwsem, SIM_INTERRUPTIBLE);
}

static void unlock(const struct sim_caller *who, bool asks)
{
	if (who->snapshot)
		return;
	if (asks)
		rwsem_write_done(&host.tsm_rwsem);
	else
		rwsem_read_done(&host.tsm_rwsem);
}

static ssize_t show(struct pci_dev *dev, const struct sim_caller *who, char *buf, bool asks,
		    void (*put)(struct blob *blob, const struct pci_dev *dev))
{
	struct blob blob = { (uint8_t *)buf, 0 };
	int r = lock(who, asks);

	if (r < 0)
		return r;
	if (!tsm_dsm(dev))
		add(&blob, '\n', 1);
	else
		put(&blob, dev);
	unlock(who, asks);
	return (ssize_t)blob.size;
}

static ssize_t dsm_status_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show(obj, who, buf, true, put_dsm_status);
}

static ssize_t certs_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show(obj, who, buf, false, put_certs);
}

static ssize_t meas_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show(obj, who, buf, true, put_measurements);
}

/* No TDI: its status is an error, its report is empty. */
static ssize_t tdi_status_show(void *obj, const struct sim_caller *who, char *buf)
{
	const struct pci_dev *dev = obj;

	if (tsm_dsm(dev) && !dev->tsm.bound)
		return -ENODEV;
	return show(obj, who, buf, true, put_tdi_status);
}

static ssize_t report_show(void *obj, const struct sim_caller *who, char *buf)
{
	const struct pci_dev *dev = obj;

	if (tsm_dsm(dev) && !dev->tsm.bound)
		return 0;
	return show(obj, who, buf, false, put_report);
}

static ssize_t nonce_show(void *obj, const struct sim_caller *who, char *buf)
{
	const struct pci_dev *dev = obj;

	memcpy(buf, dev->tsm.nonce, sizeof(dev->tsm.nonce));
	return sizeof(dev->tsm.nonce);
}

static int nonce_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	struct pci_dev *dev = obj;

	if (size > sizeof(dev->tsm.nonce))
		return -EINVAL;
	memset(dev->tsm.nonce, 0, sizeof(dev->tsm.nonce));
	memcpy(dev->tsm.nonce, buf, size);
	return 0;
}

const struct attribute tsm_amd_pf0_attrs[] = {
	{ "dsm_status", 0444, { .show = dsm_status_show } },
	{ "certs", 0444, { .show = certs_show } },
	{ "meas", 0444, { .show = meas_show } },
	{ "meas_nonce", 0644, { .show = nonce_show, .store = nonce_store } },
	{ NULL },
};

const struct attribute tsm_amd_tdi_attrs[] = {
	{ "tdi_status", 0444, { .show = tdi_status_show } },
	{ "report", 0444, { .show = report_show } },
	{ NULL },
};
